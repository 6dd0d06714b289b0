"""Story 2: tell the network centre by telephone over a bad line, and be understood."""

from __future__ import annotations

import re
import string
from pathlib import Path

import pytest

from stationd.shell.screens.phone import verified
from tests.stories.line import Line
from tests.stories.people import BEKOV
from tests.stories.terminal import sitting

LETTERS = string.ascii_uppercase[:20]


@pytest.fixture(scope="module")
def page(line: Line, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The page of a station whose cable is cut, as it stands on a terminal."""
    line.order("cut 118.4")
    line.until("aktau", "show status", "Cable cut", "THE FAULT IS NOT IN THIS STATION", "line/LINE-")
    with sitting(line.sockets["aktau"], BEKOV, "support", "summary", home=tmp_path_factory.mktemp("home")) as terminal:
        assert terminal.ended() == 0
        assert terminal.raw.isascii()
        return terminal.text


def test_the_page_has_twenty_lines_and_each_begins_with_its_letter(page: str) -> None:
    assert [row[:2] for row in page.splitlines()] == [f"{letter} " for letter in LETTERS]
    assert max(map(len, page.splitlines())) <= 79


def test_the_page_ends_with_the_check_sum_of_what_was_read_out(page: str) -> None:
    assert re.search(r"\nT .*\b\d{4}\n?$", page)
    assert verified(page)
    assert not verified(page.replace("Aktau", "Aktay"))


def test_the_page_says_what_the_network_centre_asks_for_without_a_sign_that_has_no_name(page: str) -> None:
    rows = dict(row.split(" ", 1) for row in page.splitlines())
    assert "Cable cut" in rows["D"]
    assert "sea cable" in rows["E"]
    assert "critical" in rows["L"]
    assert not set(page) & set("+*/\\|<>{}[]()%#&_=~^")


def test_the_same_page_is_shown_in_the_shell(line: Line, page: str, home: Path) -> None:
    with sitting(line.sockets["aktau"], BEKOV, home=home) as terminal:
        terminal.at_prompt()
        rows = terminal.answer("support summary | no-more").splitlines()
        assert [row[:2] for row in rows[:20]] == [row[:2] for row in page.splitlines()]
        assert verified("\n".join(rows[:20]))
