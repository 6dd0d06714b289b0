"""Nothing unsure stops an output that is being switched off, or the measuring after it; an orderly OFF is not refused lightly."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import pytest

from stationd.core.line.words import Feed, Regulation
from stationd.core.model import PointId
from stationd.core.operation.orders import AuthorityVerb, Hold, SetAuthority
from stationd.core.operation.task import Ending, SwitchOff
from stationd.core.operation.views import Phase
from stationd.core.operation.words import Accepted, TakeBack
from stationd.core.powerfeed.words import FeedPlan
from tests.core.operation.rig import BEKOV, FAR_FEED, FAR_PLAN, OMAROV, POINTS, SMITH, Rig, far_line

SWITCH = PointId("io1", "key_switch")
OFF = SwitchOff(20.0)


@dataclass
class Charged(Rig):
    """A line that keeps its charge while its output is off, until `drained`; the other end feeds it too, and lets it go."""

    drained: bool = False

    def react(self) -> None:
        super().react()
        if self.plant[POINTS.on] is not True:
            self.plant[POINTS.voltage_v] = 0.0 if self.drained else 400.0


def feeding(*others: FeedPlan) -> Charged:
    feeds = {**FAR_PLAN.feeds, **{each.device: each for each in others}}
    rig = Charged(replace(FAR_PLAN, key_switch=SWITCH, feeds=feeds), drained=True, far=far_line(1000.0))
    rig.plant |= {POINTS.on: True, POINTS.setpoint_ma: 300.0, SWITCH: False}
    rig.react()
    rig.beat(3)
    rig.drained = False
    return rig


def going_off(phase: str, *others: FeedPlan) -> Charged:
    """Bring an OFF to where the output is being switched off, or is off and measured."""
    rig = feeding(*others)
    rig.authority()
    rig.running(OFF)
    if phase == "switching off":
        rig.silent_to = POINTS.on
    for _ in range(120):
        if rig.view("OP-1").progress.phase == phase:
            return rig
        rig.beat()
    raise AssertionError(rig.view("OP-1"))


def far_is_silent(rig: Charged) -> None:
    rig.far = None
    rig.beat(8)


def far_holds(rig: Charged) -> None:
    assert rig.far is not None
    rig.far = replace(rig.far, holds=("H-2 on line",))
    rig.beat(4)


def far_runs(rig: Charged) -> None:
    assert rig.far is not None
    rig.far = replace(rig.far, operation={"id": "OP-9", "phase": "running", "target": "ramp to 900 mA"})
    rig.beat(4)


def key_turns(rig: Charged) -> None:
    rig.plant[SWITCH] = True
    rig.obey(SetAuthority(replace(OMAROV, local=True), AuthorityVerb.TAKE, reason="the shift of the other is over"))
    rig.beat(4)


def no_keep_alive(rig: Charged) -> None:
    rig.alive.clear()
    rig.beat(14)


def session_ends(rig: Charged) -> None:
    rig.leave(BEKOV)
    rig.beat(4)


CHANGES = [far_is_silent, far_holds, far_runs, key_turns, no_keep_alive, session_ends]


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("phase", ["switching off", "discharging"])
def test_nothing_unsure_holds_what_goes_off_and_its_discharge_is_proved(phase: str, change: Callable[[Charged], None]) -> None:
    rig = going_off(phase)
    change(rig)
    assert rig.phase("OP-1") is Phase.RUNNING, rig.view("OP-1").detail
    assert rig.alarm("OP-HELD") is not True
    assert not [each for each in rig.effects if isinstance(each, TakeBack)]
    rig.silent_to, rig.drained = None, True
    rig.settle()
    rig.react()
    rig.beat(4)
    view = rig.view("OP-1")
    assert (view.phase, view.ending) == (Phase.CLOSED, Ending.REACHED), view.detail
    assert rig.plant[POINTS.on] is False


@pytest.mark.parametrize("change", CHANGES)
def test_until_then_it_holds(change: Callable[[Charged], None]) -> None:
    rig = feeding()
    rig.authority()
    rig.running(OFF)
    rig.beat(2)
    assert rig.view("OP-1").progress.phase == "descending"
    change(rig)
    assert rig.phase("OP-1") is Phase.HELD


@pytest.mark.parametrize("phase", ["switching off", "discharging"])
def test_a_person_holds_it_all_the_same(phase: str) -> None:
    rig = going_off(phase)
    assert rig.obey(Hold(SMITH)) == Accepted(("OP-1",))
    assert rig.phase("OP-1") is Phase.HELD


@pytest.mark.parametrize(("far_phase", "refused"), [
    ("waiting", False), ("armed", False), ("closed", False), ("starting", True), ("running", True), ("held", True), ("", True),
])  # fmt: skip
def test_an_orderly_off_is_refused_only_by_a_far_operation_that_moves_something(far_phase: str, refused: bool) -> None:
    rig = feeding()
    rig.authority()
    assert rig.far is not None
    fed = Feed(300.0, 120.0, rig.t, True, Regulation.CURRENT)
    rig.far = replace(rig.far, feed=fed, operation={"id": "OP-9", "phase": far_phase, "target": "ramp to 900 mA"})
    rig.beat()
    assert isinstance(rig.arm(OFF), Accepted) is not refused


@pytest.mark.parametrize("phase", ["descending", "switching off", "discharging"])
def test_an_emergency_off_of_the_other_feed_of_the_line_does_not_stop_what_goes_off_either(phase: str) -> None:
    on = PointId("pfe-b", "output_on")
    rig = going_off(phase, replace(FAR_FEED, device="pfe-b", points=replace(POINTS, on=on)))
    rig.emergency_off("pfe-b")
    assert rig.phase("OP-1") is (Phase.HELD if phase == "descending" else Phase.RUNNING)
