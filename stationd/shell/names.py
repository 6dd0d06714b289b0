"""The names of the station for the Tab key: asked for when they are wanted, kept for a moment, and missing without a word."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from stationd.shell.caller import Failed
from stationd.shell.daemon import Daemon
from stationd.shell.methods import ALARM, DIAGNOSTICS, OPERATION, SESSION, STATUS

KEPT_S = 5.0  # names change seldom, and the Tab key is pressed twice (assumption)
ANSWER_S = 1.0  # whoever presses a key does not wait longer
Form = Mapping[str, Any]


def _named(member: str, name: str) -> Callable[[Form], Iterable[object]]:
    return lambda answer: (each[name] for each in answer[member])


def _of_status(*members: str) -> Callable[[Form], Iterable[object]]:
    return lambda answer: (name for member in members for name in answer["status"].get(member) or ())


# The slot: whom to ask, with what, and how the names are found in the answer.
ASKED: Mapping[str, tuple[str, Mapping[str, object], Callable[[Form], Iterable[object]]]] = {
    "KEY": (f"{ALARM}.List", {}, _named("alarms", "key")),
    "FEED": (f"{STATUS}.GetStatus", {}, _of_status("power_feeds")),
    "DEVICE": (f"{STATUS}.GetStatus", {}, _of_status("amplifiers")),
    "OBJECT": (f"{STATUS}.GetStatus", {}, _of_status("power_feeds", "amplifiers")),
    "TAP": (f"{STATUS}.GetStatus", {}, _of_status("taps")),
    "OPERATION": (f"{OPERATION}.List", {}, _named("operations", "name")),
    "HOLD": (f"{OPERATION}.Holds", {}, _named("holds", "name")),
    "CONTACT": (f"{OPERATION}.Interlocks", {}, _named("interlocks", "name")),
    "USER": (f"{SESSION}.List", {}, _named("sessions", "user")),
    "POINT": (f"{DIAGNOSTICS}.ListPoints", {}, _named("points", "point")),
    "FAULT": (f"{DIAGNOSTICS}.ListFaults", {"limit": 20}, _named("faults", "id")),
}


class Names:
    """Calls answer with the names that fit a slot."""

    def __init__(self, socket: str) -> None:
        self._daemon = Daemon(socket, ANSWER_S)
        self._kept: dict[str, tuple[float, Sequence[str]]] = {}

    def __call__(self, slot: str) -> Sequence[str]:
        """Return the names; none where nobody knows them."""
        kept = self._kept.get(slot)
        if kept is None or time.monotonic() - kept[0] > KEPT_S:
            kept = self._kept[slot] = time.monotonic(), self._asked(slot)
        return kept[1]

    def _asked(self, slot: str) -> Sequence[str]:
        if slot not in ASKED:
            return ()
        method, parameters, found = ASKED[slot]
        with contextlib.suppress(Failed, KeyError, TypeError, ValueError), self._daemon.line() as line:
            names = sorted({str(name) for name in found(line.call(method, parameters))})
            return [name.removeprefix("pfe-") for name in names] if slot == "FEED" else names
        return ()
