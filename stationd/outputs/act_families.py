"""The families of acting: what each power feed is doing, how operations stand, what is held and bypassed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Protocol

from prometheus_client.core import GaugeMetricFamily, Metric

from stationd.core.operation.views import HoldView, InterlockView, OperationView, Phase

STATES = ("unknown", "off", "on", "operating", "held")  # of a feed: what it is measured to be, unless an operation has it


class Desk(Protocol):
    """What is looked at of the desk of operations."""

    def operations(self, now: float) -> tuple[OperationView, ...]:
        """Return open operations, then the last closed ones."""

    def holds(self) -> tuple[HoldView, ...]:
        """Return what is held."""

    def interlocks(self, now: float) -> tuple[InterlockView, ...]:
        """Return every permissive."""


def act_families(desk: Desk, outputs_on: Mapping[str, bool | None], now: float) -> Iterator[Metric]:
    """Give the families; `outputs_on` says of each feed whether it is on, None: not known now."""
    opened = [each for each in desk.operations(now) if each.phase is not Phase.CLOSED]
    states = GaugeMetricFamily("stationd_pfe_state", "What a power feed is doing: 1 at its state", labels=["device", "state"])
    for device, on in outputs_on.items():
        current = _state(device, on, opened)
        for state in STATES:
            states.add_metric([device, state], float(state == current))
    yield states
    phases = GaugeMetricFamily("stationd_operations", "Open operations by phase", labels=["phase"])
    for phase in Phase:
        if phase is not Phase.CLOSED:
            phases.add_metric([phase.value], float(sum(each.phase is phase for each in opened)))
    yield phases
    yield GaugeMetricFamily("stationd_holds", "Holds that stand at this station", float(len(desk.holds())))
    bypassed = sum(each.bypassed_until_t is not None for each in desk.interlocks(now))
    yield GaugeMetricFamily("stationd_interlocks_bypassed", "Interlocks that count as closed by the word of two persons", float(bypassed))


def _state(device: str, on: bool | None, opened: Sequence[OperationView]) -> str:
    for each in opened:
        if each.object == device and each.phase in (Phase.STARTING, Phase.RUNNING):
            return "operating"
        if each.object == device and each.phase is Phase.HELD:
            return "held"
    return "unknown" if on is None else "on" if on else "off"
