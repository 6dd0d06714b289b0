"""What goes on by itself: the same at the same time, whoever looks and how often."""

from __future__ import annotations

from dataclasses import dataclass

from stationd.sim.cable import End
from stationd.sim.plant import Plant
from stationd.sim.stage import COURSE_STEP_S, FeedDesk, Stage


@dataclass(slots=True)
class Clock:
    """Seconds, turned by hand."""

    now: float = 0.0

    def __call__(self) -> float:
        return self.now


def potentials(looks: list[float]) -> tuple[dict[float, float], int]:
    """Let the earth potential rise by 1 V/s and return it at each look, with how often the plant was changed."""
    clock = Clock()
    stage = Stage(Plant(fibre_pairs=1), clock)
    stage.begin(lambda plant, passed_s: plant.set_earth_potential(passed_s))
    seen = {}
    for clock.now in looks:
        stage.settle()
        seen[clock.now] = stage.plant.cable.earth_potential_v
    return seen, stage.plant.version


def test_a_course_is_the_same_at_the_same_time_whoever_looks_and_how_often() -> None:
    rare, _ = potentials([0.0, 2.5, 7.0])
    often, _ = potentials([n * 0.125 for n in range(100)])
    assert rare == {at: often[at] for at in rare}
    assert rare == {0.0: 0.0, 2.5: 2.0, 7.0: 7.0}


def test_a_course_costs_one_change_of_the_plant_a_step_however_often_somebody_looks() -> None:
    assert potentials([n * 0.01 for n in range(1001)])[1] == 1 + 10 / COURSE_STEP_S


def test_a_course_that_is_ended_leaves_the_plant_where_it_is() -> None:
    clock = Clock()
    stage = Stage(Plant(fibre_pairs=1), clock)
    stage.begin(lambda plant, passed_s: plant.set_earth_potential(passed_s))
    clock.now = 3.0
    stage.settle()
    stage.end_courses()
    clock.now = 60.0
    stage.settle()
    assert stage.plant.cable.earth_potential_v == 3.0


def test_a_feed_that_tripped_stays_off_until_somebody_acknowledges_it() -> None:
    stage = Stage(Plant(fibre_pairs=1), Clock())
    desk = FeedDesk(stage, End.A, 1000.0, 1500.0)
    assert stage.feeds == {End.A: desk}
    desk.trip()
    assert (desk.tripped, desk.over_voltage, desk.switch(True), desk.feed.output_on) == (True, False, False, False)
    desk.acknowledge()
    assert desk.switch(True)
