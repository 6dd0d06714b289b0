"""Story 9: an alarm comes and goes every few minutes until Monday. It is named, put away for a time, comes back, and is handed over."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.stories.line import Line
from tests.stories.people import BEKOV
from tests.stories.terminal import Terminal, sitting

KEY, TYPE = "io/CONVERTER-FAIL/di7", "CONVERTER-FAIL"
TIMES = 4
REASON = 'reason "sensor wet, WO 4720"'


@pytest.fixture(scope="module")
def chattering(line: Line) -> Line:
    """A contact that comes and goes."""
    for _ in range(TIMES):
        for state, seen in (("open", r"B!? +MINOR"), ("closed", r"D +MINOR")):
            line.order(f"contact a converter {state}")
            line.until_matches("aktau", "show alarms", rf"{seen} .*{re.escape(KEY)}")
    return line


@pytest.fixture
def bekov(chattering: Line, home: Path) -> Iterator[Terminal]:
    """He sits in Aktau."""
    with sitting(chattering.sockets["aktau"], BEKOV, home=home) as terminal:
        terminal.at_prompt()
        yield terminal


def test_the_figures_name_what_chatters_and_what_to_type(bekov: Terminal) -> None:
    figures = bekov.answer("show alarms stats")
    assert re.search(rf"CHATTERING +{KEY}", figures)
    assert f"shelve {KEY}" in figures


def test_more_than_the_longest_time_is_refused_with_the_longest_time(bekov: Terminal) -> None:
    refused = " ".join(bekov.answer(f"shelve {TYPE} for 90d {REASON}").split())
    assert "REFUSED" in refused
    assert re.search(r"at most \d+h", refused), refused


def test_without_a_reason_or_a_unit_of_time_nothing_is_put_away(bekov: Terminal) -> None:
    bekov.answer(f"shelve {TYPE} for 8h")
    bekov.answer(f"shelve {TYPE} for 8 {REASON}")
    assert KEY not in bekov.answer("show alarms shelved")


def test_it_is_put_away_for_a_time_by_name_and_stands_in_the_handover(bekov: Terminal) -> None:
    assert f"{KEY} shelved until" in bekov.answer(f"shelve {TYPE} for 8h {REASON}")
    assert KEY not in bekov.answer("show alarms")
    shelved = " ".join(bekov.answer("show alarms shelved").split())
    assert "sensor wet, WO 4720" in shelved
    assert re.search(BEKOV.called, shelved)
    page = " ".join(bekov.answer("handover show").split())
    assert re.search(rf"SHELVED 1 G {KEY} until", page), page
    assert "sensor wet, WO 4720" in page
    bekov.answer(f"unshelve {TYPE}")


def test_it_comes_back_by_itself(chattering: Line, bekov: Terminal) -> None:
    chattering.order("contact a converter open")
    bekov.answer(f"shelve {TYPE} for 5s {REASON}")
    assert KEY in bekov.answer("show alarms shelved")
    chattering.until_matches("aktau", "show alarms", rf"\w!? +MINOR .*{re.escape(KEY)}")
