"""Story 5: the connection drops in mid ramp. Nothing is typed: the ramp holds, everybody is told, and later it goes on or back."""

from __future__ import annotations

import os
import re
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.stories.acting import QUESTION, approves, armed, executes, ramps, switched_off
from tests.stories.line import Line
from tests.stories.people import ALIYEVA, BEKOV, Place
from tests.stories.terminal import PROMPT, Terminal, sitting

LEAD_MA = 100.0  # a second of the rate: so far ahead of the measured current may the set point be
SAME_MA = 3.0
TARGET_MA = 600.0
ENERGISE = f'arm pfe a energise to {TARGET_MA:g} mA rate 100 mA/s reason "repair done WO 4711"'


@pytest.fixture
def aliyeva(line: Line, home: Path) -> Iterator[Terminal]:
    """She sits in Siyazan, and has logged in to Aktau from there; the line has been switched off."""
    switched_off(line)
    with sitting(line.sockets["aktau"], ALIYEVA, home=home, place=Place.SSH) as terminal:
        terminal.at_prompt()
        yield terminal


def in_mid_ramp(line: Line, bekov: Terminal, aliyeva: Terminal) -> str:
    """Let two persons begin, and the current rise; return the name of the operation."""
    bekov.at_prompt()
    bekov.acts("authority request")
    one = armed(bekov, ENERGISE)
    approves(aliyeva, one.name)
    bekov.sees(f"has approved {one.name}")
    executes(bekov, one)
    ramps(line, bekov)
    return one.name


def held_ma(terminal: Terminal, name: str) -> float:
    """Return the current that the prompt shows beside what is held."""
    found = PROMPT.search("\n" + terminal.at_prompt())
    assert found is not None
    held = re.search(rf"{name} held (\d+)mA", found["marks"] or "")
    assert held is not None, found["prompt"]
    return float(held[1])


def test_a_line_that_is_cut_holds_the_ramp_and_the_next_login_shows_it_and_goes_on_with_two_persons(
    line: Line, home: Path, aliyeva: Terminal
) -> None:
    with sitting(line.sockets["aktau"], BEKOV, home=home, place=Place.SSH) as bekov:
        name = in_mid_ramp(line, bekov, aliyeva)
        aliyeva.answer("show clock")
        before_ma = line.order("current a")
        bekov.hangs_up()
    aliyeva.sees(f"{name} HELD")
    stands_ma = line.order("current a")
    assert before_ma - SAME_MA <= stands_ma <= before_ma + 2 * LEAD_MA
    assert "OP-HELD" in aliyeva.answer("show alarms")
    with sitting(line.sockets["aktau"], BEKOV, home=home) as bekov:
        assert held_ma(bekov, name) == pytest.approx(line.order("current a"), abs=SAME_MA)
        shown = " ".join(bekov.answer(f"show operations {name}").split())
        assert "HELD" in shown
        assert re.search(rf"the session of {BEKOV.called} has ended", shown)
        assert line.order("current a") == pytest.approx(stands_ma, abs=SAME_MA)
        bekov.acts("authority request")
        again = armed(bekov, f"resume {name}")
        assert again.name == name
        assert "SECOND PERSON needed" in bekov.flat  # a lost session: not only a code
        approves(aliyeva, name)
        bekov.sees(f"has approved {name}")
        executes(bekov, again)
        bekov.sees(name, "reached", "stable 5 s")
        assert line.order("current a") == pytest.approx(TARGET_MA, abs=SAME_MA)
    line.until_matches("aktau", "show alarms all", r"\b[AD] +MAJOR .*station/OP-HELD|^(?s:(?!.*OP-HELD).*)$")


def test_a_line_that_is_only_silent_holds_the_ramp_too_and_it_can_go_back_to_where_it_began(
    line: Line, home: Path, aliyeva: Terminal
) -> None:
    with sitting(line.sockets["aktau"], BEKOV, home=home) as bekov:
        name = in_mid_ramp(line, bekov, aliyeva)
        aliyeva.answer("show clock")
        os.kill(bekov.process.pid, signal.SIGSTOP)  # nobody hangs up: its keep-alives just come no more
        aliyeva.sees(f"{name} HELD")
        os.kill(bekov.process.pid, signal.SIGCONT)
        bekov.sees("HELD")
        assert held_ma(bekov, name) == pytest.approx(line.order("current a"), abs=SAME_MA)
        bekov.types_by_hand(f"back {name}")
        bekov.until(lambda: QUESTION in bekov.flat or "SECOND PERSON" in bekov.flat, "no way back is offered")
        code = re.search(r"\bcode +(\w{4})\b", bekov.flat)
        assert code is not None
        bekov.sees(QUESTION)
        bekov.types_by_hand(code[1])
        bekov.at_prompt()
        assert "reached" in bekov.flat
        assert line.order("current a") == pytest.approx(0.0, abs=SAME_MA)
        assert "OFF" in bekov.answer("show pfe")
