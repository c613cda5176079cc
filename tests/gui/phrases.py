"""Finds every phrase of the window in its source."""

import ast
from collections.abc import Iterator
from pathlib import Path

GUI = Path(__file__).parents[2] / "gui"
_CALLS = {"tr": (0,), "mark": (0,), "plural": (0, 1), "bind": (1,), "IconButton": (1,), "Stepper": (1, 2)}


def phrases() -> dict[str, Path]:
    """Return every English phrase that is shown, with the file it stands in."""
    found = {}
    for path in sorted(GUI.rglob("*.py")):
        for phrase in _phrases_of(ast.parse(path.read_text(encoding="utf-8"))):
            found[phrase] = path
    return found


def _phrases_of(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            name = ast.unparse(node.func).split(".")[-1]
            for index in _CALLS.get(name, ()):
                if index < len(node.args):
                    argument = node.args[index]
                    if isinstance(argument, ast.Constant) and isinstance(argument.value, str):
                        yield argument.value
