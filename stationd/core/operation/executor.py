"""What carries a task out: one shape for power feeds and amplifiers. Immutable: each call gives the next executor and what it says.

An executor is begun once its intent is on the disk. It writes by Put, one write at a time, and goes on when WriteDone has come.
Held, it writes nothing at all. It never begins by itself, and a restored one is held.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from stationd.core.model import Reading, Tick, WriteDone
from stationd.core.operation.orders import Way
from stationd.core.operation.task import Progress, Said
from stationd.core.powerfeed.words import Seen


class Executor(Protocol):
    """One task on one device."""

    def begin(self, seen: Seen, now: float) -> tuple[Executor, tuple[Said, ...]]:
        """Take the first step."""

    def take(self, event: Reading | WriteDone | Tick, seen: Seen, now: float) -> tuple[Executor, tuple[Said, ...]]:
        """Look at what has happened; `seen` contains it already. News of the far end come as a Tick."""

    def hold(self, why: str, now: float) -> tuple[Executor, tuple[Said, ...]]:
        """Change nothing any more, at once; says Stopped(why) unless it holds or has ended already."""

    def go(self, way: Way, seen: Seen, now: float) -> tuple[Executor, tuple[Said, ...]]:
        """Go on from what is measured now. Only a held executor is asked."""

    def upward(self, way: Way) -> bool | None:
        """Return whether going that way raises current, voltage or light; None where that way does not exist."""

    def disturbed(self) -> str:
        """Return what somebody else has moved at the unit since it holds, in a sentence; "" if nothing. Until it goes on."""

    def going_off(self) -> bool:
        """Return whether an output is being switched off, or is off and only measured: nothing that is unsure stops that any more."""

    def deadline(self) -> float | None:
        """Return when a Tick is due if nothing happens."""

    def progress(self, seen: Seen, now: float) -> Progress:
        """Return how far it has come."""

    def saved(self) -> Mapping[str, object]:
        """Return what it must know after a restart, as plain JSON values."""
