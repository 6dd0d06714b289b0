"""The documents that the living daemon gives over its socket: only methods that read, each asked by itself, each may fail.

Which interfaces there are depends on the station and on the version; what is not there is left out and said so. The list is fixed:
nothing that a daemon offers is called because it is offered.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from stationd.shell.caller import Failed, Line
from stationd.shell.screens import phone
from stationd.support.within import Deadline

EACH_S = 5.0
MOST_EVENTS = 1000


class Reading(NamedTuple):
    """One document: the name of its file, the method that gives it and what is asked for."""

    name: str
    method: str
    parameters: Mapping[str, object] = {}


STATUS = Reading("status", "io.stationd.Status.GetStatus")
ALARMS = Reading("alarms", "io.stationd.Alarm.List", {"filter": {"shown": "all"}})
OPERATIONS = Reading("operations", "io.stationd.Operation.List")
HOLDS = Reading("holds", "io.stationd.Operation.Holds")
AUTHORITY = Reading("authority", "io.stationd.Operation.Authority")
FOR_THE_PAGE = (STATUS, ALARMS, OPERATIONS, HOLDS, AUTHORITY)
MORE = (
    Reading("alarm-statistics", "io.stationd.Alarm.Statistics"),
    Reading("alarm-history", "io.stationd.Alarm.History", {"limit": MOST_EVENTS}),
    Reading("interlocks", "io.stationd.Operation.Interlocks"),
    Reading("staged", "io.stationd.Setpoint.Diff"),
    Reading("applied", "io.stationd.Setpoint.List"),
    Reading("audit", "io.stationd.Audit.List", {"last": MOST_EVENTS}),
    Reading("audit-head", "io.stationd.Audit.Head"),
    Reading("line", "io.stationd.Diagnostics.GetLine"),
    Reading("baseline", "io.stationd.Diagnostics.GetBaseline"),
    Reading("faults", "io.stationd.Diagnostics.ListFaults", {"limit": 200}),
    Reading("fault", "io.stationd.Diagnostics.GetFault"),
    Reading("health", "io.stationd.Diagnostics.GetHealth"),
    Reading("log", "io.stationd.Diagnostics.GetLog", {"limit": MOST_EVENTS}),
    Reading("clock", "io.stationd.Diagnostics.GetClock"),
    Reading("version", "io.stationd.Diagnostics.GetVersion"),
    Reading("config", "io.stationd.Diagnostics.GetConfig"),
    Reading("sessions", "io.stationd.Session.List"),
    Reading("handover", "io.stationd.Session.GetHandover"),
)


class Told(NamedTuple):
    """What came of one document: the answer, or why there is none."""

    reading: Reading
    answer: Mapping[str, Any] | None
    why: str


def asked(socket: str, readings: tuple[Reading, ...], deadline: Deadline) -> Iterator[Told]:
    """Ask for documents one after the other; when nobody answers at all the rest is not asked for."""
    for reading in readings:
        told = _asked(socket, reading, deadline.left_s(EACH_S))
        yield told
        if told.answer is None and told.why.startswith("no daemon"):
            return


def _asked(socket: str, reading: Reading, limit_s: float) -> Told:
    try:
        line = Line(socket, max(limit_s, 0.1))
        try:
            return Told(reading, line.call(reading.method, reading.parameters), "")
        finally:
            line.close()
    except Failed as failed:
        return Told(reading, None, " ".join(failed.lines))
    except (OSError, ValueError, AttributeError, TypeError) as error:
        return Told(reading, None, f"the answer is not understood: {error!r}")


def page(told: Mapping[str, Told], machine: Mapping[str, phone.Texts]) -> list[str] | None:
    """Return the page of what the daemon told; None when it did not even tell its status, or nothing that is understood."""
    status = _of(told, STATUS, "status")
    if status is None:
        return None
    alarms = told[ALARMS.name].answer if ALARMS.name in told else None
    operations, holds, authority = (_of(told, reading, reading.name) for reading in (OPERATIONS, HOLDS, AUTHORITY))
    for answers in (phone.Answers(status, alarms, operations, holds, authority, machine), phone.Answers(status, machine=machine)):
        with contextlib.suppress(KeyError, TypeError, ValueError, AttributeError):  # of another version: what is understood is told
            return phone.living(answers)
    return None


def written(told: Told) -> str:
    """Return a document as indented JSON."""
    return json.dumps(told.answer, indent=1, sort_keys=True) + "\n"


def _of(told: Mapping[str, Told], reading: Reading, field: str) -> Any:
    found = told.get(reading.name)
    return found.answer.get(field) if found is not None and found.answer is not None else None
