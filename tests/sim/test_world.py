"""Scenarios change the line as the event table of the design says, at their times, and the same seed repeats them."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest

from stationd.sim.cable import Cut, End, Shunt
from stationd.sim.demo_rig import demo_rig
from stationd.sim.optics import DARK_DBM, Role
from stationd.sim.plant import Plant
from stationd.sim.rig import EXAMPLE, RigError
from stationd.sim.simulation import Simulation
from stationd.sim.stage import Stage
from stationd.sim.world import SCENARIOS, play, port_table, run_sim, write_ports
from tests import virtual_time


def simulation(pairs: int = 2) -> Simulation:
    """A line without ports: what a scenario changes."""
    rig = demo_rig(fibre_pairs=pairs)
    return Simulation(rig, Stage(Plant(rig.cable.parameters(), pairs)))


def played(name: str, seed: int = 1, seconds: float | None = None) -> tuple[Simulation, list[str]]:
    """Play a scenario in virtual time, to its end or for some seconds."""
    told: list[str] = []
    world = simulation()

    async def run() -> None:
        try:
            async with asyncio.timeout(seconds):
                await play(SCENARIOS[name], world, told.append, seed)
        except TimeoutError:
            pass

    virtual_time.run(run())
    return world, told


def test_nothing_happens_before_the_first_step() -> None:
    for name, scenario in SCENARIOS.items():
        world, told = played(name, seconds=scenario.steps[0].at_s - 0.1)
        assert (world.plant.version, told) == (0, [])


def test_steps_are_in_the_order_of_their_times() -> None:
    for scenario in SCENARIOS.values():
        times = [step.at_s for step in scenario.steps]
        assert times == sorted(times)


def test_a_cut_feeds_both_ends_into_the_sea_and_darkens_every_fibre() -> None:
    world, told = played("cable-cut", seconds=11.0)
    plant, fault = world.plant, world.plant.fault
    assert isinstance(fault, Cut)
    assert len(told) == 1
    assert str(fault.km) in told[0]
    state, cable = plant.electrical(), plant.cable
    for end, reach_km in ((End.A, fault.km), (End.B, cable.length_km - fault.km)):
        near = sum(1 for at in cable.repeaters_km if (at < fault.km) == (end is End.A))
        amperes = state.current_ma(end) / 1000
        ohmic_v = amperes * (cable.conductor_ohm_per_km * reach_km + fault.electrode_ohm)
        assert amperes == pytest.approx(1.0, abs=0.002)
        assert state.voltage_v(end) == pytest.approx(ohmic_v + near * cable.repeater_drop_v, abs=0.5)
    for end in End:
        for pair in (1, 2):
            preamp = plant.amplifier(end, pair, Role.PREAMP, 0.0)
            assert preamp.los
            assert preamp.input_dbm == DARK_DBM


def test_a_repaired_cut_leaves_the_line_as_it_was() -> None:
    healthy = simulation().plant
    world, told = played("cable-cut")
    assert len(told) == 2
    assert world.plant.electrical() == healthy.electrical()
    assert not world.plant.amplifier(End.A, 1, Role.PREAMP, 0.0).los


def test_a_shunt_moves_the_voltages_against_each_other_and_leaves_the_light() -> None:
    healthy = simulation().plant.electrical()
    world, _ = played("shunt-fault", seconds=11.0)
    state = world.plant.electrical()
    assert isinstance(world.plant.fault, Shunt)
    rise_a, rise_b = state.voltage_a_v - healthy.voltage_a_v, state.voltage_b_v - healthy.voltage_b_v
    assert abs(rise_a) > 20
    assert rise_a == pytest.approx(-rise_b, abs=1.0)
    assert not world.plant.amplifier(End.A, 1, Role.PREAMP, 0.0).los


def test_a_trip_at_one_end_doubles_the_voltage_of_the_other() -> None:
    healthy = simulation().plant.electrical()
    world, _ = played("feed-trip")
    state = world.plant.electrical()
    assert state.voltage_b_v == 0.0
    assert state.voltage_a_v == pytest.approx(2 * healthy.voltage_a_v, rel=0.01)
    assert state.current_a_ma == pytest.approx(1000.0, abs=2.0)


@pytest.mark.parametrize("name", ["cable-cut", "shunt-fault"])
def test_a_seed_repeats_a_scenario_and_another_one_varies_it(name: str) -> None:
    told = {seed: tuple(played(name, seed)[1]) for seed in (1, 2, 3)}
    assert told[1] == tuple(played(name, 1)[1])
    assert len(set(told.values())) == 3


async def test_the_program_tells_where_its_ports_are_and_leaves_nothing_behind(tmp_path: Path) -> None:
    lines: list[str] = []
    written = tmp_path / "ports.json"
    program = asyncio.create_task(run_sim(EXAMPLE, written, report=lines.append))
    while not written.exists():
        assert not program.done(), program
        await asyncio.sleep(0)
    ports = json.loads(written.read_text())
    assert set(ports) == {"rtu", "io", "pfe-b", "booster", "preamp", "light-a", "light-b"}
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
    assert len(port_table(simulation())) == 1
