"""`arm alarm KEY out-of-service`: an alarm that does not count any more can kill as surely as a current, so a person has to read first.

He is shown the alarm as it stands and what it means that nobody hears of it, and goes on by typing its key after that. Two persons do
so, each at a terminal, within three minutes: the daemon counts them, and nothing changes before the second one.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from stationd.shell import errand
from stationd.shell.act_client import typed
from stationd.shell.caller import Failed, Line
from stationd.shell.denials import NOTHING_SENT
from stationd.shell.exits import Exit
from stationd.shell.methods import ALARM
from stationd.shell.screens import alarms as screens
from stationd.shell.terminal import Terminal
from stationd.shell.wish import Wish

Form = Mapping[str, Any]


def asked(line: Line, wish: Wish, timeout_s: float) -> Exit:
    """Show it, ask, and order it if that is the answer. Failed when the daemon refuses, or the alarm is another than was shown."""
    terminal = Terminal()
    line.renew(timeout_s)
    (key,) = errand.keys_of(line, wish)
    alarm = _stands(line, key, timeout_s)
    terminal.say(screens.taking_out_screen(key, alarm, wish.parameters))
    try:
        answer = typed(terminal, f"type {key} to go on, anything else leaves: ", lambda: _same(_stands(line, key, timeout_s), alarm))
    except KeyboardInterrupt:
        answer = ""
    if not _same(_stands(line, key, timeout_s), alarm):
        raise Failed(Exit.CONFLICT, f"{key} is not as it was shown any more: look at it, and type the line again", NOTHING_SENT)
    if answer != key:
        terminal.say([f"{key} stays in service. {NOTHING_SENT}"])
        return Exit.INTERRUPTED
    line.renew(timeout_s)
    done = line.call(wish.method, {wish.parameter: key, **wish.parameters}, acts=True)
    try:
        after = _stands(line, key, timeout_s)
    except Failed:  # the order is done all the same
        after = None
    terminal.say(screens.taken_out_lines(key, after, wish.parameters))
    return Exit.DONE if done.get("durable", True) else Exit.OUTCOME_UNKNOWN


def _same(alarm: Form | None, before: Form | None) -> bool:
    if alarm is None or before is None:
        return alarm is before
    return all(alarm[name] == before[name] for name in ("letter", "occurrence"))


def _stands(line: Line, key: str, timeout_s: float) -> Form | None:
    """Return an alarm as it stands; None where it does not stand, which is no reason not to take it out of service."""
    line.renew(timeout_s)
    listed = line.call(f"{ALARM}.List", {"filter": {"shown": "all"}})["alarms"]
    return next((each for each in listed if each["key"] == key), None)
