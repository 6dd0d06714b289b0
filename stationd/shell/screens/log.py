"""The screen of the daemon's log: one event a line with its fields, the newest last. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from stationd.shell.screens.packed import led
from stationd.shell.screens.typeset import RULE, ascii_only, counted, headed, moment, wrapped

ROWS = 23
LEVEL = 8


def log_screen(log: Mapping[str, Any], rows: int | None = ROWS) -> list[str]:
    """Return the screen. Where there is no room for all, the newest stay: what has just happened is what is looked for."""
    found = log.get("events")
    events = [each for each in found if isinstance(each, Mapping)] if isinstance(found, Sequence) else []
    gone = log.get("dropped")
    older = f"   {gone} older ones are gone" if isinstance(gone, int) and gone > 0 else ""
    cut = "   not all that was asked for" if log.get("cut") is True else ""
    top = [*wrapped(f"LOG  {headed(log)}   {counted(len(events), 'event')} to {moment(log.get('t'))}{older}{cut}"), RULE]
    blocks = [_event(each) for each in events]
    if rows is None or len(top) + sum(map(len, blocks)) <= rows:
        return [*top, *([row for block in blocks for row in block] or ["none"])]
    kept, room = list[list[str]](), rows - len(top) - 1
    while blocks and len(blocks[-1]) <= room:
        room -= len(blocks[-1])
        kept.append(blocks.pop())
    return [*top, f"  {counted(len(blocks), 'older event')}: stationctl --plain show log", *(row for block in kept[::-1] for row in block)]


def _event(event: Mapping[str, Any]) -> list[str]:
    fields = event.get("fields")
    told = [f"{name}={each}" for name, each in fields.items()] if isinstance(fields, Mapping) else []
    t = ascii_only(event.get("t") or "")
    start = f"{t[5:10]} {t[11:19]}Z {ascii_only(event.get('level') or '--').upper():<{LEVEL}} "
    return led(start, "  ".join([str(event.get("event") or "--"), *told]), " " * 4)
