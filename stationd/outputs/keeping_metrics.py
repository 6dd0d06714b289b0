"""The metric families of alarms, journal, outbox and Sparkplug; a part of the catalogue of stationd.outputs.metrics.

Rates of alarms are given per 10 minutes only (stationd.core.alarm.flood). What was dropped is always beside what was kept.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import accumulate

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric

from stationd.core.alarm.flood import Figures
from stationd.core.alarm.flood import Histogram as AckTimes
from stationd.core.alarm.machine import Letter
from stationd.core.alarm.type import Severity
from stationd.outputs.alarm_document import state_word
from stationd.outputs.journal import Health, JournalStatistics, RecordClass, State
from stationd.outputs.sparkplug.client import SparkplugStatistics
from stationd.outputs.sparkplug.node import NodeCounts

SHOWN = tuple(letter for letter in Letter if letter is not Letter.NORMAL)
NODE_COUNTERS = (
    ("births", "births", "Births of the edge node"),
    ("messages", "messages", "Messages of the edge node"),
    ("rebirths_asked", "rebirths_asked", "Rebirths that a host has asked for"),
    ("commands_refused", "commands_refused", "Commands that were refused; none but a rebirth is ever obeyed"),
    ("malformed", "malformed", "Messages to the edge node that could not be read"),
    ("values", "values", "Values published"),
    ("values_replayed", "values_replayed", "Stored values published as historical"),
)


def alarm_families(counts: Mapping[tuple[Letter, Severity], int], figures: Figures) -> Iterator[Metric]:
    """Return the families of the alarms at this instant."""
    alarms = GaugeMetricFamily("stationd_alarms", "Alarms that are not normal, by state and severity", labels=["state", "severity"])
    for letter in SHOWN:
        for severity in Severity:
            alarms.add_metric([state_word(letter), severity.value], counts.get((letter, severity), 0))
    yield alarms
    told = CounterMetricFamily("stationd_alarm_annunciations", "Times that people were told, since the journal began", labels=["type"])
    for name, count in sorted(figures.annunciations_by_type.items()):
        told.add_metric([name], count)
    yield told
    text = "1 in a flood: more than 10 messages in 10 minutes, until fewer than 5"
    yield GaugeMetricFamily("stationd_alarm_flood", text, value=figures.flood)
    yield CounterMetricFamily("stationd_alarm_flood_seconds", "Time in flood, since the journal began", value=figures.flood_s)
    yield GaugeMetricFamily("stationd_alarm_rate10m", "Messages to people in the last 10 minutes", value=figures.rate_10min)
    yield GaugeMetricFamily("stationd_alarm_chattering", "Alarms that came three times within 60 s", value=len(figures.chattering))
    yield GaugeMetricFamily("stationd_alarm_stale", "Alarms that have been active for more than 24 hours", value=len(figures.standing))
    shelved = sum(count for (letter, _), count in counts.items() if letter is Letter.SHELVED)
    yield GaugeMetricFamily("stationd_alarm_shelved", "Alarms that are shelved", value=shelved)
    yield _ack_times(figures.ack_s)


def _ack_times(times: AckTimes) -> Metric:
    family = HistogramMetricFamily("stationd_alarm_ack_seconds", "From the message to its acknowledgement, since the journal began")
    bounds = [*map(str, times.bounds[:-1]), "+Inf"]
    family.add_metric([], list(zip(bounds, times.counts, strict=True)), times.total)
    return family


def journal_families(health: Health, statistics: JournalStatistics) -> Iterator[Metric]:
    """Return the families of the journal, of the outbox in it and of its history at this instant."""
    yield GaugeMetricFamily("stationd_journal_good", "1 while records reach the disk", value=health.good)
    state = GaugeMetricFamily("stationd_journal_state", "State of the journal, one-hot", labels=["state"])
    for each in State:
        state.add_metric([each.value], health.state is each)
    yield state
    yield GaugeMetricFamily("stationd_journal_waiting_bytes", "What waits in memory for the disk", value=health.waiting_bytes)
    yield _by_class("journal_records", "Records brought to the disk", statistics.committed)
    yield _by_class("journal_lost", "Records lost for want of memory while the disk failed", statistics.lost)
    for name, text, value in (
        ("journal_failures", "Failures of the disk", statistics.failures),
        ("journal_set_asides", "Damaged files that were set aside", statistics.set_asides),
        ("journal_torn", "Rows and blocks that could not be trusted and were left out", statistics.torn),
        ("audit_records", "Records in the chain of the audit", statistics.audit.position),
        ("history_readings", "Readings handed to the history", statistics.gathered.readings),
        ("history_kept", "Readings kept in it, one a second and point", statistics.gathered.kept),
        ("history_dropped", "Readings of it dropped for want of room", statistics.history_lost + statistics.gathered.thinned),
        ("history_crowded", "Stored readings that went before their time for want of room", statistics.history_crowded),
    ):
        yield CounterMetricFamily(f"stationd_{name}", text, value=value)
    yield _commits(statistics)
    yield from _outbox(statistics)
    yield from _history(statistics)


def _outbox(statistics: JournalStatistics) -> Iterator[Metric]:
    records = sum(total.records for total in statistics.outbox.values())
    size = sum(total.bytes for total in statistics.outbox.values())
    yield GaugeMetricFamily("stationd_outbox_records", "Messages that wait for the broker", value=records)
    yield GaugeMetricFamily("stationd_outbox_bytes", "Their size", value=size)
    text = "Messages dropped to stay within its bounds; never alarms, commands, audit"
    yield _by_class("outbox_dropped", text, statistics.trimmed.outbox)


def _history(statistics: JournalStatistics) -> Iterator[Metric]:
    size = GaugeMetricFamily("stationd_history_bytes", "Stored bytes of the history", labels=["tier"])
    reach = GaugeMetricFamily("stationd_history_reach_seconds", "How far the history reaches back, in time of use", labels=["tier"])
    for tier, each in statistics.history.items():
        size.add_metric([tier.name.lower()], each.holding.stored)
        reach.add_metric([tier.name.lower()], each.reached_s)
    yield size
    yield reach


def _commits(statistics: JournalStatistics) -> Metric:
    family = HistogramMetricFamily("stationd_journal_commit_seconds", "How long a commit takes, through fsync")
    times = statistics.commit_s
    family.add_metric([], list(zip([*map(str, times.bounds), "+Inf"], accumulate(times.counts), strict=True)), times.sum_s)
    return family


def sparkplug_families(statistics: SparkplugStatistics, counts: NodeCounts) -> Iterator[Metric]:
    """Return the families of the edge node at this instant."""
    yield GaugeMetricFamily("stationd_sparkplug_connected", "1 while its broker is connected", value=statistics.connected)
    yield GaugeMetricFamily("stationd_sparkplug_online", "1 while its births are out", value=statistics.online)
    yield CounterMetricFamily("stationd_sparkplug_connections", "Times that its broker was connected", value=statistics.connections)
    yield GaugeMetricFamily("stationd_sparkplug_caught_up", "Devices of which nothing stored waits", value=statistics.caught_up)
    for key, name, text in NODE_COUNTERS:
        yield CounterMetricFamily(f"stationd_sparkplug_{name}", text, value=getattr(counts, key))


def _by_class(name: str, text: str, counts: Mapping[RecordClass, int]) -> Metric:
    family = CounterMetricFamily(f"stationd_{name}", text, labels=["class"])
    for each in RecordClass:
        family.add_metric([each.value], counts.get(each, 0))
    return family
