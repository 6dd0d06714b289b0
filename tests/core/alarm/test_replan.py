"""Another plan of alarms in the same run: what an alarm was it stays, and what ran goes on running."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest

from stationd.core.alarm.condition import Above, Condition, Equals
from stationd.core.alarm.desk import FIRST_READING_S
from stationd.core.alarm.machine import Event, Letter
from stationd.core.alarm.plan import Plan
from stationd.core.alarm.words import Acknowledge, AlarmRecord, Shelve, Target
from stationd.core.model import PointId
from tests.core.alarm.plans import STALE, Desk, plan_of, records, rule
from tests.core.alarm.test_inhibit import DEPENDANTS, TRIP, line

LEVEL, FAULT = PointId("amp", "level"), PointId("amp", "fault")
HIGH = rule("HIGH", condition=Condition(Above(10.0), 20.0, 20.0), point=LEVEL, resource="amp")
BAD = rule("FAULT", condition=Condition(Equals(True)), point=FAULT, resource="amp")
MUTE = rule("MUTE", resource="amp")
NEW = rule("NEW", condition=Condition(Equals(True)), point=FAULT, resource="amp")
PLAN = plan_of(HIGH, BAD)
MORE = plan_of(HIGH, BAD, NEW)
SILENT = replace(plan_of(HIGH, BAD, MUTE), silent=dict.fromkeys((LEVEL, FAULT), MUTE.key))


def replanned(desk: Desk, plan: Plan, *anew: str) -> None:
    desk.effects += desk.alarms.replan(plan, frozenset(anew), desk.t)


def test_a_delay_ends_when_it_would_have_ended() -> None:
    desk = Desk(PLAN)
    desk.read(LEVEL, 11.0)
    for number in range(19):
        replanned(desk, (MORE, PLAN)[number % 2])
        desk.wait(1.0)
    assert desk.letter(HIGH.key) == "A"
    desk.wait(1.0)
    assert desk.letter(HIGH.key) == "B"
    (raised,) = records(desk.effects)
    assert (raised.t, raised.onset) == (120.0, 100.0)


def test_what_people_did_stays_and_nobody_is_told_again() -> None:
    desk = Desk(PLAN)
    desk.read(FAULT, True)
    desk.order(Acknowledge((Target(BAD.key),), "bekov", "seen"))
    desk.order(Shelve(BAD.key, 3600.0, "bekov", "sensor wet, WO 4720"))
    before, said = desk.alarms.view(BAD.key), len(desk.effects)
    replanned(desk, MORE)
    assert desk.alarms.view(BAD.key) == before
    assert desk.effects[said:] == []
    desk.wait(3600.0)
    assert desk.history(BAD.key)[-1].startswith(Event.UNSHELVE.value)


def test_a_changed_rule_is_looked_at_with_the_next_reading_and_does_not_flap() -> None:
    desk = Desk(plan_of(BAD, replace(HIGH, condition=Condition(Above(10.0)))))
    desk.read(LEVEL, 12.0)
    assert desk.letter(HIGH.key) == "B"
    replanned(desk, plan_of(BAD, replace(HIGH, condition=Condition(Above(11.0)))))
    desk.read(LEVEL, 12.0)
    assert [each.event for each in records(desk.effects)] == [Event.RAISE]
    replanned(desk, plan_of(BAD, replace(HIGH, condition=Condition(Above(13.0)))))
    assert desk.letter(HIGH.key) == "B"
    desk.read(LEVEL, 12.0)
    assert desk.letter(HIGH.key) == "D"


def test_an_alarm_that_is_none_any_more_is_recorded_as_gone_and_leaves_no_timer() -> None:
    desk = Desk(PLAN)
    desk.read(FAULT, True)
    replanned(desk, plan_of(HIGH))
    gone = desk.effects[-1]
    assert isinstance(gone, AlarmRecord)
    assert (gone.key, gone.event, gone.after) == (BAD.key, Event.NOTE, Letter.NORMAL)
    desk.wait(7200.0)
    replanned(desk, PLAN)
    assert desk.letter(BAD.key) == "A"


def test_reloads_never_put_off_the_alarm_of_a_unit_that_never_answered() -> None:
    desk = Desk(SILENT)
    for _ in range(20):
        desk.wait(FIRST_READING_S / 10)
        replanned(desk, SILENT)
    assert desk.letter(MUTE.key) == "B"


def test_a_unit_that_was_heard_need_not_be_heard_again_and_one_that_is_another_must() -> None:
    desk = Desk(SILENT)
    for point in (LEVEL, FAULT):
        desk.read(point, 1.0)
    desk.read(LEVEL, 1.0, STALE)
    assert desk.letter(MUTE.key) == "B"
    replanned(desk, SILENT)
    desk.read(LEVEL, 1.0)
    assert desk.letter(MUTE.key) == "D"
    replanned(desk, SILENT, "amp")
    desk.wait(FIRST_READING_S)
    assert desk.letter(MUTE.key) == "B"


@pytest.mark.parametrize("seed", range(10))
def test_a_trip_during_which_files_are_taken_up_is_told_once_all_the_same(seed: int) -> None:
    chance, desk = random.Random(seed), Desk(line(1.5))
    other = Plan({**line(1.5).rules, NEW.key: NEW}, line(1.5).links)
    moments = [(100.01 + chance.random() * 1.19, each.key) for each in DEPENDANTS]
    moments.append((100.1 + chance.random() * 1.1, TRIP.key))
    for number, (t, key) in enumerate(sorted(moments)):
        desk.wait(t - desk.t)
        desk.say(key, active=True)
        replanned(desk, (other, line(1.5))[number % 2])
    desk.wait(10.0)
    assert [told.key for told in desk.told()] == [TRIP.key]
    assert desk.alarms.views()[0].hides == 92
    assert all(desk.letter(each.key) == "H" for each in DEPENDANTS)
    assert [each.event for each in records(desk.effects) if each.key == TRIP.key] == [Event.RAISE]


def test_an_alarm_that_chatters_chatters_on() -> None:
    desk = Desk(PLAN)
    for number in range(3):
        desk.read(FAULT, True)
        desk.wait(5.0)
        desk.read(FAULT, False)
        desk.wait(5.0)
        replanned(desk, (MORE, PLAN)[number % 2])
    figures = desk.alarms.figures(desk.t)
    assert figures.chattering == (BAD.key,)
    assert figures.annunciations == len(desk.told())


def test_of_a_unit_that_is_another_now_no_delay_runs_until_it_is_read() -> None:
    desk = Desk(PLAN)
    desk.read(LEVEL, 11.0)
    desk.wait(10.0)
    replanned(desk, PLAN, "amp")
    desk.wait(30.0)
    assert desk.letter(HIGH.key) == "A"
    desk.read(LEVEL, 11.0)
    desk.wait(10.0)
    assert desk.letter(HIGH.key) == "B"


def test_what_no_cause_explains_any_more_is_shown() -> None:
    desk = Desk(line(1.5))
    for key in (TRIP.key, DEPENDANTS[0].key):
        desk.say(key, active=True)
    desk.wait(10.0)
    assert desk.letter(DEPENDANTS[0].key) == "H"
    replanned(desk, line(None))
    assert desk.letter(DEPENDANTS[0].key) == "B"
    assert [told.key for told in desk.told()] == [TRIP.key, DEPENDANTS[0].key]
