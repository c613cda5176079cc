"""The dumb widgets: what goes in is shown, what the user does comes out, and only what changed."""

import math

import numpy as np
import pytest
from PyQt6.QtCore import QPoint, QPointF, Qt
from PyQt6.QtGui import QWheelEvent
from PyQt6.QtWidgets import QApplication

from gui.theme import DARK, LIGHT, contrast
from gui.widgets.buttons import IconButton, Segments
from gui.widgets.decibels import FLOOR_DB, db_at, position_of, write_db
from gui.widgets.fader import Fader
from gui.widgets.meter import LevelMeter
from gui.widgets.model_picker import Fact, ModelPicker
from gui.widgets.notice import Notice
from gui.widgets.picker import Picker
from gui.widgets.slider import Slider
from gui.widgets.spectrogram import Spectrogram
from gui.widgets.status_line import Figure, StatusLine
from gui.widgets.stepper import Stepper

TOP_DB = 6.0


@pytest.fixture
def fader(qtbot):
    fader = Fader("vocals", -12.0)
    fader.resize(80, 240)
    qtbot.addWidget(fader)
    fader.show()
    return fader


def turn_wheel(widget, steps):
    place = QPointF(widget.rect().center())
    event = QWheelEvent(
        place,
        QPointF(widget.mapToGlobal(place.toPoint())),
        QPoint(),
        QPoint(0, 120 * steps),
        Qt.MouseButton.NoButton,
        Qt.KeyboardModifier.NoModifier,
        Qt.ScrollPhase.NoScrollPhase,
        False,
    )
    QApplication.sendEvent(widget, event)


@pytest.mark.parametrize("db", [6.0, 0.0, -6.0, -24.0, -59.0])
def test_a_faders_place_and_value_are_inverse(db):
    assert db_at(position_of(db, TOP_DB), TOP_DB) == pytest.approx(db)


def test_a_fader_ends_in_silence_and_at_its_top():
    assert db_at(0.0, TOP_DB) == -math.inf
    assert db_at(1.0, TOP_DB) == TOP_DB
    assert position_of(-math.inf, TOP_DB) == 0.0


def test_a_fader_tells_what_the_user_does_and_nothing_twice(fader, qtbot):
    told = []
    fader.value_changed.connect(told.append)
    fader.set_value_db(-12.0)
    assert told == []
    fader.set_value_db(-3.5)
    assert told == [-3.5]


@pytest.mark.parametrize(
    ("key", "modifier", "expected"),
    [
        (Qt.Key.Key_Up, Qt.KeyboardModifier.NoModifier, -11.0),
        (Qt.Key.Key_Down, Qt.KeyboardModifier.NoModifier, -13.0),
        (Qt.Key.Key_Up, Qt.KeyboardModifier.ShiftModifier, -11.9),
        (Qt.Key.Key_PageUp, Qt.KeyboardModifier.NoModifier, -6.0),
        (Qt.Key.Key_PageDown, Qt.KeyboardModifier.NoModifier, -18.0),
        (Qt.Key.Key_Home, Qt.KeyboardModifier.NoModifier, 6.0),
        (Qt.Key.Key_End, Qt.KeyboardModifier.NoModifier, -math.inf),
    ],
)
def test_keys_move_a_fader(fader, qtbot, key, modifier, expected):
    qtbot.keyClick(fader, key, modifier)
    assert fader.value_db == pytest.approx(expected)


def test_a_fader_comes_back_from_silence(fader, qtbot):
    fader.set_value_db(-math.inf)
    qtbot.keyClick(fader, Qt.Key.Key_Up)
    assert FLOOR_DB < fader.value_db < -20


def test_the_wheel_moves_a_fader_by_a_decibel(fader):
    turn_wheel(fader, 2)
    assert fader.value_db == pytest.approx(-10.0)


def test_a_double_click_or_delete_puts_a_fader_back(fader, qtbot):
    for put_back in (
        lambda: qtbot.mouseDClick(fader, Qt.MouseButton.LeftButton, pos=QPoint(50, 120)),
        lambda: qtbot.keyClick(fader, Qt.Key.Key_Delete),
    ):
        fader.set_value_db(3.0)
        put_back()
        assert fader.value_db == -12.0


def test_dragging_a_fader_goes_from_top_to_silence(fader, qtbot):
    qtbot.mousePress(fader, Qt.MouseButton.LeftButton, pos=QPoint(50, 100))
    qtbot.mouseMove(fader, QPoint(50, -50))
    assert fader.value_db == TOP_DB
    qtbot.mouseMove(fader, QPoint(50, 400))
    assert fader.value_db == -math.inf
    qtbot.mouseRelease(fader, Qt.MouseButton.LeftButton, pos=QPoint(50, 400))
    qtbot.mouseMove(fader, QPoint(50, 100))
    assert fader.value_db == -math.inf


def test_a_fader_says_its_value_to_screen_readers(fader):
    fader.set_value_db(-6.0)
    assert write_db(-6.0) in fader.accessibleDescription()
    fader.set_value_db(-math.inf)
    assert fader.accessibleDescription() == "silent"


def test_a_meter_holds_a_peak_and_lets_it_go(qtbot):
    meter = LevelMeter("accompaniment")
    qtbot.addWidget(meter)
    meter.set_level(-6.0, -12.0, now=100.0)
    meter.set_level(-40.0, -50.0, now=101.0)
    assert meter.held_db == -6.0
    for step in range(100):
        meter.set_level(-40.0, -50.0, now=102.0 + step / 10)
    assert meter.held_db == pytest.approx(-40.0)


def test_a_meter_shows_clipping_for_a_while(qtbot):
    meter = LevelMeter("vocals")
    qtbot.addWidget(meter)
    meter.set_level(-0.5, -3.0, now=100.0)
    assert not meter.clipped
    meter.set_level(0.0, -3.0, now=100.1)
    meter.set_level(-30.0, -40.0, now=101.0)
    assert meter.clipped
    meter.set_level(-30.0, -40.0, now=110.0)
    assert not meter.clipped


def strongest_row(picture, silent):
    """Return the row in which `picture` differs most from a silent one, 0 for the top and 1 for the bottom."""
    images = [widget.grab().toImage() for widget in (picture, silent)]
    x, height = images[0].width() // 2, images[0].height()
    lightness = np.array([[image.pixelColor(x, y).lightness() for y in range(height)] for image in images])
    return int(np.argmax(np.abs(lightness[0] - lightness[1]))) / height


def test_a_spectrogram_shows_a_tone_where_it_belongs(qtbot):
    heights = []
    for hz in (100, 1000, 10000):
        picture, silent = Spectrogram("accompaniment"), Spectrogram("accompaniment")
        for widget in (picture, silent):
            qtbot.addWidget(widget)
            widget.resize(200, 300)
        picture.append(np.sin(2 * np.pi * hz * np.arange(88200) / 44100).astype(np.float32))
        heights.append(strongest_row(picture, silent))
    # The axis is logarithmic from 50 Hz to 16 kHz, so decades lie equally far apart.
    span = math.log10(16000 / 50)
    expected = [1 - math.log10(hz / 50) / span for hz in (100, 1000, 10000)]
    assert heights == pytest.approx(expected, abs=0.03)


def test_a_spectrogram_draws_one_column_a_hop_however_blocks_are_cut(qtbot):
    sizes = [1, 511, 512, 513, 4000, 7]
    pictures = [Spectrogram("vocals"), Spectrogram("vocals")]
    for picture in pictures:
        qtbot.addWidget(picture)
    for size in sizes:
        pictures[0].append(np.zeros(size, np.float32))
    pictures[1].append(np.zeros(sum(sizes), np.float32))
    assert pictures[0].columns == pictures[1].columns > 0


def test_a_stepper_stays_in_its_range(qtbot):
    stepper, told = Stepper(6, "Lower", "Higher"), []
    qtbot.addWidget(stepper)
    stepper.value_changed.connect(told.append)
    stepper.set_value(99)
    turn_wheel(stepper, 1)
    assert (stepper.value, told) == (6, [6])
    less = next(button for button in stepper.findChildren(IconButton) if button.accessibleName() == "Lower")
    qtbot.mouseClick(less, Qt.MouseButton.LeftButton)
    qtbot.keyClick(stepper, Qt.Key.Key_Down)
    assert told == [6, 5, 4]


def test_a_slider_follows_the_pointer_and_resets(qtbot):
    slider = Slider("microphone", 15)
    qtbot.addWidget(slider)
    qtbot.mousePress(slider, Qt.MouseButton.LeftButton, pos=QPoint(0, 12))
    assert slider.value() == 0
    qtbot.mouseMove(slider, QPoint(175, 12))
    assert slider.value() == 100
    qtbot.mouseDClick(slider, Qt.MouseButton.LeftButton, pos=QPoint(60, 12))
    assert slider.value() == 15


def test_a_picker_tells_the_users_choice_only(qtbot):
    picker, told = Picker(), []
    qtbot.addWidget(picker)
    picker.picked.connect(told.append)
    picker.set_choices([("a", "Alpha"), ("b", "Beta")], "b")
    assert (picker.key, told) == ("b", [])
    qtbot.keyClick(picker, Qt.Key.Key_Up)
    assert (picker.key, told) == ("a", ["a"])


def test_the_wheel_leaves_a_picker_alone(qtbot):
    picker = Picker()
    qtbot.addWidget(picker)
    picker.set_choices([("a", "Alpha"), ("b", "Beta")], "a")
    turn_wheel(picker, -1)
    assert picker.key == "a"


def test_a_model_card_replaces_the_one_before(qtbot):
    picker = ModelPicker()
    qtbot.addWidget(picker)
    picker.show()
    for value in ("1 dB", "2 dB"):
        picker.set_facts((Fact("Quality", value, "on a test set"),))
        qtbot.wait(10)
    shown = [label.accessibleName() for label in picker.findChildren(type(picker).__mro__[1]) if label.accessibleName()]
    assert "Quality: 2 dB" in shown
    assert "Quality: 1 dB" not in shown


def test_the_status_line_tells_readers_what_hovering_tells(qtbot):
    line = StatusLine(1)
    qtbot.addWidget(line)
    line.set_figures([Figure("Delay", "34 ms", "device 6 ms", "good")])
    block = next(child for child in line.children() if getattr(child, "toolTip", str)())
    assert (block.accessibleName(), block.toolTip()) == ("Delay: 34 ms", "device 6 ms")
    assert block.accessibleDescription() == "device 6 ms"


def test_a_notice_comes_acts_and_goes(qtbot):
    notice = Notice()
    qtbot.addWidget(notice)
    notice.show_text("It is late.", "warning", "Hurry")
    assert notice.isVisible()
    buttons = {button.text() or button.accessibleName(): button for button in notice.findChildren(IconButton)}
    with qtbot.waitSignal(notice.closed):
        qtbot.mouseClick(buttons["Dismiss this message"], Qt.MouseButton.LeftButton)
    assert not notice.isVisible()


def test_a_brief_notice_goes_by_itself(qtbot, monkeypatch):
    monkeypatch.setattr("gui.widgets.notice._BRIEF_MS", 1)
    notice = Notice()
    qtbot.addWidget(notice)
    notice.show_text("Done.", "good", brief=True)
    qtbot.waitUntil(lambda: not notice.isVisible())


def test_segments_tell_which_one_is_on(qtbot):
    segments, told = Segments(("One", "Two")), []
    qtbot.addWidget(segments)
    segments.chosen.connect(told.append)
    segments.set_index(1)
    segments.set_index(1)
    assert (segments.index, told) == (1, [1])


@pytest.mark.parametrize("theme", [DARK, LIGHT], ids=lambda theme: theme.name)
def test_writing_can_be_read(theme):
    backgrounds = {role: getattr(theme, role) for role in ("background", "surface", "raised", "hover", "sunken")}
    for role in ("text", "muted", "vocals", "accompaniment", "microphone", "danger", "warning", "good"):
        for name, background in backgrounds.items():
            ratio = contrast(getattr(theme, role), background)
            assert ratio >= 4.5, f"{role} on {name}: {ratio:.2f}"
    for accent in ("vocals", "accompaniment", "danger", "warning"):
        assert contrast(theme.on_accent, getattr(theme, accent)) >= 4.5, accent


@pytest.mark.parametrize("theme", [DARK, LIGHT], ids=lambda theme: theme.name)
def test_controls_can_be_seen(theme):
    for background in ("background", "surface", "raised"):
        assert contrast(theme.outline, getattr(theme, background)) >= 3, background


def test_contrast_is_that_of_wcag():
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.01)
