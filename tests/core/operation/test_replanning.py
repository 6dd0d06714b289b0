"""Another plan of acting while the daemon runs: what people are about keeps what it rests on, and nothing else is in the way."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from stationd.core.model import Write
from stationd.core.operation.orders import AddHold, AuthorityVerb, DropHold, SetAuthority
from stationd.core.operation.plan import ActingPlan
from stationd.core.operation.task import Bypass, RampTo
from stationd.core.operation.views import Phase
from stationd.core.operation.words import CutOff, Hasten
from tests.core.operation.rig import AMP, BEKOV, BOOSTER, DOOR, FEED, PFE, PLAN, Rig

NOBODY: frozenset[str] = frozenset()
OTHER_FEED = replace(PLAN, feeds={PFE: replace(FEED, max_v=1100.0)})
OTHER_AMPLIFIER = replace(PLAN, amplifiers={AMP: replace(BOOSTER, fibre_pair=2)})
MORE = replace(PLAN, devices=PLAN.devices | {"meter"})


def obstacles(rig: Rig, plan: ActingPlan = PLAN, *touched: str, everything: bool = False) -> tuple[str, ...]:
    return rig.desk.obstacles(plan, frozenset(touched), rig.t, everything=everything)


def armed(rig: Rig) -> str:
    return rig.armed()


def running(rig: Rig) -> str:
    return rig.running(beats=4)


def held(rig: Rig) -> str:
    return rig.held()


@pytest.mark.parametrize("begun", [armed, running, held])
def test_an_open_operation_keeps_its_feed_its_interlocks_and_what_is_common(begun: Callable[[Rig], str]) -> None:
    rig = Rig()
    name = begun(rig)
    phase = rig.phase(name).value
    cases = (
        obstacles(rig, OTHER_FEED), obstacles(rig, PLAN, PFE), obstacles(rig, PLAN, DOOR.device),
        obstacles(rig, replace(PLAN, read_only=True)), obstacles(rig, PLAN, everything=True),
    )  # fmt: skip
    for found in cases:
        assert found[0].startswith(f"{name} (energise {PFE}) is {phase}")
        assert found[0].endswith("let it end, or disarm it")
    assert obstacles(rig, OTHER_AMPLIFIER) == obstacles(rig, MORE, "meter") == ()


def test_an_emergency_off_that_is_not_confirmed_keeps_its_feed() -> None:
    rig = Rig()
    rig.answer = False
    rig.emergency_off()
    assert obstacles(rig, OTHER_FEED) == (
        f"the EMERGENCY-OFF of {PFE} is not confirmed, and {PFE} would become another: its output must read off first",
    )
    rig.answer = True
    rig.beat(3)
    assert obstacles(rig, OTHER_FEED) == ()


def test_a_write_that_is_not_answered_keeps_its_unit_also_when_its_operation_is_over() -> None:
    rig = Rig()
    rig.disarm(rig.held())
    rig.beat()
    rig.answer = False
    name = rig.running(RampTo(400.0, 50.0), beats=2)
    rig.leave(BEKOV)
    rig.beat(4)
    rig.disarm(name)
    assert rig.phase(name) is Phase.CLOSED
    (sentence,) = obstacles(rig, OTHER_FEED)
    assert sentence.startswith("a write to pfe-a.")
    assert obstacles(rig, OTHER_AMPLIFIER) == ()


def test_a_bypass_keeps_its_interlock_and_the_feed_that_it_lets_run() -> None:
    rig = Rig()
    rig.execute(rig.armed(Bypass(DOOR, 600.0), str(DOOR)))
    rig.beat(2)
    assert obstacles(rig, PLAN, DOOR.device)[0].startswith(f"the interlock {DOOR} is bypassed")
    assert obstacles(rig, OTHER_FEED)[0].startswith(f"the interlock {DOOR} is bypassed")
    assert obstacles(rig, OTHER_AMPLIFIER) == ()


def test_a_hold_keeps_its_device_in_the_file_and_stays() -> None:
    rig = Rig()
    rig.obey(AddHold(BEKOV, AMP, "splicing at the frame"))
    gone = replace(PLAN, amplifiers={}, devices=PLAN.devices - {AMP})
    (sentence,) = obstacles(rig, gone, AMP)
    assert sentence == f"H-1 of a.bekov holds {AMP}, which is not in the file any more: take the hold back first"
    assert obstacles(rig, OTHER_AMPLIFIER, AMP) == ()
    rig.desk.replan(OTHER_AMPLIFIER, {AMP}, rig.t)
    assert [each.object for each in rig.desk.holds()] == [AMP]
    rig.obey(DropHold(BEKOV, "H-1"))
    assert obstacles(rig, gone, AMP) == ()


def test_another_plan_is_in_force_at_once_sends_nothing_and_forgets_nothing_but_what_is_another_unit() -> None:
    rig = Rig()
    rig.obey(SetAuthority(BEKOV, AuthorityVerb.REQUEST))
    closed = rig.held()
    rig.disarm(closed)
    rig.beat(4)
    effects = rig.desk.replan(OTHER_FEED, NOBODY, rig.t)
    assert [each for each in effects if isinstance(each, Write | CutOff | Hasten)] == []
    assert rig.desk.plan is OTHER_FEED
    assert rig.desk.authority().holder == BEKOV.name
    assert rig.phase(closed) is Phase.CLOSED
    assert rig.desk.interlocks(rig.t)[0].closed is True
    rig.desk.replan(OTHER_FEED, {DOOR.device}, rig.t)
    assert rig.desk.interlocks(rig.t)[0].closed is None


def test_under_another_plan_all_points_of_what_is_open_are_said_again_to_be_read_faster() -> None:
    rig = Rig()
    rig.running(beats=4)
    points = rig.hastened()
    assert points
    rig.effects.clear()
    rig.beat(2)
    assert rig.hastened() == frozenset(), "said once"
    rig.follow(rig.desk.replan(MORE, NOBODY, rig.t))
    rig.beat(2)
    assert rig.hastened() == points
