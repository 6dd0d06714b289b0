"""Story 3: forty alarms at once are one row; what it means can be read in one's own language, and one word with a note acknowledges it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.stories.line import Line, line
from tests.stories.people import BEKOV
from tests.stories.terminal import Kind, sitting

PAIRS = 12  # each has two amplifiers and two taps at each end: some forty alarms at one station
MANY = 25
HIDES_MANY = r"hides (2[5-9]|[3-9]\d) alarms of this cause"
CAUSE = "line/LINE-BREAK"
UTF8 = Kind("xterm", "ru_RU.UTF-8")


@pytest.fixture(scope="module", name="line")
def cut(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Line]:
    """A line with many fibre pairs, all of them cut at once."""
    with line(tmp_path_factory.mktemp("line"), PAIRS) as found:
        found.order("cut 118.4")
        found.until_matches("aktau", "show alarms", HIDES_MANY)
        yield found


def test_the_cause_is_one_row_that_hides_the_others_and_counts_them(line: Line, home: Path) -> None:
    with sitting(line.sockets["aktau"], BEKOV, home=home) as terminal:
        terminal.at_prompt()
        shown = terminal.answer("show alarms")
        flat = " ".join(shown.split())
        hidden = re.search(rf"{CAUSE} .*?hides (\d+) alarms of this cause", flat)
        assert hidden is not None, shown
        assert int(hidden[1]) >= MANY
        assert shown.count(CAUSE) == 2, shown  # its row, and that it came first
        assert "First out: line/LINE-" in flat


def test_what_the_cause_means_and_what_to_do_first_is_explained_in_russian_where_the_terminal_shows_it(line: Line, home: Path) -> None:
    with sitting(line.sockets["aktau"], BEKOV, home=home, kind=UTF8) as terminal:
        terminal.at_prompt()
        terminal.answer("lang ru")
        explained = terminal.answer("explain LINE-BREAK")
        assert re.search("[А-я]{4,}", explained), explained


def test_the_same_word_is_explained_in_plain_english_where_it_does_not(line: Line, home: Path) -> None:
    with sitting(line.sockets["aktau"], BEKOV, home=home) as terminal:
        terminal.at_prompt()
        terminal.answer("lang ru")
        explained = terminal.answer("explain LINE-BREAK")
        assert "cable" in explained.casefold()
        assert terminal.raw.isascii()


def test_one_word_with_a_note_acknowledges_it_and_it_stays_until_it_is_gone(line: Line, home: Path) -> None:
    with sitting(line.sockets["aktau"], BEKOV, home=home) as terminal:
        terminal.at_prompt()
        assert "acknowledged" in terminal.answer(f'ack {CAUSE} "on site"')
        shown = " ".join(terminal.answer("show alarms").split())
        assert re.search(rf"\bC CRIT \S+ \S+ {CAUSE} ", shown), shown
        assert "on site" in shown
        assert "on site" in " ".join(terminal.answer(f"show alarms history {CAUSE}").split())
