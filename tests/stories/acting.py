"""What two persons do to act on a power feed, key by key: arm, read, approve, type the code. Shared by the stories that energise."""

from __future__ import annotations

import re
from typing import NamedTuple

from tests.stories.line import Line
from tests.stories.terminal import Terminal

REASON = "repair done WO 4711"
ENERGISE = f'arm pfe a energise to 1000 mA rate 100 mA/s reason "{REASON}"'
QUESTION = "code from the screen above"
WELL_UNDER_WAY_MA = 150.0


class Armed(NamedTuple):
    """What stands at the foot of an arming screen."""

    name: str
    code: str


def switched_off(line: Line) -> None:
    """Let both feeds have been off for a while, and both stations know it."""
    line.order("repair")
    line.order("off")
    line.until("aktau", "show pfe", "pfe-a  OFF   0 mA", "Siyazan  OFF")
    line.until("siyazan", "show pfe", "pfe-b  OFF", "Aktau  OFF")


def armed(terminal: Terminal, command: str = ENERGISE) -> Armed:
    """Arm, or prepare what is held; return the name and the code that the screen shows."""
    screen = terminal.acts(command)
    name, code = re.search(r"\b(OP-\d+) ", screen), re.search(r"\bcode +(\w{4})\b", screen)
    assert name is not None, screen
    assert code is not None, screen
    return Armed(name[1], code[1])


def approves(terminal: Terminal, name: str) -> str:
    """Read what somebody else has armed, and agree; return what was read."""
    terminal.types_by_hand(f"approve {name}")
    read = terminal.sees(f"type {name} to approve")
    terminal.acts(name)
    assert f"{name} approved" in terminal.flat
    return read


def executes(terminal: Terminal, one: Armed) -> None:
    """Begin it with the code of the screen."""
    terminal.types_by_hand(f"execute {one.name}")
    terminal.sees(QUESTION)
    terminal.types_by_hand(one.code)


def ramps(line: Line, terminal: Terminal) -> None:
    """Wait until a ramp is well under way: by the line itself, since the view paints its numbers in place."""
    terminal.until(lambda: float(line.order("current a")) > WELL_UNDER_WAY_MA, "it does not ramp")
