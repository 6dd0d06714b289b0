"""Odd orders and odd news, of any kind and in any order: nothing raises, nothing is said that a screen cannot show, and nothing is
written but by an operation that runs. STATIOND_HOSTILE sets how many stories are told (default 25)."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from math import inf, nan
from random import Random
from typing import Any

import pytest

from stationd.core.alarm.machine import Event as AlarmEvent
from stationd.core.alarm.type import AlarmKey
from stationd.core.alarm.words import Signal
from stationd.core.line.far import FarLine, FarSilent
from stationd.core.line.words import Feed
from stationd.core.model import GOOD, IntentKept, LinkChanged, PointId, Reading, Reason, SessionEnded, Tick, Write, WriteDone
from stationd.core.operation import orders as o
from stationd.core.operation import task as k
from stationd.core.operation.orders import Arm
from stationd.core.operation.views import Phase
from stationd.core.operation.words import ActOutcome, Cause, CutOff, Noted, Refused
from tests.core.operation.rig import (
    ALIYEVA,
    AMP,
    BAD,
    BEKOV,
    CODE,
    DOOR,
    ENERGISE,
    FAR_PLAN,
    GUEST,
    NEXT_CODE,
    PFE,
    PLAN,
    POINTS,
    SMITH,
    WHY,
    Rig,
    causes,
    critical,
    far_line,
    p,
    quiet_plant,
)

STORIES = int(os.environ.get("STATIOND_HOSTILE", "25"))
ESCAPE = "\x1b[2J\nOP-1 approved"
SECOND_FEED = replace(FAR_PLAN.feeds[PFE], device="pfe-b", points=replace(POINTS, on=p("output_on", "pfe-b")))
TWO = replace(FAR_PLAN, feeds={**FAR_PLAN.feeds, "pfe-b": SECOND_FEED})

NUMBERS = (0.0, 1.0, 5.0, 500.0, -1.0, -0.0, nan, inf, -inf, 1e300, 5e-324, 10**400, -(10**400), 1e15)
NAMES = (PFE, "pfe-b", AMP, "OP-1", "op-2", "OP-3", "H-1", "A-1", "", "line", "station", "nobody", ESCAPE, "x" * 5000, "\0", "e" * 150)
TEXTS = (WHY, "", "short", ESCAPE + " because of the works", "y" * 100_000, "\u202e" * 20)
CODES = (CODE, NEXT_CODE, "", "AAAA", "z" * 1000, "\n")
GAIN = p("gain_setpoint", AMP)
POINTS_ASKED = (DOOR, POINTS.current_ma, POINTS.on, POINTS.fault, p("pump_on", AMP), PointId("", ""), PointId(ESCAPE, "x"), GAIN)
PEOPLE = (BEKOV, BEKOV, BEKOV, ALIYEVA, SMITH, GUEST, replace(BEKOV, session="1001:99"), replace(SMITH, identified=False))
VALUES = (*NUMBERS, True, False, "on", None)
LIKELY = (
    o.SetAuthority(BEKOV, o.AuthorityVerb.TAKE, reason=WHY), Arm(BEKOV, PFE, ENERGISE, WHY, CODE), o.Approve(ALIYEVA, "OP-1"),
    o.Execute(BEKOV, "OP-1", CODE), o.Prepare(BEKOV, "OP-1", o.Way.BACK, CODE), Arm(BEKOV, AMP, k.Pump(False), WHY, CODE),
    o.Stage(BEKOV, GAIN, 21.0), o.Apply(BEKOV, WHY, 30.0), o.Hold(BEKOV),
)  # fmt: skip


SHARED = frozenset({"operations"})


class Odd:
    """Makes orders and news, each part likely or odd, by a seed."""

    def __init__(self, seed: int) -> None:
        self.draw = Random(seed)

    def of(self, kinds: tuple[Any, ...]) -> Any:
        return self.draw.choice(kinds)

    def task(self) -> k.Task:
        one, two, yes = self.of(NUMBERS), self.of(NUMBERS), self.of((True, False))
        made = (
            k.Energise(one, two, self.of(tuple(k.Part))), k.RampTo(one, two), k.SwitchOff(one), k.SetPolarity(yes), k.Electrode(yes),
            k.Pump(yes), k.SetMode(self.of(NAMES)), k.RemoveHold(self.of(NAMES)), k.Bypass(self.of(POINTS_ASKED), one), ENERGISE,
        )  # fmt: skip
        return self.of(made)

    def order(self) -> o.ActOrder:
        who, name, text, code, number = self.of(PEOPLE), self.of(NAMES), self.of(TEXTS), self.of(CODES), self.of(NUMBERS)
        made = (
            Arm(who, name, self.task(), text, code), o.Approve(who, name), o.Reject(who, name, text), o.Execute(who, name, code),
            o.Disarm(who, name), o.Hold(who, name), o.Prepare(who, name, self.of(tuple(o.Way)), code), o.KeepAlive(who, name),
            o.EmergencyOff(who, (name, self.of(NAMES))[: self.of((0, 1, 2))]), o.AddHold(who, name, text), o.DropHold(who, name),
            o.SetAuthority(who, self.of(tuple(o.AuthorityVerb)), name, text), o.Stage(who, self.of(POINTS_ASKED), number), o.Discard(who),
            o.Apply(who, text, self.of((None, number))), o.Confirm(who), o.Revert(who, text),
            o.Rollback(who, self.of((0, 1, -5, 10**5000))),
        )  # fmt: skip
        return self.of(made) if self.draw.random() < 0.6 else self.of(LIKELY)

    def news(self, t: float) -> Any:
        point, one, two, value = self.of(POINTS_ASKED), self.of(NUMBERS), self.of(NUMBERS), self.of(VALUES)
        when = t if self.draw.random() < 0.7 else one
        made = (
            Reading(point, value, GOOD if value is not None else BAD, when), Reading(point, value, GOOD, t),
            WriteDone(point, value, self.of(VALUES), self.of((Reason.NONE, Reason.TIMEOUT)), ESCAPE, t),
            IntentKept(self.of((0, 1, 2, 3, -1, 10**30)), self.of((True, False)), t), SessionEnded(self.of(("", BEKOV.session, ESCAPE)), t),
            FarLine(when, t, 0.1, "b", 1, Feed(one, two, t, True), holds=self.of(((), (ESCAPE,))), shared=SHARED), FarSilent(t, "gone"),
            LinkChanged("a", False, (PFE, "io1"), t), Tick(t), Signal(AlarmKey("station", "STORAGE-FAILED"), self.of((None, False)), t),
            critical(f"{self.of((PFE, AMP, 'line', 'station'))}/ARC", t, self.of((AlarmEvent.RAISE, AlarmEvent.ESCALATE))),
        )  # fmt: skip
        return self.of(made)


ENDS = frozenset({Phase.HELD, Phase.CLOSED})


def showable(text: str) -> bool:
    return text.isprintable() and len(text) < 2000


def check_outcome(outcome: ActOutcome) -> None:
    if isinstance(outcome, Refused):
        assert showable(outcome.asked)
        assert outcome.reasons
        for each in outcome.reasons:
            assert each.why
            assert each.remedy
            assert showable(each.why)
    else:
        assert all(showable(each) for each in (*outcome.names, outcome.detail))


class Watched(Rig):
    """A station of which every effect is looked at when it comes out."""

    def follow(self, effects: list[Any]) -> list[Any]:
        views = self.desk.operations(self.t)
        ran = {view.object for view in views if view.phase is Phase.RUNNING or (view.phase in ENDS and view.since_t == self.t)}
        for each in effects:
            match each:
                case Write() if each.target == GAIN:
                    assert self.desk.applied()[0].state in ("applying", "reverting")
                case Write(target):
                    assert target.device in ran
                case CutOff(target, value):
                    assert (target.point, value) == ("output_on", False)
                case Noted():
                    assert showable(each.subject)
                    json.dumps(each.document, default=str)
                case _:
                    pass
        return super().follow(effects)


def check_state(rig: Rig) -> None:
    opened = [view for view in rig.desk.operations(rig.t) if view.phase is not Phase.CLOSED]
    segments = [rig.plan.segment(view.object) for view in opened if not isinstance(view.task, k.RemoveHold | k.Bypass)]
    assert len(segments) == len(set(segments))
    json.dumps(rig.desk.saved(rig.t), allow_nan=False)
    for view in opened:
        assert all(showable(each) for each in (view.object, view.reason, view.detail, *view.effect, *view.limits))
    rig.desk.deadline()
    rig.desk.interlocks(rig.t)


@pytest.mark.parametrize("seed", range(STORIES))
def test_nothing_odd_raises_or_writes_or_says_what_cannot_be_shown(seed: int) -> None:
    odd = Odd(seed)
    rig = Watched(TWO, disk=odd.of((True, None)), far=far_line(1000.0), plant={**quiet_plant(), p("output_on", "pfe-b"): False})
    rig.beat(2)
    rig.alive.add(BEKOV.session)
    for _ in range(60):
        chance = odd.draw.random()
        if chance < 0.55:
            check_outcome(rig.obey(odd.order()))
        elif chance < 0.8:
            rig.take(odd.news(rig.t))
        elif chance < 0.95:
            rig.waiting = [each for each in rig.waiting if each.target in rig.plant]
            rig.far = far_line(rig.t)
            rig.beat()
        else:
            rig.t += odd.of((0.1, 2.0, 4.0, 60.0))
            rig.take(Tick(rig.t))
        check_state(rig)
    rig.restart()
    check_state(rig)


def test_the_odd_stories_come_as_far_as_operations_that_run_and_hold_and_values_that_are_sent() -> None:
    phases: set[Phase] = set()
    for seed in range(12):
        odd, rig = Odd(seed), Rig(TWO, far=far_line(1000.0), plant={**quiet_plant(), p("output_on", "pfe-b"): False})
        rig.alive.add(BEKOV.session)
        for _ in range(60):
            rig.far = far_line(rig.t)
            rig.beat()
            rig.obey(odd.order())
            phases |= {view.phase for view in rig.desk.operations(rig.t)}
    assert phases >= {Phase.WAITING, Phase.ARMED, Phase.RUNNING, Phase.HELD, Phase.CLOSED}


@pytest.mark.parametrize("number", [nan, inf, -inf, 10**400, -1.0, 0.0])
def test_no_number_that_is_none_is_ordered(number: float) -> None:
    rig = Rig()
    rig.authority()
    for task in (k.Energise(number, 50.0), k.Energise(500.0, number), k.SwitchOff(number), k.Bypass(DOOR, number)):
        assert isinstance(rig.arm(task), Refused)
        assert any(not each.good for each in rig.desk.check(BEKOV, PFE, task, rig.t))
    for order in (o.Stage(BEKOV, p("gain_setpoint", AMP), number), o.Apply(BEKOV, WHY, number)):
        assert isinstance(rig.obey(order), Refused)
    assert rig.desk.operations(rig.t) == ()


def test_a_name_with_signs_that_are_not_seen_is_refused_and_shown_without_them() -> None:
    rig = Rig()
    outcome = rig.obey(Arm(BEKOV, ESCAPE, ENERGISE, WHY, CODE))
    assert causes(outcome) == {Cause.INCONSISTENT}
    (note,) = rig.notes("refused")
    assert note.subject == "[2J OP-1 approved"


def test_a_reason_is_kept_on_one_line() -> None:
    rig = Rig()
    rig.authority()
    rig.obey(Arm(BEKOV, PFE, ENERGISE, f"repair done\n{ESCAPE}", CODE))
    assert rig.view("OP-1").reason == "repair done [2J OP-1 approved"


def test_an_emergency_off_with_an_odd_name_beside_a_good_one_goes_out_all_the_same() -> None:
    rig = Rig()
    outcome = rig.emergency_off(PFE, ESCAPE, "x" * 100_000)
    check_outcome(outcome)
    assert [type(each) for _, each in rig.sent] == [CutOff]


def test_two_operations_never_stand_on_one_line_also_where_the_memory_says_so() -> None:
    rig = Rig(TWO, far=far_line(1000.0), plant={**Rig().plant, p("output_on", "pfe-b"): False})
    rig.beat()
    rig.running(beats=4)
    kept = json.loads(json.dumps(rig.desk.saved(rig.t)))
    twin = {**kept["opened"][0], "name": "OP-7", "object": "pfe-b"}
    fresh = type(rig.desk)(TWO, 10.0)
    fresh.restore({**kept, "opened": [*kept["opened"], twin]}, 10.0, 1.0)
    opened = [view for view in fresh.operations(10.0) if view.phase is not Phase.CLOSED]
    assert [view.name for view in opened] == ["OP-1"]
    assert PLAN.segment(PFE) == TWO.segment("pfe-b")


def test_no_feed_is_energised_while_set_values_go_out_and_no_pair_is_switched_while_its_other_amplifier_is_set() -> None:
    pair = replace(PLAN.amplifiers[AMP], device="preamp", set_values={}, pump_on=p("pump_on", "preamp"))
    rig = Rig(replace(PLAN, amplifiers={**PLAN.amplifiers, "preamp": pair}), disk=None)
    rig.plant[p("pump_on", "preamp")] = True
    rig.beat(2)
    rig.authority()
    rig.obey(o.Stage(BEKOV, p("gain_setpoint", AMP), 21.0))
    rig.obey(o.Apply(BEKOV, WHY))
    assert Cause.PROCESS in causes(rig.arm(k.Pump(False), "preamp"))
