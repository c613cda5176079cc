"""Every word of the window has its Chinese."""

import json
import re
from string import Formatter

import pytest
from PyQt6.QtWidgets import QApplication, QLabel

from gui.translation import FOLDER, LANGUAGES, Language, Phrases, plural, tr
from tests.gui.phrases import phrases


@pytest.fixture
def language(qapp):
    language = Language(QApplication.instance())
    yield language
    language.choose("en")


def chinese():
    return {
        english: words
        for path in sorted(FOLDER.glob("zh*.json"))
        for english, words in json.loads(path.read_text(encoding="utf-8")).items()
    }


def fields(text):
    return {name for _, name, _, _ in Formatter().parse(text) if name is not None}


def test_every_phrase_is_translated():
    missing = sorted(f"{path.name}: {text}" for text, path in phrases().items() if text not in chinese())
    assert not missing, "\n".join(missing)


def test_no_translation_is_left_over():
    assert sorted(set(chinese()) - set(phrases())) == []


def test_translations_fill_in_the_same_values():
    for english, words in chinese().items():
        assert fields(words) == fields(english), english


def test_translations_are_chinese():
    same = {english for english, words in chinese().items() if not re.search(r"[\u3400-\u9fff]", words)}
    assert same <= {"{scores} dB"}


def test_the_language_changes_while_the_window_is_open(qtbot, language):
    label = QLabel()
    qtbot.addWidget(label)
    Phrases(label).bind(label.setText, "Microphone")
    label.show()
    language.choose("zh")
    qtbot.waitUntil(lambda: label.text() == "话筒")
    assert tr("{n} gap in the sound card's stream", n=1) == "声卡数据流中断 1 次"
    language.choose("en")
    qtbot.waitUntil(lambda: label.text() == "Microphone")


def test_one_is_not_many(language):
    language.choose("en")
    words = "{n} gap in the sound card's stream", "{n} gaps in the sound card's stream"
    assert plural(*words, 1) == "1 gap in the sound card's stream"
    assert plural(*words, 2) == "2 gaps in the sound card's stream"


def test_an_unknown_phrase_stays_english(language):
    language.choose("zh")
    assert tr("drift of the moon") == "drift of the moon"


def test_the_systems_language_is_taken_where_there_is_none(language):
    language.choose("system")
    assert language.code in LANGUAGES
