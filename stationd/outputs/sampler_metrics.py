"""The metric families of the optical sampler and of its captures; a part of the catalogue of stationd.outputs.metrics.

Counters go on over all loops of this run of the daemon. What was lost is always beside what was taken:
slots = scans + missed; windows, events and captures = read + lost + those that still wait.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import accumulate

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric

from stationd.links.sampler import SamplerStatistics
from stationd.links.sampler.readings import FIRST_BOUND_NS, WORDS
from stationd.outputs.captures import CaptureStatistics

NS = 1e-9
FIRST_SHOWN = 4  # doublings below 4 us are shown together: no wake-up is that quick
COUNTERS: tuple[tuple[str, str, str], ...] = (
    ("slots", "slots", "Times at which a scan of all channels was due"),
    ("scans", "scans", "Scans taken"),
    ("missed", "missed", "Slots without a scan: overslept, or lost in the converter"),
    ("overruns", "overruns", "Times that data were lost in the source or that slots were overslept"),
    ("late", "late", "Scans later than half of a period"),
    ("time_jumps", "time_jumps", "Times of the source that were not believed"),
    ("read_errors", "read_errors", "Readings of the source that failed"),
    ("wakes", "wakes", "Wake-ups of the sampling thread"),
    ("windows", "windows", "Windows made"),
    ("windows_read", "windows_read", "Windows handed over"),
    ("windows_lost", "windows_lost", "Windows lost because nobody took them in time"),
    ("events", "events", "Events made"),
    ("events_read", "events_read", "Events handed over"),
    ("events_lost", "events_lost", "Events lost because nobody took them in time"),
    ("events_limited", "events_limited", "Events not made because their channel had made too many"),
    ("triggers", "triggers", "Reasons for a capture of raw samples"),
    ("captures_read", "captures", "Captures handed over to be written"),
    ("captures_lost", "captures_lost", "Captures lost because nobody took them in time"),
    ("captures_merged", "captures_merged", "Reasons for a capture that came while one was being taken"),
    ("captures_limited", "captures_limited", "Reasons for a capture that came too soon after another"),
)


def sampler_families(statistics: SamplerStatistics) -> Iterator[Metric]:
    """Return the families of the sampler at this instant."""
    counts = statistics.counts
    samples = counts["scans"] * statistics.channels
    yield CounterMetricFamily("stationd_sampler_samples", "Samples taken: scans times channels", value=samples)
    for key, name, text in COUNTERS:
        yield CounterMetricFamily(f"stationd_sampler_{name}", text, value=counts[key])
    yield CounterMetricFamily("stationd_sampler_rebuilds", "Times that the sampler was made anew", value=statistics.rebuilds)
    yield CounterMetricFamily("stationd_sampler_abandoned", "Times that the source hung and was left alone", value=statistics.abandoned)
    yield CounterMetricFamily("stationd_sampler_freed", "Of what hung in the source, what came back and was freed", value=statistics.freed)
    text = "Captures whose writer failed otherwise than by the disk"
    yield CounterMetricFamily("stationd_sampler_captures_failed", text, value=statistics.captures_failed)
    text = "Changes of light whose own event was lost, told without their exact time"
    yield CounterMetricFamily("stationd_sampler_untimed_events", text, value=statistics.untimed)
    yield CounterMetricFamily("stationd_sampler_cpu_seconds", "Time that the sampling thread has used", value=counts["cpu_ns"] * NS)
    for name, text, value in (
        ("hanging", "What hangs in the source now; with 3 the sampler stays down until one comes back", statistics.hanging),
        ("running", "1 while scans are taken", statistics.running),
        ("real_time", "1 while the sampling thread has the real-time priority that it asks for", statistics.real_time),
        ("memory_locked", "1 while the memory of the sampling thread cannot be paged out", statistics.memory_locked),
    ):
        yield GaugeMetricFamily(f"stationd_sampler_{name}", text, value=value)
    yield _flagged(statistics)
    yield _lateness(statistics)
    yield _delivery(statistics)


def _flagged(statistics: SamplerStatistics) -> Metric:
    """Windows by what was not as wished in them; the words are those of the point "conditions" of every tap."""
    text = "Windows by what was not as wished in them: no real-time priority, memory that may be paged out, late scans ..."
    family = CounterMetricFamily("stationd_sampler_flagged_windows", text, labels=("flag",))
    for word in WORDS.values():
        family.add_metric([word], statistics.flagged[word])
    return family


def capture_families(captures: CaptureStatistics) -> Iterator[Metric]:
    """Return the families of the files of raw samples."""
    yield CounterMetricFamily("stationd_captures_written", "Files of raw samples written", value=captures.written)
    yield CounterMetricFamily("stationd_captures_failed", "Captures that could not be written", value=captures.failed)
    yield CounterMetricFamily("stationd_captures_deleted", "Files of raw samples deleted for newer ones", value=captures.deleted)
    yield GaugeMetricFamily("stationd_captures_bytes", "Size of all files of raw samples", value=captures.bytes)


def _lateness(statistics: SamplerStatistics) -> Metric:
    """How late each wake-up was; the bounds are those at which the loop itself counts."""
    totals = list(accumulate(statistics.lateness))
    bounds = [f"{FIRST_BOUND_NS * 2**place * NS:.9g}" for place in range(len(totals) - 1)]
    buckets = [*zip(bounds, totals, strict=False), ("+Inf", totals[-1])][FIRST_SHOWN:]
    family = HistogramMetricFamily("stationd_sampler_lateness_seconds", "How late the sampling thread woke up")
    family.add_metric([], buckets, statistics.counts["lateness_sum_ns"] * NS)
    return family


def _delivery(statistics: SamplerStatistics) -> Metric:
    text = "From the instant at which an event of the light was found to its arrival in the event loop"
    family = HistogramMetricFamily("stationd_sampler_event_delivery_seconds", text)
    waits = statistics.delivery_s
    family.add_metric([], list(zip([*map(str, waits.bounds), "+Inf"], accumulate(waits.counts), strict=True)), waits.sum_s)
    return family
