"""Sentences of arming screens: what it does to whom, as people type it, and never more than is known."""

from __future__ import annotations

from dataclasses import replace

import pytest

from stationd.core.operation.evidence import Evidence
from stationd.core.operation.orders import (
    ActOrder,
    AddHold,
    Apply,
    Approve,
    Arm,
    AuthorityVerb,
    Confirm,
    Disarm,
    Discard,
    DropHold,
    EmergencyOff,
    Execute,
    Hold,
    KeepAlive,
    Prepare,
    Reject,
    Revert,
    Rollback,
    SetAuthority,
    Stage,
    Way,
)
from stationd.core.operation.plan import ActingPlan
from stationd.core.operation.sentences import DEADLY, asked, effect, limits, task_words
from stationd.core.operation.task import Bypass, Electrode, Energise, Part, Pump, RampTo, RemoveHold, SetMode, SetPolarity, SwitchOff, Task
from tests.core.operation.station import (
    ARMER,
    DOOR,
    ENERGISE,
    FAR_ON,
    NOW,
    OFF,
    PLAN,
    RAMP,
    at,
    evidence,
    feed,
    feeding,
    hold,
    resting,
    without,
)

EVERY: tuple[tuple[Task, str, str], ...] = (
    (ENERGISE, "pfe-a", "energise to 1000 mA rate 10 mA/s"),
    (Energise(900.5, 7.5, Part.MASTER), "pfe-a", "energise to 900.5 mA rate 7.5 mA/s as master"),
    (Energise(900.0, 5.0, Part.FOLLOWER), "pfe-a", "energise to 900 mA rate 5 mA/s as follower"),
    (RAMP, "pfe-a", "ramp to 900 mA rate 10 mA/s"),
    (OFF, "pfe-a", "off rate 20 mA/s"),
    (SetPolarity(True), "pfe-a", "polarity neg"),
    (SetPolarity(False), "pfe-a", "polarity pos"),
    (Electrode(True), "pfe-a", "electroding on"),
    (Electrode(False), "pfe-a", "electroding off"),
    (Pump(True), "amp1", "pump-on"),
    (Pump(False), "amp1", "pump-off"),
    (SetMode("apc"), "amp1", "mode apc"),
    (RemoveHold("H-7"), "H-7", "remove"),
    (Bypass(DOOR, 1200.0), "io1.di1", "bypass for 20m"),
)


def told(task: Task, object: str = "pfe-a", found: Evidence | None = None, plan: ActingPlan = PLAN) -> tuple[str, ...]:
    return effect(plan, evidence(feeding()) if found is None else found, object, task, NOW)


def where(task: Task, object: str = "pfe-a", found: Evidence | None = None, plan: ActingPlan = PLAN) -> tuple[str, ...]:
    return limits(plan, found or evidence(), object, task, NOW)


@pytest.mark.parametrize(("task", "object", "words"), EVERY)
def test_every_task_has_its_words_its_effect_and_where_it_stops(task: Task, object: str, words: str) -> None:
    assert task_words(task) == words
    found = evidence(feeding(), holds=(hold("pfe-a"),))
    for sentence in (*told(task, object, found), *where(task, object, found)):
        assert sentence
        assert sentence.isascii()
        assert len(sentence) <= 130  # two lines of a screen of 79 columns
    assert told(task, object, found)


def test_energising_tells_the_most_that_can_stand_on_the_cable_and_that_it_kills() -> None:
    said = told(ENERGISE, found=evidence())
    assert said[0] == "Puts up to +578 V on the sea cable Aktau - Siyazan."
    assert said[1] == DEADLY
    assert "The feed at Siyazan is OFF, earth open." in said
    for task in (RampTo(1000.0, 10.0), Electrode(True)):
        low = evidence(feeding(output_current=500.0, current_setpoint=500.0))
        assert DEADLY in told(task, found=low)
    assert DEADLY not in told(RAMP)


def test_a_polarity_that_is_not_known_has_no_sign() -> None:
    assert told(ENERGISE, found=evidence(resting(polarity_negative=True)))[0].startswith("Puts up to -578 V")
    assert told(ENERGISE, found=without(evidence(), at("pfe-a", "polarity_negative")))[0].startswith("Puts up to 578 V")


def test_without_a_model_the_limit_of_the_unit_is_told() -> None:
    bench = replace(PLAN, feeds={"pfe-a": feed("pfe-a", cable=None, far_expected=False)})
    assert told(ENERGISE, plan=bench)[0] == "Puts up to +800 V on what hangs on pfe-a."


def test_what_the_unit_and_its_permissives_are_is_told() -> None:
    one = feed("pfe-a", interlocks=(), interlocks_reason="door loop in the cabinet", remote_writable=True)
    said = told(ENERGISE, found=evidence(resting(remote=False)), plan=replace(PLAN, feeds={"pfe-a": one}))
    assert "Interlocks are in hardware only: door loop in the cabinet." in said
    assert "Takes remote control of pfe-a." in said
    assert "Takes remote control of pfe-a." not in told(ENERGISE)


def test_switching_off_tells_what_stays_alive_and_what_goes_dark() -> None:
    both = told(OFF, found=evidence(feeding(), far=FAR_ON))
    assert "The line stays ALIVE: Siyazan carries it alone, up to 578 V." in both
    alone = told(OFF)
    assert alone[0].startswith("Takes the feed of pfe-a off the sea cable Aktau - Siyazan: now 1000 mA (pfe-a.output_current, 0.3 s ago)")
    assert "Repeaters lose their power: all light on the line goes out." in alone
    silent = told(OFF, found=without(evidence(feeding()), at("pfe-a", "output_current")))
    assert "not known: pfe-a.output_current was never read" in silent[0]


def test_both_parts_of_a_double_end_start_say_who_sets_the_current() -> None:
    assert "Both ends feed: pfe-a sets the current, Siyazan follows." in told(Energise(900.0, 5.0, Part.MASTER))
    follower = told(Energise(900.0, 5.0, Part.FOLLOWER))
    assert "Both ends feed: pfe-a carries its share of the voltage, Siyazan sets the current." in follower
    assert "The feed at Siyazan is not known." in told(Energise(900.0, 5.0, Part.FOLLOWER), found=evidence(far=None))


def test_light_bypasses_and_holds_are_told_for_what_they_are() -> None:
    raman = told(Pump(True), "raman1")
    assert raman[:2] == ("Sends pump light of the watt class into fibre pair 2.", "A bare fibre end burns eyes and skin.")
    assert "light on fibre pair 1 may be lost" in told(Pump(False), "amp1")[0]
    assert told(SetMode("apc"), "amp1")[0] == "Puts amp1 from mode acc into mode apc."
    assert "turn their output off" in told(SetMode("apc"), "amp1")[1]
    assert told(Bypass(DOOR, 600.0), "io1.di1")[0] == "io1.di1 counts as closed for 10 min: pfe-a, pfe-b may run with it open."
    removed = told(RemoveHold("H-7"), "H-7", evidence(holds=(hold("pfe-a"),)))
    assert removed[0] == 'Removes H-7 on pfe-a, set by j.smith 12 min ago: "ship on cable, PSM-0093".'
    assert "NOT AN ISOLATION" in removed[2]


def test_an_object_that_there_is_not_has_no_effect() -> None:
    assert told(ENERGISE, "pfe-z") == told(Pump(True), "pfe-z") == told(RemoveHold("H-9"), "H-9") == where(ENERGISE, "pfe-z") == ()


def test_limits_are_those_of_the_stations_file() -> None:
    said = " ".join(where(ENERGISE))
    for part in ("800 V", "400 V/s", "15 mA for 2 s", "100, 500, 900 mA", "5 %"):
        assert part in said
    assert "50 V within 60 s" in " ".join(where(SwitchOff(20.0)))


def test_only_what_lies_on_the_way_of_a_ramp_is_told_as_a_hold_point() -> None:
    def said(task: Task, set_to: float | None = None, plan: ActingPlan = PLAN) -> str:
        values = feeding() if set_to is None else feeding(current_setpoint=set_to, output_current=set_to)
        return " ".join(where(task, found=evidence(values), plan=plan))

    assert "at 450, 810 mA (within 5 %)" in said(RampTo(900.0, 10.0), 300.0)
    assert "at 90, 450, 810 mA" in said(RampTo(900.0, 10.0), 0.0)
    assert "model" not in said(RampTo(900.0, 10.0), 1000.0), "a ramp down compares nothing"
    assert "model" not in said(RampTo(900.0, 10.0), 850.0), "nor one that begins beyond the last"
    bench = replace(PLAN, feeds={"pfe-a": feed("pfe-a", cable=None)})
    assert "waits at 90, 450, 810 mA until V stays the same (within 1 %)" in said(RampTo(900.0, 10.0), 0.0, bench)


def test_a_follower_is_told_what_it_compares_and_no_hold_points() -> None:
    said = " ".join(where(Energise(1000.0, 10.0, Part.FOLLOWER)))
    assert "half of what the line needs by the model, holds if that is off by more than 100 V" in said
    assert "compares" not in said
    assert "compares V with the model at 100, 500, 900 mA" in " ".join(where(Energise(1000.0, 10.0, Part.MASTER)))


ORDERS: tuple[tuple[ActOrder, str], ...] = (
    (Arm(ARMER, "pfe-a", RAMP, "repair done WO 4711", "K7Q4"), "arm pfe-a ramp to 900 mA rate 10 mA/s"),
    (Arm(ARMER, "pfe-a", RemoveHold("H-7"), "repair done", "K7Q4"), "arm hold H-7 remove"),
    (Arm(ARMER, "x", Bypass(DOOR, 600.0), "repair done", "K7Q4"), "arm interlock io1.di1 bypass for 10m"),
    (Approve(ARMER, "OP-42"), "approve OP-42"),
    (Reject(ARMER, "OP-42", "no"), "reject OP-42"),
    (Execute(ARMER, "OP-42", "K7Q4"), "execute OP-42"),
    (Disarm(ARMER, "OP-42"), "disarm OP-42"),
    (Hold(ARMER), "hold-ramp"),
    (Hold(ARMER, "OP-42"), "hold-ramp OP-42"),
    (Prepare(ARMER, "OP-42", Way.RESUME, "K7Q4"), "resume OP-42"),
    (Prepare(ARMER, "OP-42", Way.BACK, "K7Q4"), "back OP-42"),
    (KeepAlive(ARMER, "OP-42"), "keep-alive OP-42"),
    (EmergencyOff(ARMER, ("pfe-a", "pfe-b")), "EMERGENCY-OFF pfe-a pfe-b"),
    (AddHold(ARMER, "line", "ship on cable"), "hold add line"),
    (DropHold(ARMER, "H-7"), "hold remove H-7"),
    (SetAuthority(ARMER, AuthorityVerb.GRANT, "duty.noc"), "authority grant duty.noc"),
    (SetAuthority(ARMER, AuthorityVerb.TAKE, reason="work"), "authority take"),
    (Stage(ARMER, at("amp1", "gain_setpoint"), 21.5), "set amp1.gain_setpoint 21.5"),
    (Discard(ARMER), "discard"),
    (Apply(ARMER, "drift of the gain"), "apply"),
    (Apply(ARMER, "drift of the gain", 600.0), "apply confirm-within 10m"),
    (Confirm(ARMER), "confirm"),
    (Revert(ARMER, "drift of the gain"), "revert"),
    (Rollback(ARMER, 2), "rollback 2"),
)


@pytest.mark.parametrize(("order", "words"), ORDERS)
def test_every_order_is_told_as_people_type_it_and_never_with_a_code(order: ActOrder, words: str) -> None:
    assert asked(order) == words
    assert "K7Q4" not in asked(order)
