"""Story 8: an amplifier drifts; try half a decibel and go home safely: what nobody confirms goes back, and says so loudly."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.stories.line import Line
from tests.stories.people import ALIYEVA, BEKOV, Place
from tests.stories.terminal import Terminal, sitting

AMPLIFIER = "fp1-booster"
TO_DBM = 16.5
LOWER_DBM = 16.0
REASON = 'reason "drift, WO 4712"'


@pytest.fixture
def bekov(line: Line, home: Path) -> Iterator[Terminal]:
    """He sits in Aktau and has the authority."""
    with sitting(line.sockets["aktau"], BEKOV, home=home) as terminal:
        terminal.at_prompt()
        terminal.acts("authority request")
        yield terminal


@pytest.fixture
def aliyeva(line: Line, home: Path) -> Iterator[Terminal]:
    """She looks on from afar."""
    with sitting(line.sockets["aktau"], ALIYEVA, home=home, place=Place.SSH) as terminal:
        terminal.at_prompt()
        yield terminal


def set_dbm(line: Line) -> float:
    """Return the set point that the unit itself shows."""
    found = re.search(r"output setpoint +\+?([\d.]+) dBm", line.shows("aktau", "show", "amp", AMPLIFIER))
    assert found is not None
    return float(found[1])


def test_a_set_value_is_shown_before_it_is_sent_and_stays_when_it_is_confirmed(line: Line, bekov: Terminal) -> None:
    before = set_dbm(line)
    assert "nothing is sent" in bekov.acts(f"set amp {AMPLIFIER} output {TO_DBM} dBm")
    assert re.search(rf"{AMPLIFIER} output +\+?{before:g} dBm -> \+?{TO_DBM:g} dBm", bekov.answer("show diff"))
    assert set_dbm(line) == before
    assert "or it goes back" in bekov.acts(f"apply confirm-within 60s {REASON}")
    line.until("aktau", "show applied", "UNCONFIRMED")
    assert re.search(r"\[.*unconfirmed \d+s\]", bekov.answer("show applied"))
    line.until("aktau", f"show amp {AMPLIFIER}", f"+{TO_DBM:g} dBm")
    bekov.acts("confirm")
    shown = bekov.answer("show applied")
    assert " CONFIRMED " in shown
    assert "unconfirmed" not in shown.splitlines()[-1]
    assert set_dbm(line) == TO_DBM


def test_what_nobody_confirms_goes_back_by_itself_and_everybody_reads_whose_it_was(line: Line, bekov: Terminal, aliyeva: Terminal) -> None:
    before = set_dbm(line)
    bekov.acts(f"set amp {AMPLIFIER} output {LOWER_DBM} dBm")
    assert "or it goes back" in bekov.acts(f"apply confirm-within 10s {REASON}")
    line.until("aktau", f"show amp {AMPLIFIER}", f"+{LOWER_DBM:g} dBm")
    bekov.hangs_up()
    said = " ".join(aliyeva.sees("SETPOINT reverted: not confirmed").split())
    assert re.search(rf"SETPOINT reverted: not confirmed \({BEKOV.called}, \S+Z\)", said), said
    line.until("aktau", "show applied", "REVERTED")
    assert set_dbm(line) == before
    assert re.search(r"MINOR \S+ +\S+ +station/\S*", aliyeva.answer("show alarms"))


def test_a_number_without_its_unit_a_step_that_is_too_large_and_a_word_that_is_short_set_nothing(line: Line, bekov: Terminal) -> None:
    before = set_dbm(line)
    assert "has no unit" in " ".join(bekov.acts(f"set amp {AMPLIFIER} output 16.2").split())
    assert "step-limit" in bekov.acts(f"set amp {AMPLIFIER} output 10.0 dBm")
    assert "typed in full" in " ".join(bekov.acts(f"se amp {AMPLIFIER} output 16.2 dBm").split())
    assert "none" in bekov.answer("show diff")
    assert set_dbm(line) == before
