"""The line as JSON: both ends, what follows from them, the fibre pairs against the baseline. Pure.

Kilometres count from end a. What is not known is null; a far end that is silent is null with the reason and the time of its last
message, never with its last value.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from stationd.core.light.baseline import Baseline
from stationd.core.line.far import FarLight
from stationd.core.line.words import Cable, Feed
from stationd.core.watch.line_watch import LineView, PairView
from stationd.outputs.clock import Clock
from stationd.outputs.document import Document, Identity
from stationd.outputs.incidents import line_facts
from stationd.outputs.verdict_document import VerdictDocuments

UNITS = (("_dbm", "dBm"), ("power", "dBm"), ("voltage", "V"), ("current", "mA"), ("return_loss", "dB"), ("gain", "dB"))


class Heard(Protocol):
    """What the link knows of the last valid message of the far station; None: none has come."""

    @property
    def received_t(self) -> float | None:
        """When it came, by the monotonic clock."""

    @property
    def shared(self) -> frozenset[str] | None:
        """What the far station shares."""


class LineDocuments:
    """Writes what the line watch sees. `verdicts` writes the verdict and all figures, `heard` gives what the link knows."""

    def __init__(self, identity: Identity, verdicts: VerdictDocuments, heard: Callable[[], Heard | None] = lambda: None) -> None:
        self._identity = identity
        self._verdicts = verdicts
        self._heard = heard

    def line(self, view: LineView, clock: Clock) -> Document:
        """Return the line as it stands."""
        at = clock.written(clock.now)
        plan, figure = view.plan, self._verdicts.figure
        return {
            "station": self._identity.name,
            "mode": self._identity.mode.value,
            "t": at,
            "line": line_facts(plan),
            "verdict": self._verdicts.verdict(view.verdict, clock),
            "near": None if view.near is None else self._feed(view.near, clock),
            "far": None if view.far is None else self._feed(view.far, clock),
            "far_station": self._far_station(view, clock),
            "virtual_earth": figure(view.virtual_earth_km, "km", at),
            "residual": figure(view.residual_v, "V", at),
            "learnt": None if view.learnt is None else self._learnt(view.learnt, view.learnt_sigma_ohm_per_km, at),
            "pairs": [self._pair(each, clock) for each in view.pairs],
            "baseline": None if view.baseline is None else self._dated(view.baseline, clock),
        }

    def far_end(self, view: LineView, clock: Clock) -> Document:
        """Return the far end in short: whether it is known, how old that is, and what it feeds."""
        return {**self._far_station(view, clock), "feed": None if view.far is None else self._feed(view.far, clock)}

    def baseline(self, baseline: Baseline, clock: Clock) -> Document:
        """Return the baseline with all its figures."""
        dated = self._dated(baseline, clock)
        at = str(dated["t"])
        figure = self._verdicts.figure
        return {
            **dated,
            "values": {str(point): figure(value, _unit(point.point), at) for point, value in baseline.values.items()},
            "far_current": figure(baseline.far_current_ma, "mA", at),
            "far_voltage": figure(baseline.far_voltage_v, "V", at),
            "far_light": {str(pair): figure(level, "dBm", at) for pair, level in baseline.far_light.items()},
        }

    def _dated(self, baseline: Baseline, clock: Clock) -> Document:
        taken = clock.written(baseline.t) if baseline.utc_s is None else Clock(baseline.utc_s, 0.0).written(0.0)
        return {"t": taken, "who": baseline.who, "note": baseline.note, "figures": len(baseline.values)}

    def _feed(self, feed: Feed, clock: Clock) -> Document:
        at = clock.written(feed.t)
        return {
            "current": self._verdicts.figure(feed.current_ma, "mA", at),
            "voltage": self._verdicts.figure(feed.voltage_v, "V", at),
            "on": feed.on,
            "regulation": None if feed.regulation is None else feed.regulation.value,
            "age": self._verdicts.figure(_age_s(feed.t, clock), "s", clock.written(clock.now)),
        }

    def _far_station(self, view: LineView, clock: Clock) -> Document:
        last = self._heard()
        heard = last.received_t if last is not None and view.far_heard_t is None else view.far_heard_t
        at = clock.written(clock.now)
        return {
            "name": view.plan.far_station,
            "known": view.far_known,
            "why": view.far_why,
            "heard": None if heard is None else clock.written(heard),
            "age": None if heard is None else self._verdicts.figure(_age_s(heard, clock), "s", at),
            "shared": None if last is None or last.shared is None else sorted(last.shared),
        }

    def _learnt(self, cable: Cable, sigma_ohm_per_km: float | None, at: str) -> Document:
        figure = self._verdicts.figure
        return {
            "resistance": figure(cable.ohm_per_km, "Ohm/km", at),
            "resistance_sigma": figure(sigma_ohm_per_km, "Ohm/km", at),
            "repeater_drop": figure(cable.repeater_drop_v, "V", at),
        }

    def _pair(self, pair: PairView, clock: Clock) -> Document:
        figure, at = self._verdicts.figure, clock.written(clock.now)
        return {
            "number": pair.number,
            "receive": figure(pair.receive_dbm, "dBm", at),
            "transmit": figure(pair.transmit_dbm, "dBm", at),
            "receive_change": figure(pair.receive_change_db, "dB", at),
            "transmit_change": figure(pair.transmit_change_db, "dB", at),
            "lost": pair.lost,
            "lost_since": None if pair.lost_t is None else clock.written(pair.lost_t, 6),
            "remark": pair.remark,
            "far": None if pair.far is None else self._far_light(pair.far, clock),
        }

    def _far_light(self, light: FarLight, clock: Clock) -> Document:
        figure, at = self._verdicts.figure, clock.written(clock.now)
        return {
            "receive": figure(light.receive_dbm, "dBm", at),
            "transmit": figure(light.transmit_dbm, "dBm", at),
            "lost": light.lost,
            "lost_since": None if light.lost_t is None else clock.written(light.lost_t, 6),
        }


def _age_s(t: float, clock: Clock) -> float:
    return round(max(clock.now - t, 0.0), 1)


def _unit(point: str) -> str:
    """Return the unit of a point by its name, as every driver names them; empty where the name does not say."""
    return next((unit for part, unit in UNITS if part in point), "")
