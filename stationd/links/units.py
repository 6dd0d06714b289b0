"""The units of one line as its owner knows them: how fast they answer, and what must not be asked of them yet.

Pure: times come as arguments.
"""

from __future__ import annotations

from collections.abc import Container, KeysView
from dataclasses import dataclass, field
from typing import Any

from stationd.links.turnaround import Timing, Turnaround
from stationd.wire.exchange import Exchange


@dataclass(slots=True)
class Unit:
    """One unit; `quarantine` holds, by shape, until when a late answer could be taken for the answer to a new question."""

    turnaround: Turnaround
    quarantine: dict[tuple[Any, ...], float] = field(default_factory=dict)


class Units:
    """All units that were declared or asked, and the quiet of the whole line where answers carry no address."""

    def __init__(self) -> None:
        self._units: dict[int, Unit] = {}
        self._quiet_until = 0.0

    def declare(self, unit: int, timing: Timing) -> None:
        """Note a unit before it is asked; several devices of one unit share the slowest of each figure."""
        known = self._units.get(unit)
        if known is not None:
            old = known.turnaround.timing
            timing = Timing(max(old.gap_s, timing.gap_s), max(old.answer_s, timing.answer_s), max(old.late_s, timing.late_s))
        self._units[unit] = Unit(Turnaround(timing), known.quarantine if known is not None else {})

    def keep_only(self, units: Container[int]) -> None:
        """Forget all others: they are asked no more."""
        self._units = {unit: known for unit, known in self._units.items() if unit in units}

    def __getitem__(self, unit: int) -> Turnaround:
        """Return what is known of a unit's speed; one that was never declared has the timing of a driver that says nothing."""
        return self._unit(unit).turnaround

    def addresses(self) -> KeysView[int]:
        """Return the addresses of all units."""
        return self._units.keys()

    def quiet_until(self, exchange: Exchange) -> float:
        """Return the time before which this question may not be asked."""
        own = self._unit(exchange.unit).quarantine.get(exchange.codec.shape(exchange.question), 0.0)
        return max(own, self._quiet_until)

    def hold(self, exchange: Exchange, now: float) -> None:
        """Put a question that was answered late, badly or not at all into quarantine: its unit, or the whole line."""
        unit = self._unit(exchange.unit)
        until = now + unit.turnaround.late_s
        if exchange.codec.addressed:
            unit.quarantine[exchange.codec.shape(exchange.question)] = until
        else:
            self._quiet_until = max(self._quiet_until, until)

    def _unit(self, unit: int) -> Unit:
        known = self._units.get(unit)
        if known is None:
            known = self._units[unit] = Unit(Turnaround(Timing()))
        return known
