"""What happens to alarms, in the log of the machine: one line each, with fields by which journalctl finds it.

    journalctl --namespace=stationd ALARM_KEY=pfe/PFE-TRIP        all that happened to one alarm
    journalctl --namespace=stationd ALARM_ID=AMP-LOS -p warning   one kind of alarm, wherever it came

What it is not: the record (stationd.outputs.journal), which also has what this leaves out: effects that a cause explains, so that a
cut cable is one line here and not one for each amplifier, and notes.
"""

from __future__ import annotations

import logging
from types import MappingProxyType

import structlog

from stationd.core.alarm.machine import Event
from stationd.core.alarm.type import Severity
from stationd.core.alarm.words import AlarmRecord

log = structlog.get_logger()

WORSE = frozenset({Event.RAISE, Event.ESCALATE})
LEVELS = MappingProxyType(
    {
        Severity.CRITICAL: logging.CRITICAL,
        Severity.MAJOR: logging.ERROR,
        Severity.MINOR: logging.WARNING,
        Severity.WARNING: logging.WARNING,
    }
)


def log_alarm(record: AlarmRecord) -> None:
    """Write what happened to an alarm to the log, unless a cause explains it or nothing changed."""
    if record.cause is not None or record.event is Event.NOTE:
        return
    level = LEVELS[record.severity] if record.event in WORSE else logging.INFO
    told = {"value": record.value} if record.value is not None else {}
    who = {"who": record.who} if record.who else {}
    note = {"note": record.note} if record.note else {}
    log.log(
        level, "alarm", alarm_key=str(record.key), alarm_id=record.key.type, device=record.key.resource,
        alarm_event=record.event.value, letter=record.after.value, severity=record.severity.value, occurrence=record.occurrence,
        **told, **who, **note,
    )  # fmt: skip
