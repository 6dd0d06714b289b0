"""What a terminal may have: UTF-8 by the words of the environment alone, colour that takes no meaning with it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stationd.shell.dress import Dress, all_coloured, bare, coloured, dressed

XTERM = {"TERM": "xterm-256color", "LANG": "en_US.UTF-8"}
LINES = st.lists(st.sampled_from(["CRIT", "MAJOR", "WARN", "DOWN", "STALE", "line/LINE-DOWN", "x", " ", "DOWNTIME", "1000?"]), max_size=12)


@pytest.mark.parametrize(
    ("environment", "utf8"),
    [
        (XTERM, True), ({"TERM": "xterm", "LC_CTYPE": "ru_RU.utf8"}, True), ({"TERM": "xterm", "LANG": "C"}, False),
        ({"TERM": "xterm", "LC_ALL": "C", "LANG": "en_US.UTF-8"}, False), ({"TERM": "xterm", "LC_ALL": "", "LANG": "C.UTF-8"}, True),
        ({"TERM": "xterm", "LANG": "ru_RU.KOI8-R"}, False), ({"TERM": "vt100", "LANG": "en_US.UTF-8"}, False),
        ({"TERM": "dumb", "LANG": "en_US.UTF-8"}, False), ({"LANG": "en_US.UTF-8"}, False), ({"TERM": "xterm"}, False),
    ],
)  # fmt: skip
def test_other_than_ascii_only_where_a_person_has_said_so(environment: dict[str, str], utf8: bool) -> None:
    assert dressed(environment, is_tty=True).utf8 is utf8


def test_a_serial_line_is_seven_bit_whatever_its_environment_says() -> None:
    dress = dressed(XTERM, is_tty=True, is_serial=True, baud=9600)
    assert (dress.utf8, dress.baud) == (False, 9600)


def test_the_speed_of_a_pseudo_terminal_means_nothing() -> None:
    assert dressed(XTERM, is_tty=True, baud=38_400).baud == 0


@pytest.mark.parametrize("term", ["dumb", "vt100", "vt52", "unknown", "", "VT100"])
def test_no_colour_on_terminals_that_have_none(term: str) -> None:
    assert not dressed({**XTERM, "TERM": term}, is_tty=True).colour


def test_no_colour_where_it_is_not_wanted_or_nobody_looks() -> None:
    assert dressed(XTERM, is_tty=True).colour
    assert not dressed({**XTERM, "NO_COLOR": "1"}, is_tty=True).colour
    assert dressed({**XTERM, "NO_COLOR": ""}, is_tty=True).colour  # no-color.org: when it is not empty
    assert not dressed(XTERM, is_tty=False).colour


@pytest.mark.parametrize(("term", "plain"), [("dumb", True), ("unknown", True), ("", True), ("vt100", False), ("xterm", False)])
def test_plain_is_what_cannot_move_its_cursor(term: str, plain: bool) -> None:
    assert dressed({"TERM": term}, is_tty=True).plain is plain
    assert dressed({"TERM": term}, is_tty=False).plain



@given(LINES, st.sampled_from([" ", "  ", "/", "-", ", "]))
def test_without_its_colour_a_line_is_the_very_same(words: list[str], between: str) -> None:
    line = between.join(words)
    assert bare(coloured(line)) == line
    assert all_coloured([line], Dress()) == [line]


def test_colour_stands_round_words_of_severity_alone_and_not_inside_a_key() -> None:
    assert coloured("B CRIT x") == "B \x1b[31mCRIT\x1b[0m x"
    assert coloured("1000? mA STALE") == "1000? mA \x1b[33mSTALE\x1b[0m"
    for line in ("line/LINE-DOWN", "DOWNTIME", "a/CRIT", "MINOR-X"):
        assert coloured(line) == line
