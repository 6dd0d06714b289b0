"""Alarms in the log of the machine: each change once, with fields to find it by, and a cable cut is no flood."""

from __future__ import annotations

import pytest
from structlog.testing import capture_logs

from stationd.core.alarm.machine import Event, Letter
from stationd.core.alarm.type import AlarmKey, Severity
from stationd.core.alarm.words import AlarmRecord
from stationd.outputs.alarm_log import log_alarm

KEY = AlarmKey("fp1-booster", "LOW-OUTPUT")


def record(event: Event, severity: Severity = Severity.MAJOR, who: str = "", cause: AlarmKey | None = None) -> AlarmRecord:
    return AlarmRecord(7, event, KEY, Letter.NORMAL, Letter.NEW, 12.0, 11.0, severity, 3, -2.5, None, who, "", cause)


@pytest.mark.parametrize(
    ("severity", "level"),
    [(Severity.CRITICAL, "critical"), (Severity.MAJOR, "error"), (Severity.MINOR, "warning"), (Severity.WARNING, "warning")],
)
def test_a_raised_alarm_is_one_line_as_loud_as_it_is_severe_with_what_finds_it(severity: Severity, level: str) -> None:
    with capture_logs() as said:
        log_alarm(record(Event.RAISE, severity))
    assert said == [
        {
            "event": "alarm", "log_level": level, "alarm_key": "fp1-booster/LOW-OUTPUT", "alarm_id": "LOW-OUTPUT", "device": "fp1-booster",
            "alarm_event": "raise", "letter": "B", "severity": severity.value, "occurrence": 3, "value": -2.5,
        }
    ]  # fmt: skip


@pytest.mark.parametrize("event", [Event.CLEAR, Event.ACK, Event.SHELVE, Event.RETURN])
def test_what_makes_nothing_worse_is_information_with_the_name_of_who_did_it(event: Event) -> None:
    with capture_logs() as said:
        log_alarm(record(event, Severity.CRITICAL, "a.bekov"))
    assert [(line["log_level"], line["alarm_event"], line["who"]) for line in said] == [("info", event.value, "a.bekov")]


def test_what_a_cause_explains_and_a_note_are_left_to_the_journal() -> None:
    with capture_logs() as said:
        log_alarm(record(Event.RAISE, cause=AlarmKey("line", "LINE-DOWN")))
        log_alarm(record(Event.NOTE, who="a.bekov"))
    assert said == []
