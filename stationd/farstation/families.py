"""The metric families of the far station and of the line model; a part of the catalogue of stationd.outputs.metrics.

What is not known is absent: the age and the clocks while the far end is silent, position and residual while the model has none.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from stationd.core.verdict.words import Kind, Verdict
from stationd.farstation.link import FarStatistics
from stationd.farstation.words import Result

KM = 1000.0


class LineFigures(Protocol):
    """What the line watch knows; None: unknown."""

    @property
    def virtual_earth_km(self) -> float | None:
        """Where the line has the potential of the earth, from end a."""

    @property
    def residual_v(self) -> float | None:
        """Voltage of both ends beyond the model."""

    @property
    def verdict(self) -> Verdict:
        """The answer of now."""


def far_families(statistics: FarStatistics, now: float) -> Iterator[Metric]:
    """Return the families of the link to the far station."""
    results = CounterMetricFamily("stationd_far_station_messages", "Messages in the far station's name, by result", labels=["result"])
    for result in Result:
        results.add_metric([result.value], statistics.results[result])
    yield results
    yield CounterMetricFamily("stationd_far_station_sent", "Messages of this station to the far one", value=statistics.sent)
    yield GaugeMetricFamily("stationd_far_station_up", "1 while the last message of the far station is valid", value=statistics.heard)
    yield from _maybe("far_station_age_seconds", "Age of the last valid message of the far station", statistics.age_s(now))
    clocks = statistics.clocks
    ahead_s = clocks.ahead_s if clocks is not None else None
    yield from _maybe("far_station_clock_difference_seconds", "Far clock ahead of ours, by a round trip", ahead_s)
    text = "What the clocks of both stations may be wrong together, by the best that is known"
    yield from _maybe("far_station_clock_uncertainty_seconds", text, statistics.uncertainty_s)


def line_families(line: str, watch: LineFigures) -> Iterator[Metric]:
    """Return the families of the line model."""
    km = watch.virtual_earth_km
    text = "Where the line has the potential of the earth, from end a, by the line model"
    yield from _of_line("virtual_earth_metres", text, line, None if km is None else KM * km)
    yield from _of_line("residual_volts", "Voltage of both ends together beyond the line model", line, watch.residual_v)
    verdicts = GaugeMetricFamily("stationd_verdict", "1 for what the verdict says is so now", labels=["kind"])
    for kind in Kind:
        verdicts.add_metric([kind.value], watch.verdict.kind is kind)
    yield verdicts


def _maybe(name: str, text: str, value: float | None) -> Iterator[Metric]:
    if value is not None:
        yield GaugeMetricFamily(f"stationd_{name}", text, value=value)


def _of_line(name: str, text: str, line: str, value: float | None) -> Iterator[Metric]:
    if value is not None:
        family = GaugeMetricFamily(f"stationd_line_{name}", text, labels=["line"])
        family.add_metric([line], value)
        yield family
