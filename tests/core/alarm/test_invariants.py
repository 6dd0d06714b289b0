"""The ten invariants of alarms, each over random histories of one small station: a cause, its effects, a safety input."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from hypothesis import given, settings
from hypothesis import strategies as st

from stationd.core.alarm.condition import Condition, Equals
from stationd.core.alarm.desk import Alarms
from stationd.core.alarm.inhibit import Link
from stationd.core.alarm.machine import Event, Letter
from stationd.core.alarm.type import AlarmKey, Severity
from stationd.core.alarm.words import (
    Acknowledge,
    AlarmRecord,
    AlarmView,
    Annunciate,
    Done,
    Effect,
    Order,
    Refused,
    Reset,
    ReturnToService,
    Shelve,
    TakeOutOfService,
    Target,
    Unshelve,
)
from stationd.core.model import PointId
from tests.core.alarm.plans import Desk, plan_of, rule

HOLD_BACK_S = 1.5
TRIP = rule("TRIP", Severity.CRITICAL, latching=True)
DARK = rule("DARK", Severity.MAJOR, condition=Condition(Equals(True), 0.0, 2.0))
LATCH = rule("LATCH", Severity.MINOR, latching=True)
DRIFT = rule("DRIFT", Severity.WARNING, condition=Condition(Equals(True), 3.0, 3.0))
DOOR = rule("DOOR", Severity.MAJOR, condition=Condition(Equals(False), safety=True), point=PointId("io1", "di1"))
RULES = (TRIP, DARK, LATCH, DRIFT, DOOR)
KEYS = [each.key for each in RULES]
PLAN = plan_of(*RULES, links=(Link(TRIP.key, DARK.key, HOLD_BACK_S), Link(TRIP.key, LATCH.key, HOLD_BACK_S)))
SAID = [each.key for each in RULES if each.point is None]
ORDERS: dict[str, Callable[[AlarmKey], Order]] = {
    "ack": lambda key: Acknowledge((Target(key),), "anna"),
    "reset": lambda key: Reset(key, "anna", "looked at it"),
    "shelve": lambda key: Shelve(key, 30.0, "anna", "sensor is wet"),
    "shelve once": lambda key: Shelve(key, 3000.0, "anna", "sensor is wet", one_shot=True),
    "unshelve": lambda key: Unshelve(key, "anna"),
    "out": lambda key: TakeOutOfService(key, 86_400.0, "anna", "boris", "work on it"),
    "return": lambda key: ReturnToService(key, "anna"),
}
Action = tuple[str, AlarmKey, float]
actions = st.lists(
    st.tuples(
        st.sampled_from(["say", "say", "clear", "clear", "worse", "door", "wait", "wait", *ORDERS]),
        st.sampled_from(KEYS),
        st.sampled_from([0.5, 1.0, 2.0, 4.0, 61.0]),
    ),
    max_size=60,
)
histories = settings(max_examples=30, deadline=None)


@dataclass(frozen=True)
class Moment:
    """One action on a desk: what stood before and after, what it brought, and how an order ended."""

    action: str
    key: AlarmKey
    before: dict[AlarmKey, AlarmView]
    after: dict[AlarmKey, AlarmView]
    effects: list[Effect]
    outcome: Done | Refused | None


def views(alarms: Alarms) -> dict[AlarmKey, AlarmView]:
    return {view.key: view for view in alarms.views(lambda view: True)}


def live(history: list[Action], desk: Desk) -> Iterator[Moment]:
    for action, key, seconds in history:
        before, known, outcome = views(desk.alarms), len(desk.effects), None
        if action == "wait":
            desk.wait(seconds)
        elif action == "door":
            desk.read(PointId("io1", "di1"), seconds > 1.0)
        elif action in ORDERS:
            outcome = desk.order(ORDERS[action](key))
        elif key in SAID:
            desk.say(key, active=action != "clear", severity=Severity.CRITICAL if action == "worse" else None)
        yield Moment(action, key, before, views(desk.alarms), desk.effects[known:], outcome)


def moments(history: list[Action]) -> Iterator[Moment]:
    return live(history, Desk(PLAN))


def steps(moment: Moment) -> Iterator[AlarmRecord]:
    return (each for each in moment.effects if isinstance(each, AlarmRecord))


VISIBLE = {Letter.NORMAL, Letter.NEW, Letter.ACKNOWLEDGED, Letter.GONE, Letter.LATCHED_NEW, Letter.LATCHED_ACKNOWLEDGED}


@given(actions)
@histories
def test_1_an_active_alarm_is_never_normal(history: list[Action]) -> None:
    for moment in moments(history):
        assert all(view.letter is not Letter.NORMAL for view in moment.after.values() if view.active)


@given(actions)
@histories
def test_2_only_a_person_makes_a_visible_active_alarm_acknowledged(history: list[Action]) -> None:
    for moment in moments(history):
        for record in steps(moment):
            if record.after is Letter.ACKNOWLEDGED and record.before is not Letter.ACKNOWLEDGED:
                assert (record.event, record.who) == (Event.ACK, "anna")


@given(actions)
@histories
def test_3_only_a_reset_after_clear_and_acknowledgement_ends_a_latch(history: list[Action]) -> None:
    latching = {TRIP.key, LATCH.key}
    latched: set[AlarmKey] = set()
    for moment in moments(history):
        for record in steps(moment):
            if record.event is Event.RAISE:
                latched |= {record.key} & latching
            if record.event is Event.RESET:
                assert (record.before, record.after, record.who) == (Letter.LATCHED_ACKNOWLEDGED, Letter.NORMAL, "anna")
                latched.discard(record.key)
            assert not (record.key in latched and record.after in (Letter.NORMAL, Letter.GONE))


@given(actions)
@histories
def test_4_hiding_never_changes_whether_an_alarm_is_active(history: list[Action]) -> None:
    free, ordered = Desk(PLAN), Desk(PLAN)
    for _ in live([each for each in history if each[0] not in ORDERS], free):
        pass
    for _ in live(history, ordered):
        pass
    one, other = views(free.alarms), views(ordered.alarms)
    assert {key: (one[key].active, one[key].count) for key in KEYS} == {key: (other[key].active, other[key].count) for key in KEYS}


@given(actions)
@histories
def test_5_becoming_visible_while_active_is_always_told(history: list[Action]) -> None:
    desk, owed = Desk(PLAN), dict[AlarmKey, int]()
    for moment in live(history, desk):
        for each in moment.effects:
            if isinstance(each, Annunciate):
                owed.pop(each.key, None)
            elif each.after is Letter.NEW and each.before is not Letter.NEW:
                owed[each.key] = each.number
            elif each.after not in (Letter.NEW, Letter.GONE, Letter.LATCHED_NEW):  # nobody waits to be told of it any more
                owed.pop(each.key, None)
    desk.wait(HOLD_BACK_S)
    told = {each.key for each in desk.effects if isinstance(each, Annunciate) and each.t >= desk.t - HOLD_BACK_S}
    assert set(owed) <= told


@given(actions)
@histories
def test_6_normal_can_be_reached_from_every_state(history: list[Action]) -> None:
    desk = Desk(PLAN)
    for _ in live(history, desk):
        pass
    for key in KEYS:
        desk.order(ReturnToService(key, "anna"))
        desk.order(Unshelve(key, "anna"))
    desk.read(PointId("io1", "di1"), True)
    for key in SAID:
        desk.say(key, active=False)
    desk.wait(70.0)
    for key in KEYS:
        desk.order(ORDERS["ack"](key))
        desk.order(ORDERS["reset"](key))
    assert {desk.letter(key) for key in KEYS} == {"A"}


@given(actions)
@histories
def test_7_acknowledging_twice_is_acknowledging_once(history: list[Action]) -> None:
    desk = Desk(PLAN)
    for moment in live(history, desk):
        if moment.action == "ack" and isinstance(moment.outcome, Done):
            before, known = desk.alarms.view(moment.key), len(desk.effects)
            assert isinstance(desk.order(ORDERS["ack"](moment.key)), Done)
            assert (desk.alarms.view(moment.key), len(desk.effects)) == (before, known)


@given(actions)
@histories
def test_8_what_is_critical_or_protects_people_is_never_shelved_and_goes_out_of_service_by_two(history: list[Action]) -> None:
    desk = Desk(PLAN)
    for moment in live(history, desk):
        for key in (TRIP.key, DOOR.key):
            assert moment.after[key].shelf is None
            assert moment.after[key].letter is not Letter.SHELVED
            assert isinstance(desk.order(TakeOutOfService(key, 60.0, "anna", "Anna ", "work on it")), Refused)
        for view in moment.after.values():
            assert not (view.severity is Severity.CRITICAL and view.shelf is not None)


@given(actions)
@histories
def test_9_what_came_and_went_unseen_without_a_latch_leaves_history_and_nothing_to_acknowledge(history: list[Action]) -> None:
    hidden_since_raise: dict[AlarmKey, bool] = {}
    for moment in moments(history):
        for record in steps(moment):
            if record.event is Event.RAISE:
                hidden_since_raise[record.key] = record.after not in VISIBLE
            elif record.after in VISIBLE and record.event is not Event.CLEAR and moment.after[record.key].active:
                hidden_since_raise[record.key] = False
            if record.after is Letter.GONE:
                assert not hidden_since_raise.get(record.key, False)


@given(actions, st.sampled_from([0.0, 1000.0, 1e6]), st.sampled_from([0.0, 0.4, 2.0]))
@histories
def test_10_a_restart_brings_the_same_letters(history: list[Action], clock: float, down_s: float) -> None:
    desk = Desk(PLAN)
    for _ in live(history, desk):
        pass
    again = Alarms(PLAN, clock)
    assert again.restore(desk.alarms.snapshot(desk.t), clock, down_s) == []
    before, after = views(desk.alarms), views(again)
    for key in KEYS:
        assert (before[key].letter, before[key].count, before[key].worst) == (after[key].letter, after[key].count, after[key].worst)
        assert (before[key].shelf is None, before[key].outage is None) == (after[key].shelf is None, after[key].outage is None)
        assert (before[key].causes, before[key].seen is None) == (after[key].causes, after[key].seen is None)


@given(actions, st.floats(-1e9, 1e9))
@histories
def test_a_wall_clock_that_is_set_changes_nothing_because_none_is_used(history: list[Action], jump: float) -> None:
    """The same history at another place of the clock, and with another wall-clock time at each shelf, has the same end."""
    one, other = Desk(PLAN, 100.0), Desk(PLAN, 100.0 + float(2**20))
    for here, there in zip(live(history, one), live(history, other), strict=True):
        assert [view.letter for view in here.after.values()] == [view.letter for view in there.after.values()]
    shelved = [Desk(PLAN), Desk(PLAN)]
    for desk, utc in zip(shelved, (0.0, jump), strict=True):
        desk.order(Shelve(LATCH.key, 3600.0, "anna", "sensor is wet", utc=utc))
        desk.wait(3599.0)
        assert desk.letter(LATCH.key) == "G"
        desk.wait(1.0)
        assert desk.letter(LATCH.key) == "A"
