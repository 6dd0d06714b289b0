"""The table: every row can be typed as it is written, reading may be cut short where it is unique, and nothing else may."""

from __future__ import annotations

import itertools
import re
import shutil
import subprocess

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stationd.shell.grammar.command import CHOICES, UNITS, Class, Command, Path, What, first_word, paths
from stationd.shell.grammar.manual import page, usage
from stationd.shell.grammar.match import EMERGENCY_OFF, read, written
from stationd.shell.grammar.slots import SLOTS
from stationd.shell.grammar.suggest import END, completions, following
from stationd.shell.grammar.table import COMMANDS, PIPES, stage, understood
from stationd.shell.wish import ACTING, Usage

ACTS = [command for command in COMMANDS if command.klass >= Class.SET]
LOOKS = [command for command in COMMANDS if command.klass is Class.READ]


def typed(path: Path) -> list[str]:
    """Return a way through a form as somebody types it, the first word of each choice."""
    examples = {What.WORD: lambda name: name, What.CHOICE: lambda name: CHOICES[name][0],
                What.SLOT: lambda name: SLOTS[name].example.strip('"')}  # fmt: skip
    return [examples[step.what](step.name) for step in path]


EVERY = [(command, typed(path)) for command in COMMANDS for path in paths(command.form)]


@pytest.mark.parametrize(("command", "words"), EVERY, ids=lambda found: " ".join(found) if isinstance(found, list) else "")
def test_every_row_can_be_typed_as_it_is_written(command: Command, words: list[str]) -> None:
    assert read(COMMANDS, words).command is command
    assert understood(words).kind is not None


@pytest.mark.parametrize("command", PIPES, ids=lambda command: command.form)
def test_every_stage_can_be_typed_as_it_is_written(command: Command) -> None:
    for path in paths(command.form):
        assert stage(typed(path)).method == first_word(command.form)


def test_no_two_rows_are_typed_alike() -> None:
    for (one, words), (other, others) in itertools.combinations(EVERY, 2):
        assert words != others, (one.form, other.form)


@pytest.mark.parametrize(("command", "words"), [each for each in EVERY if each[0].klass >= Class.NOTE], ids=lambda _: "")
def test_no_proper_prefix_of_a_word_that_acts_is_ever_taken_for_it(command: Command, words: list[str]) -> None:
    literals = {step.name for path in paths(command.form) for step in path if step.what is What.WORD}
    for at, word in enumerate(words):
        for length in range(1, len(word)) if word in literals else ():
            try:
                found = read(COMMANDS, [*words[:at], word[:length], *words[at + 1 :]])
            except Usage:
                continue
            assert found.command is not command or word[:length] in literals or found.filled != read(COMMANDS, words).filled


@pytest.mark.parametrize("command", LOOKS, ids=lambda command: command.form)
def test_a_word_that_looks_may_be_cut_short_where_only_one_begins_so(command: Command) -> None:
    words = typed(paths(command.form)[0])
    others = {first_word(each.form) for each in LOOKS} - {words[0]}
    for length in range(1, len(words[0])):
        short = words[0][:length]
        if not any(other.startswith(short) for other in others):
            assert read(COMMANDS, [short, *words[1:]]).command is command


def test_what_may_be_two_words_is_refused_with_both() -> None:
    with pytest.raises(Usage, match=r"fault or faults|alarms or amp"):
        understood(["show", "a"])
    with pytest.raises(Usage, match="operations or optical"):
        understood(["show", "op"])


def test_only_commands_of_a_class_that_acts_change_anything() -> None:
    for command, words in EVERY:
        if command.klass is Class.READ:
            assert understood(words).kind not in ACTING, command.form
        if command.klass >= Class.SET:
            assert understood(words).kind in ACTING, command.form


FRAGMENTS = [*sorted(UNITS), "show", "arm", "pfe", "a", "ramp", "to", "1000", "rate", "reason", "ack", "OP-42", EMERGENCY_OFF, "all"]


@given(st.lists(st.text(st.characters(min_codepoint=1, max_codepoint=0x2FF), max_size=12) | st.sampled_from(FRAGMENTS), max_size=9))
def test_whatever_is_typed_is_a_command_or_is_told_what_it_lacks(words: list[str]) -> None:
    said = ""
    try:
        understood(words)
    except Usage as wrong:
        said = str(wrong)
    assert not said or len(said) > 10


# What is suggested.


def names(slot: str) -> list[str]:
    return ["pfe-a", "fp1-booster", "line/LINE-DOWN"]


@pytest.mark.parametrize("command", ACTS, ids=lambda command: command.form)
def test_no_word_of_a_command_that_acts_is_completed(command: Command) -> None:
    allowed = {first_word(each.form) for each in COMMANDS if each.klass <= Class.NOTE}
    for path in paths(command.form):
        words = typed(path)
        for at, word in enumerate(words):
            for length in range(len(word) + 1):
                offered = completions(COMMANDS, words[:at], word[:length], names)
                harmless = {step.name for each in COMMANDS if each.klass <= Class.NOTE for way in paths(each.form)
                            for step in way if typed(way)[:at] == words[:at]}  # fmt: skip
                assert set(offered) <= allowed | harmless | set(names("")) | {word for words in CHOICES.values() for word in words}
                assert EMERGENCY_OFF not in offered


def test_a_completion_is_a_word_that_can_be_typed_there() -> None:
    assert completions(COMMANDS, [], "sho", names) == ["show"]
    assert completions(COMMANDS, ["show"], "st", names) == ["status"]
    assert "line/LINE-DOWN" in completions(COMMANDS, ["ack"], "", names)
    assert completions(COMMANDS, ["show", "pfe"], "pf", names) == ["pfe-a"]
    assert completions(COMMANDS, ["arm"], "p", names) == []
    assert completions(COMMANDS, [], "EMER", names) == []


def test_a_question_mark_names_everything_that_may_follow_with_a_line_of_help() -> None:
    first = {each.word for each in following(COMMANDS, [], "")}
    assert first == {first_word(command.form) for command in COMMANDS}
    assert {each.word for each in following(COMMANDS, ["show", "pfe", "a"], "")} == {END, "detail", "limits", "events"}
    assert [each.word for each in following(COMMANDS, ["arm", "pfe", "a", "ramp", "to", "500"], "")] == ["mA"]
    assert [each.word for each in following(COMMANDS, ["arm", "pfe", "a", "ramp", "to"], "")] == ["<a current>"]


# What is printed of it.


def test_help_names_every_command_once_and_fits() -> None:
    text = usage()
    joined = " ".join(" ".join(text).split())
    assert max(map(len, text)) <= 79
    assert all(" ".join(written(command.form).split()) in joined for command in COMMANDS)
    assert all(0x20 <= ord(sign) <= 0x7E for sign in "".join(text))


def test_the_manual_page_names_every_command_and_every_exit_code() -> None:
    found = page("1.0", "2026-11-22")
    plain = found.replace(r"\-", "-").replace(r"\e", "\\")
    assert all(written(command.form) in plain for command in (*COMMANDS, *PIPES))
    assert all(rf"\fB{code}\fR" in found for code in (0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 130))
    assert not re.search(r"^[.'](?!TH|SH|SS|TP|B|BR|I)", found, re.MULTILINE)


@pytest.mark.skipif(shutil.which("groff") is None, reason="groff is not installed; to run this: apt install groff")
def test_the_manual_page_is_set_without_a_warning() -> None:
    command = ["groff", "-man", "-Tascii", "-P-c", "-ww", "-b"]
    done = subprocess.run(command, input=page("1.0", "2026-11-22"), capture_output=True, text=True, check=True)
    assert done.stderr == ""
    assert "EMERGENCY-OFF" in re.sub(r".\x08", "", done.stdout)
