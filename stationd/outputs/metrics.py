"""THE catalogue of metric families, and the daemon's own counters. To add one, add its line here.

Follows the guidance of the Prometheus project for exporters and metric names: base units in the name (dBm, a logarithmic
level that has no base unit, is kept and said), no timestamps on samples, fresh families on each scrape, absent instead of
stale. Two deliberate exceptions: a busy ratio for people who look at the raw page, and one family for all points that have
none of their own. Everything is gathered in the event loop, where nothing changes meanwhile, and rendered in another thread.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import accumulate
from types import MappingProxyType
from typing import Protocol

from prometheus_client import CollectorRegistry, Histogram, disable_created_metrics, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

import stationd
from stationd.board import Board
from stationd.core.alarm.desk import Alarms
from stationd.core.model import PointId, Reading
from stationd.driver import AMPLIFIER, POWER_FEED, TAP
from stationd.links.beat import Beat
from stationd.links.sampler import SamplerStatistics
from stationd.links.statistics import BusStatistics, Priority
from stationd.links.statistics import Histogram as Durations
from stationd.outputs.broker import Standing
from stationd.outputs.captures import CaptureStatistics
from stationd.outputs.clock import Clock
from stationd.outputs.document import Identity
from stationd.outputs.exposition import Exposition, Family
from stationd.outputs.journal import Journal
from stationd.outputs.keeping_metrics import alarm_families, journal_families, sparkplug_families
from stationd.outputs.sampler_metrics import capture_families, sampler_families
from stationd.outputs.sparkplug.client import SparkplugStatistics
from stationd.outputs.sparkplug.node import NodeCounts

CACHED = "cached from its last poll and absent when not good; its register or command: stationd drivers NAME"


def _pump(number: int) -> dict[tuple[str, str], Family]:
    labels = (("pump", str(number)),)
    current = Family("stationd_amplifier_pump_current_amperes", f"Pump laser current, {CACHED}", "mA", 0.001, labels)
    temperature = Family("stationd_amplifier_pump_temperature_celsius", f"Pump laser temperature, {CACHED}", "degC", 1.0, labels)
    return {(AMPLIFIER.name, f"pump{number}_current"): current, (AMPLIFIER.name, f"pump{number}_temperature"): temperature}


def _tap(name: str, text: str, unit: str = "") -> Family:
    scale = ", in dBm (logarithmic, not a base unit)" if unit else ""
    return Family(f"stationd_optical_{name}", f"{text}{scale}; from the optical sampler, absent when not good", unit, named="channel")


FAMILIES: Mapping[tuple[str, str], Family] = MappingProxyType(
    {
        (POWER_FEED.name, "output_current"): Family(
            "stationd_pfe_output_current_amperes", f"Measured output current of a power feed, {CACHED}", "mA", 0.001
        ),
        (POWER_FEED.name, "output_voltage"): Family(
            "stationd_pfe_output_voltage_volts", f"Measured output voltage of a power feed, {CACHED}", "V"
        ),
        (AMPLIFIER.name, "input_power"): Family(
            "stationd_amplifier_input_power_dbm", f"Optical input power in dBm (logarithmic, not a base unit), {CACHED}", "dBm"
        ),
        (AMPLIFIER.name, "output_power"): Family(
            "stationd_amplifier_output_power_dbm", f"Optical output power in dBm (logarithmic, not a base unit), {CACHED}", "dBm"
        ),
        (AMPLIFIER.name, "gain"): Family("stationd_amplifier_gain_decibels", f"Optical gain, {CACHED}", "dB"),
        **_pump(1),
        **_pump(2),
        (TAP.name, "power"): _tap("power_dbm", "Mean optical level of a fibre over a window", "dBm"),
        (TAP.name, "power_min"): _tap("power_min_dbm", "Lowest sample of a window", "dBm"),
        (TAP.name, "power_max"): _tap("power_max_dbm", "Highest sample of a window", "dBm"),
        (TAP.name, "los"): _tap("los", "1 while light is lost: N of the last M samples were below the limit"),
    }
)
POINT_VALUE = Family("stationd_point_value", f"Value of a point without a family of its own, in the unit of its label, {CACHED}")
LAST_SUCCESS = Family(
    "stationd_point_last_success_timestamp_seconds", "Time of the last exchange that brought a usable value of the point"
)
DEVICE_UP = Family("stationd_device_up", "1 when the device answers: at least one of its points has a fresh value")

BUS_COUNTERS: tuple[tuple[str, str, Callable[[BusStatistics], float]], ...] = (
    ("transactions", "Questions sent on the line", lambda bus: bus.transactions),
    ("quarantines", "Times that a unit was left alone until its late answer could no longer come", lambda bus: bus.quarantines),
    ("late_frames", "Answers that came after their question had been given up, and were dropped", lambda bus: bus.late_frames),
    ("unasked_bytes", "Bytes that answered no question, and were dropped", lambda bus: bus.unasked_bytes),
    ("openings", "Times that the port was opened", lambda bus: bus.openings),
    ("busy_seconds", "Time from each question to the end of its answer, added up", lambda bus: bus.busy_s),
)

LAG_BOUNDS_S = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0)
LAG_EVERY_S = 1.0
BUSY_WINDOW_S = 10.0  # a busy ratio is that of one to two windows, however often somebody asks


class Line(Protocol):
    """What metrics read of a bus."""

    @property
    def up(self) -> bool:
        """True while the port is open."""

    @property
    def statistics(self) -> BusStatistics:
        """Its counters since the start of the daemon."""


@dataclass(slots=True)
class MqttStatistics(Standing):
    """What the connection to the broker counts. A document that a newer one replaced before it was sent is dropped."""

    published: int = 0
    dropped: int = 0
    events: int = 0


@dataclass(frozen=True, slots=True)
class Sources:
    """Where the daemon's own numbers come from; the objects change, the set of them does not."""

    buses: Mapping[str, Line] = field(default_factory=dict)
    mqtt: MqttStatistics | None = None
    inbox_dropped: Callable[[], int] = lambda: 0
    sampler: Callable[[], SamplerStatistics] | None = None
    captures: CaptureStatistics | None = None
    alarms: Alarms | None = None
    journal: Journal | None = None
    sparkplug: tuple[SparkplugStatistics, NodeCounts] | None = None
    more: tuple[Callable[[float], Iterator[Metric]], ...] = ()  # of rooms above this one; each takes the time


class Metrics:
    """The page of one station. To be made in the running event loop."""

    def __init__(self, identity: Identity, board: Board, sources: Sources) -> None:
        self._identity = identity
        self._board = board
        started = Clock.read()
        self._started_utc_s = started.utc_s(started.now)
        self._busy: dict[str, tuple[Line, _Busy]] = {}
        self.replan(sources)
        self._one_at_a_time = asyncio.Lock()
        self.beat = Beat()  # of what watches the loop
        disable_created_metrics()  # type: ignore[no-untyped-call]  # "..._created" would only repeat up_since for each histogram
        self._registry = CollectorRegistry()
        self._lag = Histogram(
            "stationd_event_loop_lag_seconds",
            "How much later than asked the event loop came back from a sleep",
            buckets=LAG_BOUNDS_S,
            registry=self._registry,
        )

    def replan(self, sources: Sources) -> None:
        """Show the board as it is now laid out, and these sources. A bus that is another under its name counts from the beginning."""
        self._sources = sources
        self._exposition = Exposition(self._board, FAMILIES, POINT_VALUE, LAST_SUCCESS, DEVICE_UP)
        known, now = self._busy, Clock.read().now
        same = {name: name in known and known[name][0] is bus for name, bus in sources.buses.items()}
        self._busy = {name: known[name] if same[name] else (bus, _Busy(now)) for name, bus in sources.buses.items()}

    async def watch_loop(self) -> None:
        """Measure the lag of the event loop until cancelled."""
        loop = asyncio.get_running_loop()
        while True:
            self.beat.within(LAG_EVERY_S)
            due = loop.time() + LAG_EVERY_S
            await asyncio.sleep(LAG_EVERY_S)
            self._lag.observe(max(0.0, loop.time() - due))

    async def scrape(self) -> bytes:
        """Return the whole page, in the text format 0.0.4 of Prometheus."""
        async with self._one_at_a_time:
            begun = time.perf_counter()
            clock = Clock.read()
            own = _Gathered(tuple(self._gather(clock.now)))
            readings, last_success = self._board.snapshot(), self._board.last_success()
            page = await asyncio.to_thread(_render, own, self._exposition, readings, last_success, clock)
            took = _value(GaugeMetricFamily, "scrape_duration_seconds", "Time that it took to make this page", time.perf_counter() - begun)
            return page + generate_latest(_Gathered((took,)))

    def _gather(self, now: float) -> Iterator[Metric]:
        yield _info("build_info", "Version of the daemon", {"version": stationd.__version__})
        identity = {"station": self._identity.name, "mode": self._identity.mode.value}
        yield _info("station_info", "Name of the station, and whether its values are those of a live plant", identity)
        yield _value(GaugeMetricFamily, "up_since_timestamp_seconds", "Time at which the daemon started", self._started_utc_s)
        dropped = self._sources.inbox_dropped()
        yield _value(CounterMetricFamily, "engine_inbox_dropped", "Events dropped because the inbox of the engine was full", dropped)
        yield from self._registry.collect()
        yield from self._gather_mqtt()
        if self._sources.buses:
            yield from self._gather_buses(now)
        if self._sources.sampler is not None:
            yield from sampler_families(self._sources.sampler())
        if self._sources.captures is not None:
            yield from capture_families(self._sources.captures)
        if self._sources.alarms is not None:
            yield from alarm_families(self._sources.alarms.counts(), self._sources.alarms.figures(now))
        if self._sources.journal is not None:
            yield from journal_families(self._sources.journal.health, self._sources.journal.statistics)
        if self._sources.sparkplug is not None:
            yield from sparkplug_families(*self._sources.sparkplug)
        for families in self._sources.more:
            yield from families(now)

    def _gather_mqtt(self) -> Iterator[Metric]:
        mqtt = self._sources.mqtt
        if mqtt is None:
            return
        yield _value(GaugeMetricFamily, "mqtt_connected", "1 while the broker is connected", mqtt.connected)
        yield _value(CounterMetricFamily, "mqtt_connections", "Times that the broker was connected", mqtt.connections)
        yield _value(CounterMetricFamily, "mqtt_published", "Messages handed to the broker", mqtt.published)
        yield _value(CounterMetricFamily, "mqtt_dropped", "Documents replaced by a newer one before they were sent", mqtt.dropped)
        yield _value(CounterMetricFamily, "mqtt_events", "Events that the broker has acknowledged", mqtt.events)

    def _gather_buses(self, now: float) -> Iterator[Metric]:
        buses = self._sources.buses
        counts = {name: bus.statistics for name, bus in buses.items()}
        yield _per_bus(GaugeMetricFamily, "up", "1 while the port is open", {name: bus.up for name, bus in buses.items()})
        for name, text, count in BUS_COUNTERS:
            yield _per_bus(CounterMetricFamily, name, text, {bus: count(statistics) for bus, statistics in counts.items()})
        ratios = {name: self._busy[name][1].ratio(now, statistics.busy_s) for name, statistics in counts.items()}
        yield _per_bus(GaugeMetricFamily, "busy_ratio", "Share of the last 10 to 20 s during which the line was in use", ratios)
        yield _failures(counts)
        yield _queue(counts.values())


@dataclass(slots=True)
class _Busy:
    """The busy time of a line at the beginning of the current window and of the one before it."""

    t: float
    busy_s: float = 0.0
    before_t: float = 0.0
    before_s: float = 0.0

    def __post_init__(self) -> None:
        self.before_t = self.t

    def ratio(self, now: float, busy_s: float) -> float:
        if now - self.t >= BUSY_WINDOW_S:
            self.before_t, self.before_s = self.t, self.busy_s
            self.t, self.busy_s = now, busy_s
        elapsed_s = now - self.before_t
        return min(1.0, (busy_s - self.before_s) / elapsed_s) if elapsed_s > 0.0 else 0.0


@dataclass(frozen=True, slots=True)
class _Gathered(Collector):
    """Families at one instant, in the shape that the library renders."""

    families: tuple[Metric, ...]

    def collect(self) -> Iterable[Metric]:
        return self.families


def _render(
    own: _Gathered, points: Exposition, readings: Mapping[PointId, Reading], last_success: Mapping[PointId, float], clock: Clock
) -> bytes:
    """Render in a thread of its own; nothing here changes while it runs."""
    return generate_latest(own) + points.render(readings, last_success, clock).encode()


Kind = type[GaugeMetricFamily] | type[CounterMetricFamily]


def _value(kind: Kind, name: str, text: str, value: float) -> Metric:
    return kind(f"stationd_{name}", text, value=value)


def _info(name: str, text: str, labels: Mapping[str, str]) -> Metric:
    family = GaugeMetricFamily(f"stationd_{name}", text, labels=list(labels))
    family.add_metric(list(labels.values()), 1)
    return family


def _per_bus(kind: Kind, name: str, text: str, values: Mapping[str, float]) -> Metric:
    family = kind(f"stationd_bus_{name}", text, labels=["bus"])
    for bus, value in values.items():
        family.add_metric([bus], value)
    return family


def _failures(buses: Mapping[str, BusStatistics]) -> Metric:
    family = CounterMetricFamily("stationd_bus_failures", "Exchanges without a usable answer, by reason", labels=["bus", "reason"])
    for bus, statistics in buses.items():
        for reason, count in statistics.failures.items():
            family.add_metric([bus, reason.value], count)
    return family


def _queue(buses: Iterable[BusStatistics]) -> Metric:
    """One histogram for each class, of all lines together: per line it would be half of the page."""
    family = HistogramMetricFamily("stationd_bus_queue_seconds", "How long questions waited for their turn on a line", labels=["class"])
    waits = [bus.queue_s for bus in buses]
    for priority in Priority:
        counts = [sum(column) for column in zip(*(wait[priority].counts for wait in waits), strict=True)]
        bounds = [*map(str, Durations.BOUNDS), "+Inf"]
        buckets = list(zip(bounds, accumulate(counts), strict=True))
        family.add_metric([priority.name.lower().replace("_", "-")], buckets, sum(wait[priority].sum_s for wait in waits))
    return family
