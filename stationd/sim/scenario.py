"""The words of a scenario: what happens to the simulated line and when, and what each station should make of it.

What it is: a scenario writes a script for a rig and a seed - steps at fixed seconds, the repair, and the expectation. All that
the real world leaves open (the place, the fibre pair) is drawn from the seed, so that a script is the same each time.
What it is not: the list of scenarios, which is stationd.sim.world; what an event does to the line, which is stationd.sim.plant;
what a person or a unit does, which is stationd.sim.happening.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass

from stationd.core.verdict.words import Kind, Ours
from stationd.sim.cable import CableParameters, End
from stationd.sim.rig import Rig
from stationd.sim.simulation import Simulation

Change = Callable[[Simulation], str]
"""Changes the plant, or what a person does at a panel, and returns in one line what was done."""

FIRST_S = 10.0  # time to see the healthy line
REPAIR_S = 120.0  # a repair takes weeks; a demonstration should show the recovery
SLOW_REPAIR_S = 420.0  # of what takes minutes to be seen


@dataclass(frozen=True, slots=True)
class Step:
    """One change, `at_s` seconds after the scenario began."""

    at_s: float
    change: Change


@dataclass(frozen=True, slots=True)
class Says:
    """What one station should say: the first kind is the best answer, the others are right too; likewise of `ours`."""

    kinds: tuple[Kind, ...]
    ours: tuple[Ours, ...]

    def accepts(self, kind: Kind, ours: Ours) -> bool:
        """Return whether that is a right verdict."""
        return kind in self.kinds and ours in self.ours


HEALTHY = Says((Kind.HEALTHY,), (Ours.NOTHING,))


@dataclass(frozen=True, slots=True)
class Expected:
    """What the stations at both ends should say `within_s` after the event, which is the first step.

    `km` is where the fault is, from end a, None where it has no such place; a place that a station states must then cover it.
    `pairs` are the fibre pairs that it concerns, empty for none in particular. A station whose `ours` lacks YES must never say it.
    """

    a: Says
    b: Says
    within_s: float
    km: float | None = None
    pairs: tuple[int, ...] = ()

    @property
    def kind(self) -> Kind:
        """The best answer of the station at end a."""
        return self.a.kinds[0]

    @property
    def ours_a(self) -> Ours:
        """Whose it is, as end a should say."""
        return self.a.ours[0]

    @property
    def ours_b(self) -> Ours:
        """Whose it is, as end b should say."""
        return self.b.ours[0]

    def at(self, end: End) -> Says:
        """Return what the station at one end should say."""
        return self.a if end is End.A else self.b


@dataclass(frozen=True, slots=True)
class Script:
    """What happens: steps in the order of their times, the repair, and the expectation between the two."""

    steps: tuple[Step, ...]
    repair_s: float
    expected: Expected


@dataclass(frozen=True, slots=True)
class Setting:
    """Where a scenario is played, and the choices that are left to chance."""

    rig: Rig
    cable: CableParameters
    chance: random.Random

    def km(self, first: float, last: float) -> float:
        """Return a place between two shares of the length."""
        return round(self.cable.length_km * self.chance.uniform(first, last), 1)

    def pair(self) -> int:
        """Return one of the fibre pairs."""
        return self.chance.randint(1, self.rig.cable.fibre_pairs)

    @property
    def pairs(self) -> tuple[int, ...]:
        """All fibre pairs."""
        return tuple(range(1, self.rig.cable.fibre_pairs + 1))


@dataclass(frozen=True, slots=True)
class Scenario:
    """One row of the table. `unrepeatered` needs a line without repeaters and power feed, the others one with."""

    name: str
    title: str
    write: Callable[[Setting], Script]
    unrepeatered: bool = False

    def script(self, rig: Rig, seed: int = 1) -> Script:
        """Return what happens on this rig with this seed. ValueError when the scenario needs another kind of line."""
        cable = rig.cable.parameters()
        if self.unrepeatered == bool(cable.repeaters_km):
            raise ValueError(f"{self.name} needs a line {'without' if self.unrepeatered else 'with'} repeaters")
        return self.write(Setting(rig, cable, random.Random(f"{self.name} {seed}")))
