"""A lag before lost light is noticed, and the automatic shutdown of what sends."""

from __future__ import annotations

from dataclasses import dataclass

from stationd.sim.cable import End
from stationd.sim.optics import ConnectorOpen, Direction, FibreBreak, Role
from stationd.sim.plant import Plant
from stationd.sim.shutdown import PAUSE_S, PULSE_S, Shutdown
from stationd.sim.stage import AmplifierDesk, Stage

BREAK = FibreBreak(100.0, 1, Direction.A_TO_B)
AFTER_S = 0.6


@dataclass(slots=True)
class Clock:
    t: float = 50.0

    def __call__(self) -> float:
        return self.t


def stage_of(clock: Clock, *ends: End) -> Stage:
    """Return a line whose boosters shut off at these ends."""
    stage = Stage(Plant(fibre_pairs=1), clock)
    for end in ends:
        shutdown = Shutdown(stage.plant, end, 1, AFTER_S)
        stage.shutdowns.append(shutdown)
        stage.enlist(shutdown.advance)
    return stage


def shines(stage: Stage, end: End) -> bool:
    return stage.plant.amplifier_state(end, 1, Role.BOOSTER).pump_on


def wait(stage: Stage, clock: Clock, seconds: float) -> None:
    for _ in range(round(seconds * 10)):
        clock.t = round(clock.t + 0.1, 3)
        stage.settle()


def test_an_amplifier_shows_a_loss_and_its_level_only_after_its_lag_and_the_light_likewise() -> None:
    clock = Clock()
    stage = stage_of(clock)
    quick, slow = AmplifierDesk(stage, End.B, 1, Role.PREAMP), AmplifierDesk(stage, End.B, 1, Role.PREAMP, 0.3)
    clock.t = 60.0
    stage.plant.apply(BREAK)
    before = slow.state()
    assert (quick.state().los, before.los, before.input_dbm > -30.0) == (True, False, True)
    clock.t = 60.31
    assert slow.state().los
    stage.plant.repair()
    assert (quick.state().los, slow.state().los) == (False, True)
    clock.t = 60.62
    assert not slow.state().los


def test_a_booster_shuts_off_so_long_after_its_pair_receives_nothing_and_not_before() -> None:
    clock = Clock()
    stage = stage_of(clock, End.B)
    stage.plant.apply(BREAK)
    wait(stage, clock, AFTER_S)
    assert shines(stage, End.B)
    wait(stage, clock, 0.2)
    assert (shines(stage, End.A), shines(stage, End.B)) == (True, False)
    assert stage.plant.light(1, Direction.B_TO_A).dark


def test_with_the_light_it_is_on_again() -> None:
    clock = Clock()
    stage = stage_of(clock, End.B)
    stage.plant.apply(BREAK)
    wait(stage, clock, 2.0)
    stage.plant.repair()
    wait(stage, clock, 0.1)
    assert shines(stage, End.B)


def test_two_ends_that_have_shut_off_find_each_other_by_pulses_once_the_fibre_is_whole() -> None:
    clock = Clock()
    stage = stage_of(clock, *End)
    stage.plant.apply(BREAK)
    wait(stage, clock, 5.0)
    assert not any(shines(stage, end) for end in End)
    stage.plant.repair()
    wait(stage, clock, PAUSE_S / 2)
    assert not any(shines(stage, end) for end in End)
    wait(stage, clock, PAUSE_S / 2 + PULSE_S)
    assert all(shines(stage, end) for end in End)


def test_a_pulse_into_a_broken_fibre_ends() -> None:
    clock = Clock()
    stage = stage_of(clock, End.B)
    stage.plant.apply(BREAK)
    wait(stage, clock, AFTER_S + PAUSE_S + PULSE_S / 2)
    assert shines(stage, End.B)
    wait(stage, clock, PULSE_S)
    assert not shines(stage, End.B)


def test_a_booster_that_has_reduced_its_power_at_an_open_connector_stays_at_that() -> None:
    clock = Clock()
    stage = stage_of(clock, End.A)
    for role in (Role.BOOSTER, Role.PREAMP):
        stage.plant.apply(ConnectorOpen(End.A, 1, role))
    wait(stage, clock, 3.0)
    assert stage.plant.amplifier_state(End.A, 1, Role.BOOSTER).apr_active
    assert shines(stage, End.A)
