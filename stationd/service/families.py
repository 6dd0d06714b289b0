"""The metric family of the supervisor; a part of the catalogue of stationd.outputs.metrics."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from prometheus_client.core import CounterMetricFamily, Metric


def supervisor_families(rebuilt: Mapping[str, int]) -> Iterator[Metric]:
    """Return how often each part was made anew since the start; parts that never were are there with 0."""
    family = CounterMetricFamily("stationd_task_rebuilt", "Parts of the daemon that hung or failed and were made anew", labels=["task"])
    for name, count in rebuilt.items():
        family.add_metric([name], count)
    yield family
