"""Story 1: 3 am, the line is down. Is it ours? Two commands, one screen, the right answer."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.stories.line import Line
from tests.stories.people import BEKOV
from tests.stories.terminal import sitting

SCREEN_BYTES = 2000  # two seconds at 9600 baud
KM = 118.4
SOUND_S = 10.0  # what the line was like before is known by then


@pytest.fixture(scope="module")
def cut(line: Line) -> Line:
    """The line, cut at sea; the first location stands."""
    line.is_sound_for(SOUND_S)
    line.order(f"cut {KM}")
    line.until("aktau", "show status", "Cable cut", "confidence HIGH")
    return line


def test_logging_in_shows_the_answer_before_anything_is_typed(cut: Line, home: Path) -> None:
    with sitting(cut.sockets["aktau"], BEKOV, home=home) as terminal:
        assert terminal.at_prompt().startswith("AKTAU SIM view [")
        first = terminal.flat
        assert "VERDICT" in first
        assert "Cable cut" in first
        assert len(terminal.raw) <= SCREEN_BYTES


def test_show_status_says_that_it_is_not_ours_how_sure_that_is_and_where_on_one_small_screen(cut: Line, home: Path) -> None:
    with sitting(cut.sockets["aktau"], BEKOV, home=home) as terminal:
        terminal.at_prompt()
        before = len(terminal.raw)
        screen = terminal.answer("sh st")
        flat = " ".join(screen.split())
        assert "confidence HIGH" in flat
        assert "km from Aktau" in flat
        assert "sea cable" in flat
        assert "not in this station" in flat.casefold()
        assert len(terminal.raw) - before <= SCREEN_BYTES
        assert screen.count("\n") <= 24
        assert max(map(len, screen.splitlines())) <= 79


def test_both_stations_say_the_same_and_the_place_covers_where_the_cable_was_cut(cut: Line) -> None:
    for station in cut.sockets:
        shown = " ".join(cut.shows(station, "show", "fault").split())
        assert "OURS? NO, confidence HIGH" in shown
        found = re.search(r"\(([\d.]+) km to ([\d.]+) km\)", shown)
        assert found is not None, shown
        assert float(found[1]) <= KM <= float(found[2])
