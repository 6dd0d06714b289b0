"""The screen of the clock: the time in UTC and at the station, and how well it is known. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from stationd.shell.screens.typeset import bounded, figure, headed, moment, plain, wrapped

ROWS = 23


def clock_screen(clock: Mapping[str, Any], rows: int | None = ROWS) -> list[str]:
    """Return the screen. The tilde before a time says that the clock is not synchronised."""
    known = clock.get("synchronised") is True
    local, errors = str(clock.get("local") or ""), [small(clock.get(name)) for name in ("error_max", "error_estimated")]
    there = f"{local[:10]} {local[11:19]} {offset(clock.get('offset'))}  {clock.get('zone') or '--'}" if len(local) >= 19 else "--"
    facts = [
        f"CLOCK  {'synchronised' if known else 'NOT SYNCHRONISED: times of this station can be wrong'}",
        f"{headed(clock)}",
        f"UTC      {moment(clock.get('utc'), '' if known else '~')}",
        f"local    {there}",
        f"error    at most {errors[0]}, estimated {errors[1]}, leap second {clock.get('leap') or '--'}",
        f"machine  up {figure(clock.get('up'))}",
        f"daemon   up {figure(clock.get('daemon_up'))}, since {moment(clock.get('daemon_since'))}",
    ]
    return bounded([row for fact in facts for row in wrapped(fact, following=" " * 9)], [], [], rows, "show clock")


def offset(form: object) -> str:
    """Return the distance from UTC as people write it: +05, +05:30."""
    seconds = plain(form)
    if not isinstance(seconds, int | float) or isinstance(seconds, bool):
        return "--"
    hours, minutes = divmod(abs(int(seconds)) // 60, 60)
    return f"{'-' if seconds < 0 else '+'}{hours:02d}{f':{minutes:02d}' if minutes else ''}"


def small(form: object) -> str:
    """Return a short time in milliseconds."""
    seconds = plain(form)
    if not isinstance(seconds, int | float) or isinstance(seconds, bool):
        return "--"
    return f"{1000 * seconds:.3g} ms" if abs(seconds) < 1.0 else f"{seconds:.6g} s"
