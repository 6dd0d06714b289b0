"""Of a thousand readings in a second nearly all concern nobody: these are passed by, and nothing is missed by that."""

from __future__ import annotations

from random import Random

import pytest

from stationd.core.model import GOOD, PointId, Reading, Tick
from stationd.core.operation.desk import Operations
from stationd.core.operation.orders import Apply, Approve, Arm, Execute, Hold, Prepare, Stage, Way
from stationd.core.operation.task import Pump
from stationd.core.operation.views import Phase
from stationd.core.operation.words import ActEffect, Cause, Hasten, Refused
from tests.core.operation.rig import ALIYEVA, AMP, BEKOV, CODE, DOOR, ENERGISE, NEXT_CODE, PFE, PLAN, POINTS, SMITH, WHY, Rig, p

ELSEWHERE = PointId("sampler", "fp1_power")


class Ticking(Rig):
    """A desk that is told the time before whatever happens: it takes no short way."""

    def take(self, news: object) -> list[ActEffect]:
        self.follow(self.desk.handle(Tick(self.t), self.t))
        return super().take(news)


def story(rig: Rig, seed: int) -> list[object]:
    """Tell a story with people, contacts and faults, and return all that came out of it."""
    draw = Random(seed)
    rig.alive.add(BEKOV.session)
    rig.authority()
    orders = (
        Arm(BEKOV, PFE, ENERGISE, WHY, CODE), Approve(ALIYEVA, "OP-1"), Execute(BEKOV, "OP-1", CODE), Hold(SMITH), Approve(ALIYEVA, "OP-2"),
        Prepare(BEKOV, "OP-1", Way.BACK, NEXT_CODE), Execute(BEKOV, "OP-1", NEXT_CODE), Arm(BEKOV, AMP, Pump(False), WHY, CODE),
        Stage(BEKOV, p("gain_setpoint", AMP), 21.0), Apply(BEKOV, WHY, 20.0), Execute(BEKOV, "OP-2", CODE),
    )  # fmt: skip
    for _ in range(30):
        match draw.randrange(6):
            case 0 | 1:
                rig.obey(draw.choice(orders))
            case 2:
                point = draw.choice((DOOR, POINTS.fault, p("los", AMP)))
                rig.plant[point] = not rig.plant[point]
            case 3:
                rig.bad = draw.choice((set(), {POINTS.current_ma}, {p("pump_on", AMP)}))
            case _:
                rig.beat(draw.choice((1, 3, 8)), draw.choice((0.5, 0.3, 1.5)))
        rig.take(Reading(ELSEWHERE, draw.random(), GOOD, rig.t))
    return [*rig.effects, *rig.sent, rig.desk.operations(rig.t), rig.desk.applied(), rig.desk.cut_offs(), rig.desk.deadline()]


@pytest.mark.parametrize("seed", range(12))
def test_whether_the_time_is_told_before_each_news_or_not_the_same_comes_out(seed: int) -> None:
    assert story(Rig(), seed) == story(Ticking(), seed)


def test_what_is_due_happens_with_whatever_comes_then_also_with_a_reading_that_concerns_nobody() -> None:
    rig = Rig()
    name = rig.armed(Pump(False), AMP)
    rig.wait(59)
    assert rig.take(Reading(ELSEWHERE, 1.0, GOOD, rig.t)) == []
    assert rig.phase(name) is Phase.ARMED
    rig.t += 1
    rig.take(Reading(ELSEWHERE, 1.0, GOOD, rig.t))
    assert rig.phase(name) is Phase.CLOSED


def test_a_precondition_that_grows_old_is_noticed_by_any_reading_and_at_the_latest_at_the_deadline() -> None:
    rig = Rig()
    name = rig.running(beats=4)
    rig.t += 2.5
    assert (due := rig.desk.deadline()) is not None
    assert due <= rig.t
    rig.take(Reading(ELSEWHERE, 1.0, GOOD, rig.t))
    assert (rig.phase(name), rig.view(name).cause) == (Phase.HELD, Cause.INTERLOCKING)


def test_who_may_act_is_forgotten_after_a_quarter_of_an_hour_in_which_only_readings_came() -> None:
    rig = Rig()
    rig.authority()
    rig.t += 899
    rig.take(Reading(ELSEWHERE, 1.0, GOOD, rig.t))
    assert rig.desk.authority().holder == BEKOV.name
    rig.t += 1
    rig.take(Reading(ELSEWHERE, 1.0, GOOD, rig.t))
    assert rig.desk.authority().holder == ""


def test_what_was_staged_is_read_faster_for_ten_minutes_and_then_a_deadline_ends_that() -> None:
    desk, t = Operations(PLAN, 0.0), 0.0
    point = p("gain_setpoint", AMP)
    for t in (0.5, 1.0):
        for each in PLAN.amplifiers[AMP].set_values.values():
            desk.handle(Reading(each.target, 20.0, GOOD, t), t)
    desk.obey(Stage(BEKOV, point, 21.0), t)
    assert desk.deadline() == t + 600
    found = [each for each in desk.handle(Tick(t + 600), t + 600) if isinstance(each, Hasten)]
    assert [each.points for each in found] == [frozenset()]
    assert desk.deadline() is None


def test_a_fresh_desk_says_how_its_alarms_stand_with_the_first_news_whatever_it_is() -> None:
    desk = Operations(PLAN, 0.0)
    assert len(desk.handle(Reading(ELSEWHERE, 1.0, GOOD, 0.0), 0.0)) == 4
    assert desk.handle(Reading(ELSEWHERE, 1.0, GOOD, 0.0), 0.0) == []


def unset(rig: Rig) -> str:
    """Return why a set value is not sent."""
    rig.authority()
    rig.obey(Stage(BEKOV, p("gain_setpoint", AMP), 21.0))
    outcome = rig.obey(Apply(BEKOV, "tilt after repair"))
    return " | ".join(each.why for each in outcome.reasons) if isinstance(outcome, Refused) else ""


def test_the_protection_of_a_unit_is_followed_while_nothing_is_open() -> None:
    rig = Rig()
    rig.plant[p("pump_on", AMP)] = False
    rig.beat(2)
    assert unset(rig) == "", "somebody has switched it off"
    rig = Rig()
    rig.plant |= {p("los", AMP): True, p("pump_on", AMP): False}
    rig.beat(2)
    rig.plant[p("los", AMP)] = False
    rig.beat(2)
    assert "booster is restarting since" in unset(rig), "it has protected itself, and light is back"


def test_a_change_of_the_protection_is_seen_at_once_however_short_ago_the_unit_was_looked_at() -> None:
    rig = Rig()
    rig.plant |= {p("los", AMP): True}
    rig.beat(2)
    for point, value in ((p("pump_on", AMP), False), (p("los", AMP), False)):
        for _ in range(2):
            rig.t += 0.1
            rig.take(Reading(point, value, GOOD, rig.t))
    assert "booster is restarting since" in unset(rig)
