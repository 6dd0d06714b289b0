"""Scenarios change the line as the event table of the design says, at their times, and the same seed repeats them."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import TypeVar

import pytest

from stationd.core.verdict.words import Kind, Ours
from stationd.sim.cable import Cut, Electrical, End, Shunt
from stationd.sim.demo_rig import Route, demo_rig
from stationd.sim.device_io import ELECTRODING_RELAY, OPEN_AT_REST, Contact, IoModule
from stationd.sim.device_keopsys import Keopsys
from stationd.sim.light import line_taps
from stationd.sim.modbus_server import Bank
from stationd.sim.optics import DARK_DBM, Direction, Role
from stationd.sim.plant import SETTLED_S, Plant
from stationd.sim.rig import EXAMPLE, RigError, check
from stationd.sim.scenario import FIRST_S
from stationd.sim.shutdown import PAUSE_S
from stationd.sim.simulation import Simulation
from stationd.sim.stage import Stage
from stationd.sim.world import SCENARIOS, play, port_table, run_sim, scenario_list, write_ports
from tests import virtual_time
from tests.memory_rig import MemoryRig

T = TypeVar("T")
ALL = list(SCENARIOS)
OF_ONE_STATION = ["converter-failed", "electroding", "sensor-fault", "bus-loss", "far-silent", "quiet", "connector-open", "transmitter-off"]
SOON_S = FIRST_S + 1.0
AT_ONCE_S = FIRST_S + 0.3  # before any laser has shut off
RESTARTED_S = 2 * PAUSE_S  # lasers that have shut off at both ends try again that often


def rig_of(name: str, pairs: int, route: Route = Route.MAIN) -> MemoryRig:
    return MemoryRig(demo_rig(route, pairs, repeatered=not SCENARIOS[name].unrepeatered))


def played(
    name: str, look: Callable[[Simulation], T], seconds: float | None = SOON_S, *, seed: int = 1, pairs: int = 4, route: Route = Route.MAIN
) -> tuple[T, list[str]]:
    """Play a scenario in virtual time on devices and panels, to its end or for some seconds; return what a look finds then."""
    told: list[str] = []

    async def run() -> T:
        rig = rig_of(name, pairs, route)
        working = asyncio.create_task(rig.simulation.keep_settled())
        try:
            async with asyncio.timeout(seconds):
                await play(SCENARIOS[name], rig.simulation, told.append, seed)
        except TimeoutError:
            pass
        await asyncio.sleep(RESTARTED_S if seconds is None else 0.0)
        found = look(rig.simulation)
        working.cancel()
        return found

    return virtual_time.run(run()), told


def state(simulation: Simulation) -> Electrical:
    return simulation.plant.electrical()


def healthy(name: str = "quiet", pairs: int = 4) -> Electrical:
    return played(name, state, 1.0, pairs=pairs)[0]


def whole(simulation: Simulation) -> tuple[object, ...]:
    """Everything that a scenario may change, as far as the line and its devices show it."""
    plant = simulation.plant
    amplifiers = [plant.amplifier_state(*place) for place in plant.places]
    settings = [plant.amplifier_settings(*place) for place in plant.places]
    contacts = [panel.contacts for panel in simulation.panels.values() if isinstance(panel, IoModule)]
    feeds = [(plant.power_feed(end), desk.tripped, desk.interlock_closed) for end, desk in simulation.stage.feeds.items()]
    latches = [panel.latch for panel in simulation.panels.values() if isinstance(panel, Keopsys)]
    return plant.electrical(), amplifiers, settings, line_taps(plant), contacts, feeds, latches


def contacts(end: End) -> Callable[[Simulation], set[Contact]]:
    """Look which contacts of a station are not as at rest, as its module shows them."""

    def look(simulation: Simulation) -> set[Contact]:
        name = "aktau-io" if end is End.A else "siyazan-io"
        module = simulation.panel(name)
        assert isinstance(module, IoModule)
        bits = module.snapshot(Bank.DISCRETE)
        return {contact for contact in Contact if bool(bits[contact.value - 1]) is (contact in OPEN_AT_REST)}

    return look


def relays(end: End) -> Callable[[Simulation], list[int]]:
    """Look which relays of a station are on."""

    def look(simulation: Simulation) -> list[int]:
        module = simulation.panel("aktau-io" if end is End.A else "siyazan-io")
        assert isinstance(module, IoModule)
        return list(module.snapshot(Bank.COILS).values())

    return look


# Every scenario


@pytest.mark.parametrize("name", ALL)
def test_nothing_happens_before_the_first_step(name: str) -> None:
    untouched, _ = played("ropa-off" if SCENARIOS[name].unrepeatered else "quiet", whole, 1.0)
    found, told = played(name, whole, FIRST_S - 0.1)
    assert (found, told) == (untouched, [])


@pytest.mark.parametrize(("name", "pairs"), [*((name, 4) for name in ALL), ("transmitter-off", 1), ("connector-open", 1)])
def test_after_the_repair_everything_is_as_it_was(name: str, pairs: int) -> None:
    before, _ = played(name, whole, FIRST_S - 0.1, pairs=pairs)
    after, told = played(name, whole, None, pairs=pairs)
    assert after == before
    assert told[-1].endswith("everything repaired and as it was")


@pytest.mark.parametrize("route", Route)
@pytest.mark.parametrize("name", ALL)
def test_a_script_has_its_first_step_after_a_look_at_the_healthy_line_and_a_place_on_it(name: str, route: Route) -> None:
    for pairs in (1, 8, 24):
        rig = demo_rig(route, pairs, repeatered=not SCENARIOS[name].unrepeatered)
        script = SCENARIOS[name].script(rig, 7)
        times = [step.at_s for step in script.steps]
        assert (times[0], times) == (FIRST_S, sorted(times))
        assert script.repair_s > times[-1] + script.expected.within_s or name in ("terminal-pump",)
        assert set(script.expected.pairs) <= set(range(1, pairs + 1))
        assert script.expected.km is None or 4.0 < script.expected.km < rig.cable.parameters().length_km - 4.0


@pytest.mark.parametrize("name", ALL)
def test_the_same_seed_gives_the_same_script_whatever_was_drawn_before(name: str) -> None:
    rig = demo_rig(Route.MAIN, 8, repeatered=not SCENARIOS[name].unrepeatered)
    first = SCENARIOS[name].script(rig, 3)
    SCENARIOS[name].script(rig, 4)
    assert SCENARIOS[name].script(rig, 3).expected == first.expected


@pytest.mark.parametrize("name", ["cable-cut", "shunt-virtual-earth", "insulated-open", "single-fibre"])
def test_another_seed_varies_what_the_world_leaves_open(name: str) -> None:
    assert len({tuple(played(name, lambda _: None, seed=seed)[1]) for seed in range(4)}) > 1


@pytest.mark.parametrize("name", ALL)
def test_only_a_station_with_something_of_its_own_at_fault_may_say_ours(name: str) -> None:
    rig = demo_rig(Route.MAIN, 4, repeatered=not SCENARIOS[name].unrepeatered)
    expected = SCENARIOS[name].script(rig).expected
    far = {"far-trip", "both-trip", "feeds-off", "current-misset"}
    near = {
        "pfe-trip", "both-trip", "feeds-off", "door", "converter-failed", "terminal-pump", "connector-open", "transmitter-off", "ropa-off",
        "raman-off", "sensor-fault", "bus-loss",
    }  # fmt: skip
    assert (Ours.YES in expected.at(End.A).ours) == (name in near)
    assert (Ours.YES in expected.at(End.B).ours) == (name in far)
    assert expected.at(End.A).accepts(expected.kind, expected.ours_a)


def test_every_row_of_the_event_table_has_a_scenario() -> None:
    kinds = {SCENARIOS[name].script(demo_rig(Route.MAIN, 4, repeatered=not SCENARIOS[name].unrepeatered)).expected.kind for name in ALL}
    of_operations = {Kind.OPERATION, Kind.SWITCHED_OFF}  # no scenario does what a person orders at a station
    assert set(Kind) - kinds <= {Kind.CANNOT_TELL} | of_operations


def test_a_scenario_on_the_wrong_kind_of_line_is_refused() -> None:
    with pytest.raises(ValueError, match="ropa-off needs a line without repeaters"):
        SCENARIOS["ropa-off"].script(demo_rig(Route.MAIN, 2))
    with pytest.raises(ValueError, match="cable-cut needs a line with repeaters"):
        SCENARIOS["cable-cut"].script(demo_rig(Route.MAIN, 2, repeatered=False))


def test_the_list_of_scenarios_names_all_of_them_with_their_titles() -> None:
    lines = scenario_list().splitlines()
    assert [line.split()[0] for line in lines] == ALL
    assert all(SCENARIOS[name].title in line for name, line in zip(ALL, lines, strict=True))


@pytest.mark.parametrize("repeatered", [True, False])
@pytest.mark.parametrize("route", Route)
def test_the_rigs_of_the_demonstration_have_no_mistake(route: Route, repeatered: bool) -> None:
    assert list(check(demo_rig(route, 24, repeatered=repeatered))) == []


# The cable


def test_a_cut_feeds_both_ends_into_the_sea_and_darkens_every_fibre() -> None:
    def look(simulation: Simulation) -> None:
        plant, fault = simulation.plant, simulation.plant.fault
        assert isinstance(fault, Cut)
        for end, reach_km in ((End.A, fault.km), (End.B, plant.cable.length_km - fault.km)):
            near = sum(1 for at in plant.cable.repeaters_km if (at < fault.km) == (end is End.A))
            amperes = state(simulation).current_ma(end) / 1000
            ohmic_v = amperes * (plant.cable.conductor_ohm_per_km * reach_km + fault.electrode_ohm)
            assert amperes == pytest.approx(1.0, abs=0.002)
            assert state(simulation).voltage_v(end) == pytest.approx(ohmic_v + near * plant.cable.repeater_drop_v, abs=0.5)
            assert all(level == DARK_DBM for level in line_taps(plant)[end][::2])

    _, told = played("cable-cut", look)
    assert len(told) == 1


@pytest.mark.parametrize(
    ("name", "least_v"), [("shunt-50km", 100), ("shunt-1kohm", 100), ("shunt-repeater", 60), ("shunt-virtual-earth", 1)]
)
def test_a_shunt_moves_the_voltages_against_each_other_and_leaves_the_light(name: str, least_v: float) -> None:
    was = healthy()
    found, _ = played(name, lambda s: (state(s), s.plant.fault, line_taps(s.plant)))
    now, fault, taps = found
    rise_a, rise_b = now.voltage_a_v - was.voltage_a_v, now.voltage_b_v - was.voltage_b_v
    assert isinstance(fault, Shunt)
    assert abs(rise_a) > least_v
    assert rise_a == pytest.approx(-rise_b, abs=1.0)
    assert taps == played("quiet", lambda s: line_taps(s.plant))[0]


def test_an_insulated_open_runs_both_feeds_to_their_limit_and_they_trip_within_a_tenth_of_a_second() -> None:
    at_limit, _ = played("insulated-open", state, FIRST_S + 0.001)
    assert (at_limit.voltage_a_v, at_limit.voltage_b_v) == (800.0, 800.0)
    assert at_limit.current_a_ma == pytest.approx(0.0, abs=1e-5)
    shown_ma, shown_v = played("insulated-open", lambda s: s.plant.measure(End.A, s.stage.now), FIRST_S + 0.04)[0]
    assert shown_ma < 30.0
    assert shown_v > 780.0

    def look(simulation: Simulation) -> list[tuple[bool, bool, bool]]:
        return [(desk.tripped, desk.over_voltage, desk.feed.output_on) for desk in simulation.stage.feeds.values()]

    assert played("insulated-open", look, FIRST_S + 0.15)[0] == [(True, True, False)] * 2
    for end in End:
        assert played("insulated-open", contacts(end))[0] == {Contact.FEED_TRIP}


def test_a_broken_fibre_is_dark_one_way_and_lit_the_other() -> None:
    def look(simulation: Simulation) -> set[bool]:
        pair = SCENARIOS["single-fibre"].script(simulation.rig).expected.pairs[0]
        return {simulation.plant.light(pair, direction).dark for direction in Direction}

    assert played("single-fibre", look, AT_ONCE_S)[0] == {True, False}


def test_a_lost_repeater_pump_costs_a_pair_less_than_a_decibel_at_one_end_and_a_few_volts() -> None:
    pair = SCENARIOS["repeater-pump"].script(demo_rig(Route.MAIN, 4)).expected.pairs[0]
    before, _ = played("quiet", lambda s: (state(s), line_taps(s.plant)))
    after, _ = played("repeater-pump", lambda s: (state(s), line_taps(s.plant)))
    drops = [round(was - now, 3) for was, now in zip(before[1][End.A], after[1][End.A], strict=True)]
    assert 0.3 <= drops[2 * pair - 2] <= 1.0
    assert sorted(drops)[:-1] == [0.0] * (len(drops) - 1)
    sum_v = [each.voltage_a_v + each.voltage_b_v for each in (before[0], after[0])]
    assert 0.5 < sum_v[0] - sum_v[1] < 5.0


def test_a_shorted_repeater_takes_its_voltage_out_of_the_sum_and_darkens_every_fibre() -> None:
    was, (now, taps) = healthy(), played("repeater-failed", lambda s: (state(s), line_taps(s.plant)))[0]
    assert was.voltage_a_v + was.voltage_b_v - now.voltage_a_v - now.voltage_b_v == pytest.approx(40.0, abs=0.1)
    assert now.current_a_ma == pytest.approx(now.current_b_ma)
    assert all(level == DARK_DBM for end in End for level in taps[end][::2])


# The power feeds


@pytest.mark.parametrize(("name", "dead"), [("pfe-trip", End.A), ("far-trip", End.B), ("door", End.A)])
def test_a_feed_that_goes_off_doubles_the_voltage_of_the_other_and_the_light_stays(name: str, dead: End) -> None:
    was, (now, taps) = healthy(), played(name, lambda s: (state(s), line_taps(s.plant)))[0]
    assert now.voltage_v(dead) == 0.0
    assert now.voltage_v(dead.other) == pytest.approx(2 * was.voltage_v(dead.other), rel=0.01)
    assert now.current_ma(dead.other) == pytest.approx(1000.0, abs=2.0)
    assert taps == played("quiet", lambda s: line_taps(s.plant))[0]
    told = {"door": {Contact.DOOR}}.get(name, {Contact.FEED_TRIP})
    assert [played(name, contacts(end))[0] for end in (dead, dead.other)] == [told, set()]


def test_the_light_dips_a_little_with_the_current_and_comes_back() -> None:
    levels = [played("pfe-trip", lambda s: line_taps(s.plant), FIRST_S + at_s)[0] for at_s in (-0.1, 0.1, 0.5)]
    dips = [round(was - now, 3) for end in End for was, now in zip(levels[0][end], levels[1][end], strict=True)]
    assert dips == [0.3, 0.0] * 8
    assert levels[2] == levels[0]


def test_the_meters_see_the_current_dip_and_the_voltage_on_its_way() -> None:
    def meters(after_s: float) -> tuple[float, float]:
        return played("far-trip", lambda s: s.plant.measure(End.A, s.stage.now), FIRST_S + after_s)[0]

    first_ma, first_v = meters(0.01)
    later_ma, later_v = meters(SETTLED_S)
    assert first_ma < 960 < later_ma < 999
    assert first_v < 300 < later_v < 450
    assert meters(1.5) == (pytest.approx(1000.0, abs=2.0), pytest.approx(501.0, abs=2.0))


def test_feeds_that_people_switched_off_are_at_no_current_not_tripped_and_discharged() -> None:
    def look(simulation: Simulation) -> list[tuple[bool, bool, float, float]]:
        found = []
        for end, desk in simulation.stage.feeds.items():
            current_ma, voltage_v = simulation.plant.measure(end, simulation.stage.now)
            assert current_ma < 0.2
            assert voltage_v < 0.2
            found.append((desk.feed.output_on, desk.tripped, desk.current.target, desk.feed.current_setpoint_ma))
        return found

    assert played("feeds-off", look, FIRST_S + 0.1)[0] == [(False, False, 0.0, 0.0)] * 2
    assert [played("feeds-off", contacts(end))[0] for end in End] == [set(), set()]


def test_a_feed_that_was_off_can_be_switched_on_and_ramped_as_soon_as_the_scenario_is_there() -> None:
    def look(simulation: Simulation) -> tuple[float, float]:
        desk = simulation.stage.feeds[End.A]
        assert desk.switch(True)
        assert state(simulation).current_a_ma == 0.0
        desk.set_current(100.0)
        return state(simulation).current_a_ma, state(simulation).voltage_a_v

    current_ma, voltage_v = played("feeds-off", look)[0]
    assert current_ma == pytest.approx(100.0, abs=2.0)
    assert voltage_v == pytest.approx(0.1 * 341 + 160, abs=5.0)


def test_mains_that_fail_leave_a_dead_line_and_say_so() -> None:
    now, _ = played("both-trip", state)
    assert (now.current_a_ma, now.current_b_ma, now.voltage_a_v, now.voltage_b_v) == (0, 0, 0, 0)
    assert played("both-trip", contacts(End.A))[0] == {Contact.MAINS, Contact.FEED_TRIP}


def test_a_converter_that_fails_is_a_contact_and_at_most_half_a_per_cent_for_some_milliseconds() -> None:
    assert played("converter-failed", contacts(End.A))[0] == {Contact.CONVERTER}
    dipped, _ = played("converter-failed", lambda s: s.plant.measure(End.A, s.stage.now)[0], FIRST_S + 0.001)
    later, _ = played("converter-failed", lambda s: s.plant.measure(End.A, s.stage.now)[0], FIRST_S + 0.1)
    assert 994.5 <= dipped < later == pytest.approx(1000.0, abs=0.4)


def test_electroding_is_a_relay_and_a_ripple_of_some_tenths_of_a_milliampere_at_its_own_end() -> None:
    def spread(simulation: Simulation) -> list[float]:
        readings = {end: [simulation.plant.measure(end, n * 0.02)[0] for n in range(200)] for end in End}
        return [max(each) - min(each) for each in readings.values()]

    (here, there), _ = played("electroding", spread)
    assert 1.0 < here < 3.0
    assert there < 0.7
    assert [played("electroding", relays(end))[0][ELECTRODING_RELAY - 1] for end in End] == [1, 0]
    assert played("electroding", contacts(End.A))[0] == set()


def test_a_set_current_that_drifts_by_half_a_milliampere_moves_the_split_by_seventy_six_volts_with_equal_currents() -> None:
    was, now = healthy(), played("current-misset", state, FIRST_S + 65.0)[0]
    assert now.voltage_b_v - was.voltage_b_v == pytest.approx(76, abs=1)
    assert now.voltage_a_v - was.voltage_a_v == pytest.approx(-76, abs=1)
    assert now.current_a_ma == pytest.approx(now.current_b_ma)


@pytest.mark.parametrize(("name", "least_v", "most_v"), [("earth-storm", 20.0, 34.2), ("tide", 1.0, 3.0)])
def test_an_earth_potential_changes_the_sum_slowly_and_never_by_a_step(name: str, least_v: float, most_v: float) -> None:
    sums: list[float] = []

    async def run() -> None:
        rig = rig_of(name, 1)
        playing = asyncio.create_task(play(SCENARIOS[name], rig.simulation))
        for _ in range(400):
            await asyncio.sleep(1.0)
            rig.simulation.stage.settle()
            now = state(rig.simulation)
            sums.append(now.voltage_a_v + now.voltage_b_v)
        playing.cancel()

    virtual_time.run(run())
    assert least_v < max(abs(each - sums[0]) for each in sums) <= most_v
    assert max(abs(after - before) for before, after in pairwise(sums)) < 2.0


# The light of a station


def test_the_pumps_of_a_booster_age_to_their_end_of_life_alarm_before_one_fails_and_the_output_falls() -> None:
    rig = demo_rig(Route.MAIN, 4)
    pair = SCENARIOS["terminal-pump"].script(rig).expected.pairs[0]
    assert rig.device[f"aktau-fp{pair}-booster"].driver == "edfa68"  # which tells the end of life of its pumps

    def look(simulation: Simulation) -> tuple[float, float, float]:
        booster = simulation.plant.amplifier_state(End.A, pair, Role.BOOSTER)
        end_ma = simulation.plant.amplifier_settings(End.A, pair, Role.BOOSTER).pump.end_of_life_ma
        return max(booster.pump_currents_ma) / end_ma, min(booster.pump_currents_ma), booster.output_dbm

    young, worn, failed = (played("terminal-pump", look, FIRST_S + at_s)[0] for at_s in (0.1, 60.0 - 0.1, 61.0))
    assert young[0] < 0.9 < 0.95 < worn[0] < 1.0
    assert worn[2] == pytest.approx(young[2], abs=0.01)
    assert failed[1] == 0.0
    assert failed[2] == pytest.approx(young[2] - 3.0, abs=0.1)


def test_an_opened_connector_reflects_here_and_is_dark_on_both_sides() -> None:
    rig = demo_rig(Route.MAIN, 4)
    pair = SCENARIOS["connector-open"].script(rig).expected.pairs[0]

    def look(simulation: Simulation) -> tuple[float, bool, float, list[bool]]:
        booster, taps = simulation.plant.amplifier_state(End.A, pair, Role.BOOSTER), line_taps(simulation.plant)
        dark = [taps[end][2 * pair - 2] <= DARK_DBM for end in End]
        return booster.return_loss_db, booster.apr_active, taps[End.A][2 * pair - 1], dark

    assert played("connector-open", look)[0] == (pytest.approx(14.7), True, pytest.approx(10.0), [True, True])


def test_a_transmitter_that_is_off_is_lost_at_its_booster_and_at_the_far_end_of_that_pair_only() -> None:
    pair = SCENARIOS["transmitter-off"].script(demo_rig(Route.MAIN, 4)).expected.pairs[0]

    def look(simulation: Simulation) -> tuple[bool, list[bool], list[bool]]:
        taps = line_taps(simulation.plant)
        dark = {end: [level <= DARK_DBM for level in taps[end][::2]] for end in End}
        return simulation.plant.amplifier_state(End.A, pair, Role.BOOSTER).los, dark[End.A], dark[End.B]

    lost, here, there = played("transmitter-off", look)[0]
    assert lost
    assert not any(here)
    assert [n for n, dark in enumerate(there, 1) if dark] == [pair]


@pytest.mark.parametrize(("name", "loss_db"), [("raman-off", 10.0), ("ropa-off", 12.0)])
def test_a_pump_that_is_off_costs_its_gain_at_the_receiver_and_nothing_at_the_transmitter(name: str, loss_db: float) -> None:
    pair = SCENARIOS[name].script(demo_rig(Route.MAIN, 4, repeatered=False)).expected.pairs[0]
    before, after = (played(name, lambda s: line_taps(s.plant), at_s)[0] for at_s in (1.0, SOON_S))
    changed = [round(was - now, 6) for was, now in zip(before[End.A], after[End.A], strict=True)]
    assert changed[2 * pair - 2] == pytest.approx(loss_db)
    assert after[End.A][2 * pair - 2] > -38.0
    assert sorted(map(abs, changed))[:-1] == [0.0] * (len(changed) - 1)
    assert after[End.B] == before[End.B]


def test_a_sensor_that_fails_moves_one_tap_and_no_amplifier() -> None:
    before, after = (played(name, whole)[0] for name in ("quiet", "sensor-fault"))
    assert [before[n] for n in (0, 1, 2, 4, 5)] == [after[n] for n in (0, 1, 2, 4, 5)]
    was, now = (played(name, lambda s: line_taps(s.plant))[0] for name in ("quiet", "sensor-fault"))
    moved = [round(b - a, 6) for end in End for a, b in zip(was[end], now[end], strict=True) if a != b]
    assert moved == [-6.0]


# The stations themselves


@pytest.mark.parametrize("name", OF_ONE_STATION)
def test_what_concerns_a_station_alone_leaves_the_line_as_it_was(name: str) -> None:
    assert played(name, state)[0] == healthy()


def test_a_dead_serial_line_swallows_questions_until_it_is_repaired() -> None:
    swallowed: list[tuple[str, bool]] = []

    class Watched:
        """A port that tells what is done to it."""

        address = "/dev/sim/nowhere"

        def black_hole(self, on: bool) -> None:
            swallowed.append((self.address, on))

    simulation = Simulation(demo_rig(Route.MAIN, 1), Stage(Plant(fibre_pairs=1)))
    simulation.fit("aktau-pfe", Watched(), None, {})  # type: ignore[arg-type]
    virtual_time.run(play(SCENARIOS["bus-loss"], simulation))
    assert swallowed == [("/dev/sim/nowhere", True), ("/dev/sim/nowhere", False)]


def test_who_runs_the_daemons_is_told_which_one_falls_silent_and_when_it_speaks_again() -> None:
    simulation = Simulation(demo_rig(Route.MAIN, 1), Stage(Plant(fibre_pairs=1)))
    told: list[tuple[End, bool]] = []
    simulation.silence = lambda end, silent: told.append((end, silent))
    virtual_time.run(play(SCENARIOS["far-silent"], simulation))
    assert told == [(End.B, True), (End.A, False), (End.B, False)]


# The program


async def test_the_program_tells_where_its_ports_are_and_leaves_nothing_behind(tmp_path: Path) -> None:
    lines: list[str] = []
    written = tmp_path / "ports.json"
    program = asyncio.create_task(run_sim(EXAMPLE, written, report=lines.append))
    while not written.exists():
        assert not program.done(), program
        await asyncio.sleep(0)
    ports = json.loads(written.read_text())
    assert set(ports) == {"control", "rtu", "io", "pfe-b", "booster", "preamp", "light-a", "light-b"}
    assert Path(ports["rtu"]).exists()
    assert all(any(address in line for line in lines) for address in ports.values())
    program.cancel()
    with pytest.raises(asyncio.CancelledError):
        await program
    assert not Path(ports["rtu"]).parent.exists()
    assert [path.name for path in tmp_path.iterdir()] == ["ports.json"]


async def test_a_wrong_rig_is_refused_before_anything_is_opened(tmp_path: Path) -> None:
    path = tmp_path / "wrong.toml"
    path.write_text("[port.p]\nprotocol = 'text'\n")
    with pytest.raises(RigError, match=r"wrong\.toml: "):
        await run_sim(path, tmp_path / "ports.json")
    assert not (tmp_path / "ports.json").exists()


def test_a_ports_file_replaces_an_older_one_in_one_step(tmp_path: Path) -> None:
    path = tmp_path / "ports.json"
    path.write_text("old")
    write_ports(path, {"a": "/dev/pts/7"})
    assert json.loads(path.read_text()) == {"a": "/dev/pts/7"}


def test_a_table_of_no_ports_is_its_header() -> None:
    assert len(port_table(Simulation(demo_rig(Route.MAIN, 1), Stage(Plant(fibre_pairs=1))))) == 1
