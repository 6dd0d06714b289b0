"""What people may order: every outcome is a value, and every refusal says what, why, and what would change it."""

from __future__ import annotations

import pytest

from stationd.core.alarm.condition import Condition, Equals
from stationd.core.alarm.inhibit import Link
from stationd.core.alarm.machine import Event
from stationd.core.alarm.type import AlarmKey, Severity
from stationd.core.alarm.words import (
    Acknowledge,
    AddNote,
    Answer,
    Done,
    Order,
    Refusal,
    Refused,
    Reset,
    ReturnToService,
    Shelve,
    Signal,
    TakeOutOfService,
    Target,
    Unshelve,
    Why,
    target,
)
from stationd.core.model import PointId
from tests.core.alarm.plans import Desk, plan_of, records, rule

MINOR, MAJOR = rule("MINOR", Severity.MINOR), rule("MAJOR", Severity.MAJOR)
TRIP = rule("TRIP", Severity.CRITICAL, latching=True)
DOOR = rule("DOOR", Severity.MINOR, condition=Condition(Equals(False), safety=True), point=PointId("io1", "di1"))
REVIEW = rule("REVIEW-DUE", Severity.MINOR, resource="station")
REASON = "sensor wet, WO 4720"


def desk() -> Desk:
    return Desk(plan_of(MINOR, MAJOR, TRIP, DOOR, REVIEW))


def refused(desk: Desk, order: Order, error: Refusal, cause: str) -> Refused:
    before, known = {key: desk.letter(key) for key in desk.alarms.plan.rules}, len(desk.effects)
    outcome = desk.order(order)
    assert isinstance(outcome, Refused)
    assert (outcome.error, outcome.cause) == (error, cause)
    assert outcome.detail
    assert outcome.hint
    assert {key: desk.letter(key) for key in desk.alarms.plan.rules} == before
    assert len(desk.effects) == known
    return outcome


def ack(key: AlarmKey, occurrence: int | None = None) -> Acknowledge:
    return Acknowledge((Target(key, occurrence),), "anna", "on site")


@pytest.mark.parametrize(
    "order",
    [
        ack(AlarmKey("x", "NONE")),
        Reset(AlarmKey("x", "NONE"), "anna", REASON),
        Shelve(AlarmKey("x", "NONE"), 60.0, "anna", REASON),
        Unshelve(AlarmKey("x", "NONE"), "anna"),
        TakeOutOfService(AlarmKey("x", "NONE"), 60.0, "anna", "boris", REASON),
        ReturnToService(AlarmKey("x", "NONE"), "anna"),
        AddNote(AlarmKey("x", "NONE"), "anna", "hm"),
    ],
)
def test_an_alarm_that_the_station_does_not_have_is_named(order: Order) -> None:
    assert "x/NONE" in refused(desk(), order, Refusal.NO_SUCH_ALARM, "no-such-alarm").detail


def test_an_acknowledgement_of_what_has_come_again_since_is_refused() -> None:
    here = desk()
    here.say(MINOR.key, active=True)
    here.say(MINOR.key, active=False)
    here.say(MINOR.key, active=True)
    assert "number 2 stands there" in refused(here, ack(MINOR.key, 1), Refusal.REFUSED, "occurrence-passed").detail
    assert isinstance(here.order(ack(MINOR.key, 2)), Done)
    assert here.letter(MINOR.key) == "C"


def test_an_acknowledgement_of_what_has_become_worse_since_is_refused() -> None:
    here = desk()
    here.say(MINOR.key, active=True)
    here.say(MINOR.key, active=True, severity=Severity.CRITICAL)
    refused(here, ack(MINOR.key, 1), Refusal.REFUSED, "occurrence-passed")


def test_what_is_acknowledged_and_becomes_worse_is_told_again_and_what_eases_keeps_its_worst_until_it_is_seen() -> None:
    here = desk()
    here.say(MINOR.key, active=True)
    here.order(ack(MINOR.key))
    here.say(MINOR.key, active=True, severity=Severity.MAJOR)
    assert here.letter(MINOR.key) == "B"
    assert [told.why for told in here.told()] == [Why.RAISED, Why.ESCALATED]
    here.say(MINOR.key, active=True, severity=Severity.WARNING)
    view = here.alarms.view(MINOR.key)
    assert view is not None
    assert (view.severity, view.worst) == (Severity.WARNING, Severity.MAJOR)
    here.order(ack(MINOR.key))
    assert here.alarms.view(MINOR.key).worst is Severity.WARNING  # type: ignore[union-attr]


def test_several_alarms_are_acknowledged_each_for_itself() -> None:
    here = desk()
    here.say(MINOR.key, active=True)
    answer = here.alarms.obey(Acknowledge((Target(MINOR.key), Target(AlarmKey("x", "NONE")), Target(MAJOR.key)), "anna"), here.t)
    assert isinstance(answer, Answer)
    assert [type(outcome) for outcome in answer.outcomes] == [Done, Refused, Done]
    (record,) = records(list(answer.effects))
    assert (record.key, record.who) == (MINOR.key, "anna")


def test_what_is_hidden_cannot_be_acknowledged_and_the_refusal_says_what_hides_it() -> None:
    here = desk()
    here.say(MINOR.key, active=True)
    here.order(Shelve(MINOR.key, 60.0, "boris", REASON))
    assert f"shelved by boris: {REASON}" in refused(here, ack(MINOR.key), Refusal.HIDDEN, "hidden").detail
    refused(here, Reset(MINOR.key, "anna", REASON), Refusal.HIDDEN, "hidden")


def test_a_latch_is_reset_by_a_person_with_a_note_after_it_has_gone_and_was_seen() -> None:
    here = desk()
    here.say(TRIP.key, active=True)
    reset = Reset(TRIP.key, "anna", "repaired, WO 1")
    refused(here, reset, Refusal.STILL_ACTIVE, "still-active")
    here.say(TRIP.key, active=False)
    assert here.letter(TRIP.key) == "E"
    refused(here, reset, Refusal.NOT_ACKNOWLEDGED, "not-acknowledged")
    here.order(ack(TRIP.key))
    assert here.letter(TRIP.key) == "F"
    assert refused(here, Reset(TRIP.key, "anna", "ok"), Refusal.REASON_REQUIRED, "reason-required").limit == 8
    assert isinstance(here.order(reset), Done)
    assert here.history(TRIP.key) == ["raise AB", "clear BE", "ack EF", "reset FA"]


@pytest.mark.parametrize(("key", "longest"), [(MINOR.key, 28_800), (MAJOR.key, 7_200)])
def test_a_shelf_has_a_longest_time_by_severity(key: AlarmKey, longest: int) -> None:
    here = desk()
    assert refused(here, Shelve(key, longest + 1.0, "anna", REASON), Refusal.NOT_SHELVABLE, "not-shelvable").limit == longest
    outcome = here.order(Shelve(key, float(longest), "anna", REASON))
    assert isinstance(outcome, Done)
    assert outcome.until_t == here.t + longest
    here.wait(longest - 0.001)
    assert here.letter(key) == "G"
    here.wait(0.001)
    assert here.letter(key) == "A"


@pytest.mark.parametrize("key", [TRIP.key, DOOR.key])
def test_what_is_critical_or_protects_people_is_never_shelved(key: AlarmKey) -> None:
    assert refused(desk(), Shelve(key, 1.0, "anna", REASON), Refusal.NOT_SHELVABLE, "not-shelvable").limit == 0


def test_a_shelf_needs_a_time_and_a_reason() -> None:
    here = desk()
    refused(here, Shelve(MINOR.key, 60.0, "anna", " wet    "), Refusal.REASON_REQUIRED, "reason-required")
    for seconds in (0.0, -1.0, float("nan")):
        refused(here, Shelve(MINOR.key, seconds, "anna", REASON), Refusal.REFUSED, "step-limit")
    refused(here, Shelve(MAJOR.key, 60.0, "anna", REASON, one_shot=True), Refusal.REFUSED, "one-shot")


def test_a_one_shot_shelf_ends_when_the_alarm_clears() -> None:
    here = desk()
    here.say(MINOR.key, active=True)
    here.order(Shelve(MINOR.key, 3600.0, "anna", REASON, one_shot=True))
    here.say(MINOR.key, active=False)
    assert here.letter(MINOR.key) == "A"
    here.say(MINOR.key, active=True)
    assert here.letter(MINOR.key) == "B"


def test_what_becomes_critical_stays_on_no_shelf() -> None:
    here = desk()
    here.say(MINOR.key, active=True)
    here.order(Shelve(MINOR.key, 3600.0, "anna", REASON))
    here.say(MINOR.key, active=True, severity=Severity.MAJOR)
    assert here.letter(MINOR.key) == "G"
    here.say(MINOR.key, active=True, severity=Severity.CRITICAL)
    assert here.letter(MINOR.key) == "B"
    assert here.told()[-1].why is Why.UNSHELVED


def test_the_end_of_a_shelf_is_announced_five_minutes_before_and_shows_what_is_active() -> None:
    here = desk()
    here.say(MINOR.key, active=True)
    here.order(ack(MINOR.key))
    here.order(Shelve(MINOR.key, 3600.0, "anna", REASON))
    warning = [each for each in records(here.wait(3300.0)) if each.key == MINOR.key]
    assert [(each.event, each.note) for each in warning] == [(Event.NOTE, "its shelf ends in 5 minutes")]
    here.wait(300.0)
    assert here.letter(MINOR.key) == "B"
    assert [told.why for told in here.told(MINOR.key)] == [Why.RAISED, Why.UNSHELVED]


def test_a_shelf_that_nothing_has_used_can_be_recognised() -> None:
    here = desk()
    here.order(Shelve(MINOR.key, 3600.0, "anna", REASON))
    view = here.alarms.view(MINOR.key)
    assert view is not None
    assert view.shelf is not None
    assert not view.shelf.used
    here.say(MINOR.key, active=True)
    assert here.alarms.view(MINOR.key).shelf.used  # type: ignore[union-attr]


@pytest.mark.parametrize(("who", "second"), [("anna", "anna"), ("anna", " ANNA"), ("anna", ""), ("", "boris")])
def test_out_of_service_needs_two_persons(who: str, second: str) -> None:
    refused(desk(), TakeOutOfService(TRIP.key, 60.0, who, second, REASON), Refusal.REFUSED, "second-person-missing")


def test_out_of_service_needs_a_review_within_a_week_and_a_reason() -> None:
    here = desk()
    for review_s in (0.0, 7 * 86_400 + 1.0, float("nan")):
        refused(here, TakeOutOfService(TRIP.key, review_s, "anna", "boris", REASON), Refusal.REFUSED, "step-limit")
    refused(here, TakeOutOfService(TRIP.key, 60.0, "anna", "boris", "x"), Refusal.REASON_REQUIRED, "reason-required")


def test_an_alarm_out_of_service_stays_so_and_its_review_becomes_an_alarm() -> None:
    here = desk()
    here.say(TRIP.key, active=True)
    here.order(TakeOutOfService(TRIP.key, 3600.0, "anna", "boris", REASON))
    assert "out of service by anna and boris" in refused(here, ack(TRIP.key), Refusal.HIDDEN, "hidden").detail
    refused(here, Shelve(TRIP.key, 60.0, "anna", REASON), Refusal.REFUSED, "out-of-service")
    here.wait(3600.0)
    assert (here.letter(TRIP.key), here.letter(REVIEW.key)) == ("I", "B")
    here.order(ReturnToService(TRIP.key, "anna"))
    assert (here.letter(TRIP.key), here.letter(REVIEW.key)) == ("B", "D")
    assert here.told()[-1].key == TRIP.key


def test_a_note_is_kept_with_its_writer_and_changes_nothing() -> None:
    here = desk()
    assert isinstance(here.order(AddNote(MINOR.key, "anna", "cable chamber dry")), Done)
    (record,) = records(here.effects)
    assert (record.event, record.who, record.note) == (Event.NOTE, "anna", "cable chamber dry")
    refused(here, AddNote(MINOR.key, "anna", "  "), Refusal.REASON_REQUIRED, "reason-required")


def test_unshelving_what_is_on_no_shelf_is_done_and_leaves_no_record() -> None:
    here = desk()
    assert isinstance(here.order(Unshelve(MINOR.key, "anna")), Done)
    assert isinstance(here.order(ReturnToService(MINOR.key, "anna")), Done)
    assert here.effects == []


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("pfe-a/PFE-TRIP", Target(AlarmKey("pfe-a", "PFE-TRIP"))),
        ("amp/PUMP-COLD/pump1_temperature#12", Target(AlarmKey("amp", "PUMP-COLD", "pump1_temperature"), 12)),
        ("pfe-a", None),
        ("a/b/c/d", None),
        ("a/", None),
        ("a/b#", None),
        ("a/b#-1", None),
        ("a/b#x", None),
    ],
)
def test_an_alarm_is_named_by_its_key_and_optionally_its_occurrence(text: str, meant: Target | None) -> None:
    assert target(text) == meant
    if meant is not None:
        assert str(meant.key) == text.partition("#")[0]


def test_a_signal_of_an_alarm_that_is_none_is_a_fault_of_the_program() -> None:
    here = desk()
    with pytest.raises(KeyError):
        here.take(Signal(AlarmKey("x", "NONE"), True, here.t))


def test_a_shelf_of_eight_hours_becomes_one_of_two_when_the_alarm_becomes_major_on_it() -> None:
    here = desk()
    here.order(Shelve(MINOR.key, 8 * 3600.0, "anna", REASON, utc=1.7e9))
    here.say(MINOR.key, True, Severity.MINOR)
    here.wait(600.0)
    here.say(MINOR.key, True, Severity.MAJOR)
    view = here.alarms.view(MINOR.key)
    assert view is not None
    assert view.shelf is not None
    assert view.shelf.until_t == here.t + 7200.0
    assert view.shelf.until_utc == 1.7e9 + 600.0 + 7200.0
    assert records(here.effects)[-1].note == "major: its shelf ends in 2 h at the latest"
    here.wait(7200.0 - 1.0)
    assert here.letter(MINOR.key) == "G"
    here.wait(1.0)
    assert here.letter(MINOR.key) == "B"


def test_a_shorter_shelf_stays_as_it_is_when_the_alarm_gets_worse() -> None:
    here = desk()
    here.order(Shelve(MINOR.key, 600.0, "anna", REASON))
    here.say(MINOR.key, True, Severity.MAJOR)
    assert "latest" not in records(here.effects)[-1].note
    here.wait(600.0)
    assert here.letter(MINOR.key) == "B"


def test_what_goes_out_of_service_leaves_its_shelf_behind_with_all_its_deadlines() -> None:
    here = desk()
    here.say(MINOR.key, active=True)
    here.order(Shelve(MINOR.key, 3600.0, "anna", REASON))
    here.order(TakeOutOfService(MINOR.key, 86_400.0, "anna", "boris", REASON))
    view = here.alarms.view(MINOR.key)
    assert view is not None
    assert view.shelf is None
    here.wait(7200.0)
    assert here.history(MINOR.key) == ["raise AB", "shelve BG", "out-of-service GI"]


def test_no_review_is_due_of_an_alarm_that_has_been_returned() -> None:
    here = desk()
    here.order(TakeOutOfService(MINOR.key, 3600.0, "anna", "boris", REASON))
    here.order(ReturnToService(MINOR.key, "anna"))
    here.wait(7200.0)
    assert here.history(MINOR.key) == ["out-of-service AI", "return IA"]
    assert here.history(REVIEW.key) == []


def test_an_alarm_escalates_only_beyond_the_worst_that_nobody_has_seen() -> None:
    here = desk()
    for severity in (Severity.MINOR, Severity.MAJOR, Severity.MINOR, Severity.MAJOR):
        here.say(MINOR.key, True, severity)
    assert [told.why for told in here.told()] == [Why.RAISED, Why.ESCALATED]
    here.order(ack(MINOR.key))
    here.say(MINOR.key, True, Severity.MINOR)
    here.order(ack(MINOR.key))
    assert here.letter(MINOR.key) == "C"


def test_a_cause_on_a_shelf_explains_nothing_any_more() -> None:
    cause, effect = rule("CAUSE"), rule("EFFECT")
    here = Desk(plan_of(cause, effect, links=(Link(cause.key, effect.key),)))
    here.say(cause.key, active=True)
    here.say(effect.key, active=True)
    here.order(Shelve(cause.key, 3600.0, "anna", REASON))
    here.wait(59.0)
    assert here.letter(effect.key) == "H"
    here.wait(1.0)
    assert here.letter(effect.key) == "B"
    assert [told.key for told in here.told()] == [cause.key, effect.key]
