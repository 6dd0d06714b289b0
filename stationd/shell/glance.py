"""The first screen, `show status`: what is asked of the daemon for it. What one part of the daemon does not answer has no row."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from stationd.shell.caller import Failed, Line
from stationd.shell.exits import SERVICE
from stationd.shell.methods import ALARM, DIAGNOSTICS, OPERATION, SESSION, STATUS
from stationd.shell.screens import status as screens
from stationd.shell.told import Asked, Form, Told

# What stands round the status: the method, and the name of its answer.
ROUND = {
    "authority": (OPERATION, "Authority", "authority"),
    "holds": (OPERATION, "Holds", "holds"),
    "interlocks": (OPERATION, "Interlocks", "interlocks"),
    "operations": (OPERATION, "List", "operations"),
    "health": (DIAGNOSTICS, "GetHealth", "health"),
    "clock": (DIAGNOSTICS, "GetClock", "clock"),
}
LEFT_OUT = frozenset({f"{SERVICE}InterfaceNotFound", f"{SERVICE}MethodNotFound"})


def told(line: Line, asked: Asked) -> Told:
    """Ask for the station at a glance. Failed when the daemon does not answer."""
    status = line.call(f"{STATUS}.GetStatus", {})["status"]
    alarms = alarms_of(line, {})
    data = {**status, **({} if alarms is None else {"alarms": alarms["alarms"]})}
    if asked.json:
        lines: list[str] = []
    elif asked.plain:
        lines = screens.status_lines(status, alarms)
    else:
        lines = screens.status_screen(status, alarms, asked.rows, _round(line))
    return Told(lines, data, status=status)


def alarms_of(line: Line, parameters: Mapping[str, object]) -> Form | None:
    """Return the alarms; None where the station has no desk for them."""
    return _offered(line, f"{ALARM}.List", parameters)


def _round(line: Line) -> screens.Around:
    """Return what the station knows beside its status."""
    found: dict[str, Any] = {}
    for name, (interface, method, answer) in ROUND.items():
        form = _offered(line, f"{interface}.{method}", {})
        found[name] = None if form is None else form.get(answer)
    page = _offered(line, f"{SESSION}.GetHandover", {})
    return screens.Around(**found, shift=None if page is None else page["page"].get("shift"))


def _offered(line: Line, method: str, parameters: Mapping[str, object]) -> Form | None:
    """Return an answer; None where this daemon has no such interface, or cannot tell just now. Failed when it is gone."""
    try:
        return line.call(method, parameters)
    except Failed as failed:
        if not failed.error or (method.startswith(ALARM) and failed.error not in LEFT_OUT):
            raise
        return None
