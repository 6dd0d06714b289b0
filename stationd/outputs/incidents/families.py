"""The metric families of incidents; a part of the catalogue of stationd.outputs.metrics."""

from __future__ import annotations

from collections.abc import Iterator

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from stationd.outputs.incidents.files import Statistics


def incident_families(statistics: Statistics) -> Iterator[Metric]:
    """Return the families of the incidents and their files."""
    yield GaugeMetricFamily("stationd_incident_records", "Records of incidents on the disk", value=statistics.records)
    yield GaugeMetricFamily("stationd_incident_bytes", "What the records of incidents take on the disk", value=statistics.bytes)
    yield CounterMetricFamily("stationd_incidents_opened", "Incidents since the start", value=statistics.opened)
    yield CounterMetricFamily("stationd_incident_failures", "Times that the disk refused an incident; tried again", value=statistics.failed)
    yield CounterMetricFamily("stationd_incident_damaged", "Files of incidents that were set aside", value=statistics.set_aside)
    deleted = CounterMetricFamily("stationd_incident_records_deleted", "Records deleted to make room, by age", labels=["age"])
    deleted.add_metric(["within a year"], statistics.deleted_pinned)
    deleted.add_metric(["older"], statistics.deleted - statistics.deleted_pinned)
    yield deleted
