"""Whatever a refusal tells people to type exists and can be typed so: each command in the room's sentences is one of stationctl's."""

from __future__ import annotations

import ast
import re
import shlex
from pathlib import Path

import pytest

import stationd.core.operation
from stationd.shell.grammar.acting import ACTS
from stationd.shell.grammar.command import first_word
from stationd.shell.grammar.noting import NOTING
from stationd.shell.grammar.table import understood

VERBS = {first_word(command.form) for command in (*NOTING, *ACTS)}
ROOM = Path(stationd.core.operation.__file__).parent
SENTENCES = "sentences.py"  # tells orders as they were asked, with what was asked for, however odd
COMMAND = re.compile(rf": ((?:{'|'.join(re.escape(verb) for verb in ('show', *VERBS))})(?![\w-])[^;,]*)")
EXAMPLES = {"dossier.name": "OP-42", "view.name": "OP-42", "name": "OP-42", "hold.name": "H-7"}
PLACES = {"NAME": "fp1-booster", "VALUE": "20.5"}


def plain(node: ast.JoinedStr | ast.Constant) -> str:
    """Return a sentence of the code, with an example for each value that stands in it."""
    parts = node.values if isinstance(node, ast.JoinedStr) else [node]
    return "".join(
        str(part.value) if isinstance(part, ast.Constant) else EXAMPLES.get(ast.unparse(part.value), "x")
        for part in parts
        if isinstance(part, ast.Constant | ast.FormattedValue)
    )


def sentences(tree: ast.AST) -> set[str]:
    """Return all, but for docstrings and what an order is called in its own refusal."""
    left_out = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    calls = (node for node in ast.walk(tree) if isinstance(node, ast.Call) and node.args)
    left_out |= {id(call.args[0]) for call in calls if ast.unparse(call.func) == "Refused"}
    left_out |= {id(part) for node in ast.walk(tree) if isinstance(node, ast.JoinedStr) for part in node.values}
    found = (node for node in ast.walk(tree) if isinstance(node, ast.JoinedStr | ast.Constant) and id(node) not in left_out)
    return {plain(node) for node in found if isinstance(node, ast.JoinedStr) or (isinstance(node.value, str) and " " in node.value)}


def commands() -> list[tuple[str, str]]:
    """Return each command that is named in a sentence, with the sentence."""
    trees = [ast.parse(path.read_text()) for path in sorted(ROOM.glob("*.py")) if path.name != SENTENCES]
    return sorted({(found.strip(), sentence) for tree in trees for sentence in sentences(tree) for found in COMMAND.findall(sentence)})


@pytest.mark.parametrize(("command", "sentence"), commands())
def test_every_command_that_a_remedy_names_can_be_typed_so(command: str, sentence: str) -> None:
    assert understood([PLACES.get(word, word) for word in shlex.split(command)]), sentence


def test_the_remedies_that_people_need_most_are_among_them() -> None:
    named = {command for command, _ in commands()}
    assert {"show operations", "show interlocks", "authority request", "hold-ramp"} <= named
    assert {f"{word} OP-42" for word in ("approve", "disarm", "resume")} <= named
