"""Scenarios: what happens to the simulated line and when, as a table; and the program behind `stationd sim`.

What it is: a scenario is a list of steps at fixed seconds from its start. Where the real world leaves a choice (the place of a
fault) the seed decides, so that a run can be repeated. A new scenario is one entry of SCENARIOS.
What it is not: wire faults; they are `[[fault]]` sections of a rig. What an event does to the line is in stationd.sim.plant.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from stationd.sim.cable import Cut, End, Shunt
from stationd.sim.rig import Rig, load_rig
from stationd.sim.simulation import Simulation, open_rig

Change = Callable[[Simulation, random.Random], str]
"""Changes the plant, or what a person does at a panel, and returns in one line what was done."""


@dataclass(frozen=True, slots=True)
class Step:
    """One change, `at_s` seconds after the scenario began."""

    at_s: float
    change: Change


@dataclass(frozen=True, slots=True)
class Scenario:
    """A named list of steps in the order of their times."""

    name: str
    title: str
    steps: tuple[Step, ...]


def cut(shares: tuple[float, float]) -> Change:
    """Cut the cable somewhere between two shares of its length, conductor ends bare in the sea."""

    def change(simulation: Simulation, chance: random.Random) -> str:
        km = _place_km(simulation, chance, shares)
        simulation.plant.apply(Cut(km))
        return f"cable cut at km {km}, both conductor ends in the sea, all fibres broken"

    return change


def shunt(shares: tuple[float, float], ohm: float) -> Change:
    """Let the insulation fail somewhere between two shares of the length; the conductor and the fibres stay whole."""

    def change(simulation: Simulation, chance: random.Random) -> str:
        km = _place_km(simulation, chance, shares)
        simulation.plant.apply(Shunt(km, ohm))
        return f"shunt fault of {ohm:g} ohm at km {km}, light is not affected"

    return change


def trip(end: End) -> Change:
    """Switch the power feed of one end off, as a trip does; it stays a way to earth."""

    def change(simulation: Simulation, chance: random.Random) -> str:
        plant = simulation.plant
        plant.set_power_feed(end, replace(plant.power_feed(end), output_on=False))
        return f"power feed of end {end.value} tripped, the other end carries the whole line"

    return change


def repair(simulation: Simulation, chance: random.Random) -> str:
    """Undo every fault of the line; what people have set stays."""
    simulation.plant.repair()
    return "line repaired"


def _place_km(simulation: Simulation, chance: random.Random, shares: tuple[float, float]) -> float:
    return round(simulation.plant.cable.length_km * chance.uniform(*shares), 1)


FIRST_S = 10.0  # time to see the healthy line
REPAIR_S = 120.0  # a repair takes weeks; a demonstration should show the recovery
_ALL = (
    Scenario(
        "cable-cut",
        "The cable is cut between the first and the last repeater",
        (Step(FIRST_S, cut((0.25, 0.75))), Step(REPAIR_S, repair)),
    ),
    Scenario(
        "shunt-fault",
        "The insulation fails in the half nearer to end a",
        (Step(FIRST_S, shunt((0.1, 0.4), 10.0)), Step(REPAIR_S, repair)),
    ),
    Scenario("feed-trip", "The power feed of end b trips", (Step(FIRST_S, trip(End.B)),)),
)
SCENARIOS: Mapping[str, Scenario] = {scenario.name: scenario for scenario in _ALL}


async def play(
    scenario: Scenario, simulation: Simulation, report: Callable[[str], None] = lambda _: None, seed: int = 1
) -> None:
    """Carry a scenario out; `report` gets a line for each step. Returns after the last one."""
    loop, chance = asyncio.get_running_loop(), random.Random(seed)
    begin = loop.time()
    for step in scenario.steps:
        await asyncio.sleep(max(0.0, begin + step.at_s - loop.time()))
        report(f"{scenario.name} +{step.at_s:g} s: {step.change(simulation, chance)}")


async def run_sim(
    rig_path: Path, ports_file: Path | None = None, seed: int = 1, report: Callable[[str], None] = print
) -> None:
    """Open the equipment of a rig file, say where it is, and serve until cancelled.

    RigError names every mistake of the file; OSError when a TCP port number is taken or the ports file cannot be written.
    """
    rig = load_rig(rig_path)
    async with open_rig(rig, seed) as simulation:
        for line in port_table(simulation):
            report(line)
        if ports_file is not None:
            write_ports(ports_file, simulation.ports)
        await asyncio.Event().wait()


def port_table(simulation: Simulation) -> list[str]:
    """Return the lines that say which device is behind which port."""
    return [_HEADER, *(_row(name, address, simulation.rig) for name, address in simulation.ports.items())]


_HEADER = f"{'port':<24} {'opens as':<48} {'speaks':<18} devices"


def _row(name: str, address: str, rig: Rig) -> str:
    for end, light in rig.light.items():
        if name == light:
            return f"{name:<24} {address:<48} {'counts':<18} optical taps of {rig.cable.fibre_pairs} pairs at end {end.value}"
    port = rig.port[name]
    speaks = port.protocol.value if address.startswith("tcp://") else f"{port.protocol.value} {port.baud}"
    here = (f"{key} ({device.driver}, address {device.address})" for key, device in rig.device.items() if device.port == name)
    return f"{name:<24} {address:<48} {speaks:<18} {', '.join(here)}"


def write_ports(path: Path, ports: Mapping[str, str]) -> None:
    """Write {"name": "address"} in one step: a reader sees all of it or nothing."""
    descriptor, fresh = tempfile.mkstemp(dir=path.parent, prefix=path.name)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        json.dump(dict(ports), file, indent=2)
        file.write("\n")
    Path(fresh).chmod(0o644)
    Path(fresh).replace(path)
