"""The documents of the daemon itself: its health, its clock, its version. Numbers have the form of all documents.

What is not known is null and never 0: a part that the station has not, a rate before there is a span, an age before a first time.
Everything here is looked at on the event loop but what was asked of the kernel before (stationd.outputs.own_machine).
"""

from __future__ import annotations

import os
import platform
import sqlite3
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Protocol
from zoneinfo import ZoneInfo

import stationd
from stationd.board import Board
from stationd.core.model import PointId
from stationd.links.port import PortSettings
from stationd.links.sampler import SamplerStatistics
from stationd.links.sampler.native import abi
from stationd.links.statistics import BusStatistics
from stationd.outputs.document import Document, Identity, answering
from stationd.outputs.figures import Figures
from stationd.outputs.journal import Journal, JournalSettings, Moment, Tier
from stationd.outputs.metrics import MqttStatistics
from stationd.outputs.own_machine import Disk, KernelClock, Process
from stationd.outputs.pulse import Pulse
from stationd.outputs.signals import FULL_BYTES, FULL_SHARE
from stationd.outputs.sparkplug.client import SparkplugStatistics

MIB, KIB = float(1 << 20), float(1 << 10)
LAG_S = 0.1  # a loop that comes back so much later misses its periods (assumption: a tenth of the usual period)
MOST_NAMED = 3
MODEL_OF_FAR = "far-station"  # the far station is a unit of the board too, and has a part of its own here
Far = Callable[[Figures], Document | None]


class Line(Protocol):
    """What is told of a bus."""

    @property
    def up(self) -> bool:
        """True while the port is open."""

    @property
    def statistics(self) -> BusStatistics:
        """Its counters since the start of the daemon."""

    @property
    def settings(self) -> PortSettings:
        """Where it is."""


@dataclass(frozen=True, slots=True)
class Parts:
    """What the documents are made of. `zone` is that of the station, `scraped` whether there is a page of metrics to fetch."""

    identity: Identity
    zone: str
    state: str
    board: Board
    buses: Mapping[str, Line]
    protocols: Mapping[str, str]
    journal: Journal
    pulse: Pulse
    clock: Callable[[], Moment]
    boottime_s: Callable[[], float]
    inbox_dropped: Callable[[], int]
    scraped: bool = True
    mqtt: MqttStatistics | None = None
    sparkplug: SparkplugStatistics | None = None
    sampler: Callable[[], SamplerStatistics] | None = None
    far: Far = lambda _: None


class HealthDocuments:
    """Builds the documents. To be made in the running event loop when the daemon starts."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        begun = parts.clock()
        self._begun_t, self._begun_utc_s = begun.t, begun.utc_s

    def replan(self, parts: Parts) -> None:
        """Tell of these parts from now on; the daemon is as old as it was."""
        self._parts = parts

    def head(self, figures: Figures) -> Document:
        """Return what every document begins with."""
        identity, clock = self._parts.identity, figures.clock
        return {"station": identity.name, "mode": identity.mode.value, "t": clock.written(clock.now)}

    # ------------------------------------------------------------------ the clock

    def clock(self, figures: Figures, kernel: KernelClock) -> Document:
        """Return the time of day, how well it is known, and how long machine and daemon are up."""
        moment = self._parts.clock()
        local = datetime.fromtimestamp(moment.utc_s, ZoneInfo(self._parts.zone))
        offset = local.utcoffset()
        return {
            **self.head(figures),
            "utc": datetime.fromtimestamp(moment.utc_s, UTC).isoformat(timespec="milliseconds")[:-6] + "Z",
            "local": local.isoformat(timespec="milliseconds"),
            "zone": self._parts.zone,
            "offset": figures.of(None if offset is None else offset.total_seconds(), "s"),
            "synchronised": moment.synchronised,
            "error_max": figures.of(moment.uncertainty_s, "s"),
            "error_estimated": figures.of(kernel.estimated_error_s if moment.synchronised else None, "s"),
            "leap": kernel.leap if moment.synchronised else None,
            "up": figures.sure(round(self._parts.boottime_s(), 3), "s"),
            **self._up(figures, moment),
        }

    def _up(self, figures: Figures, moment: Moment) -> Document:
        return {"daemon_since": self._since(), "daemon_up": figures.sure(round(moment.t - self._begun_t, 3), "s")}

    def _since(self) -> str:
        return datetime.fromtimestamp(self._begun_utc_s, UTC).isoformat(timespec="milliseconds")[:-6] + "Z"

    # ------------------------------------------------------------------ the version

    def version(self, figures: Figures, config: Document) -> Document:
        """Return what runs here. `config` says which file it was told by."""
        devices: dict[str, list[str]] = {}
        drivers = {}
        for name, unit in self._parts.board.devices.items():
            drivers[unit.driver.model] = unit.driver
            devices.setdefault(unit.driver.model, []).append(name)
        return {
            **self.head(figures),
            "stationd": stationd.__version__,
            "python": platform.python_version(),
            "sqlite": sqlite3.sqlite_version,
            "platform": f"{platform.system()} {platform.release()}",
            "machine": platform.machine(),
            "sampler": self._sampler_version(),
            "config": config,
            "drivers": [
                {
                    "model": model,
                    "kind": driver.kind.name,
                    "protocol": ", ".join(sorted({self._protocol(name) for name in devices[model]} - {""})),
                    "devices": devices[model],
                }
                for model, driver in sorted(drivers.items())
            ],
        }

    def _protocol(self, device: str) -> str:
        return self._parts.protocols.get(device, "")

    def _sampler_version(self) -> Document | None:
        return None if self._parts.sampler is None else {"abi": abi(), "running": self._parts.sampler().running}

    # ------------------------------------------------------------------ the health

    def health(self, figures: Figures, process: Process, disk: Disk) -> Document:
        """Return how the daemon and all that it depends on are."""
        parts = {
            "daemon": self._daemon(figures, process),
            "disk": self._disk(figures, disk),
            "journal": self._journal(figures),
            "mqtt": self._mqtt(figures),
            "sparkplug": self._sparkplug(figures),
            "scrape": self._scrape(figures),
            "sampler": self._sampler(figures),
            "buses": {name: self._bus(name, line, figures) for name, line in self._parts.buses.items()},
            "devices": self._devices(figures),
            "far_station": self._parts.far(figures),
        }
        troubles = [*self._own_troubles(disk), *self._troubles(parts)]
        return {**self.head(figures), "good": not troubles, "troubles": troubles, **parts}

    def _daemon(self, figures: Figures, process: Process) -> Document:
        lag = self._parts.pulse.lag_s()
        up_s = self._parts.clock().t - self._begun_t
        return {
            "version": stationd.__version__,
            "pid": os.getpid(),
            "since": self._since(),
            "up": figures.sure(round(up_s, 3), "s"),
            "memory": figures.of(None if process.memory_bytes is None else round(process.memory_bytes / MIB, 1), "MiB"),
            "cpu": figures.sure(round(process.cpu_s, 2), "s"),
            "load": figures.of(None if process.load is None else round(process.load, 2)),
            "lag_p99": figures.of(None if lag is None else round(1000 * lag[0], 1), "ms"),
            "lag_max": figures.of(None if lag is None else round(1000 * lag[1], 1), "ms"),
            "inbox_dropped": figures.sure(self._parts.inbox_dropped()),
        }

    def _disk(self, figures: Figures, disk: Disk) -> Document:
        statistics, settings = self._parts.journal.statistics, JournalSettings()
        used = sum(each.holding.stored for each in statistics.history.values()) + statistics.event_bytes
        used += sum(total.bytes for total in statistics.outbox.values())
        quota = settings.history.quota + settings.events + settings.outbox
        share = None if not disk.total_bytes or disk.free_bytes is None else round(100 * disk.free_bytes / disk.total_bytes, 1)
        return {
            "path": self._parts.state,
            "free": figures.of(None if disk.free_bytes is None else round(disk.free_bytes / MIB), "MiB"),
            "total": figures.of(None if disk.total_bytes is None else round(disk.total_bytes / MIB), "MiB"),
            "free_share": figures.of(share, "%"),
            "used": figures.sure(round(used / MIB, 1), "MiB"),
            "quota": figures.sure(round(quota / MIB), "MiB"),
        }

    def _journal(self, figures: Figures) -> Document:
        health, statistics, clock = self._parts.journal.health, self._parts.journal.statistics, figures.clock
        outbox = statistics.outbox.values()
        return {
            "state": health.state.value,
            "reason": health.reason,
            "since": clock.written(health.since_t),
            "records": figures.sure(statistics.committed.total()),
            "lost": figures.sure(statistics.lost.total()),
            "torn": figures.sure(statistics.torn),
            "failures": figures.sure(statistics.failures),
            "waiting": figures.sure(round(health.waiting_bytes / KIB, 1), "KiB"),
            "outbox_records": figures.sure(sum(total.records for total in outbox)),
            "outbox": figures.sure(round(sum(total.bytes for total in outbox) / KIB, 1), "KiB"),
            "audit_position": figures.sure(statistics.audit.position),
            "audit_digest": statistics.audit.text,
            # How far back the tier of seconds and that of minutes reach: one in hours, the other in days, as the numbers themselves say.
            "reach_seconds": figures.sure(round(statistics.history[Tier.SECONDS].reached_s / 3600, 2), "h"),
            "reach_minutes": figures.sure(round(statistics.history[Tier.MINUTES].reached_s / 86_400, 2), "d"),
        }

    def _mqtt(self, figures: Figures) -> Document | None:
        mqtt = self._parts.mqtt
        if mqtt is None:
            return None
        counted = {"published": mqtt.published, "events": mqtt.events, "dropped": mqtt.dropped}
        return {**_standing(mqtt, figures), **{name: figures.sure(count) for name, count in counted.items()}}

    def _sparkplug(self, figures: Figures) -> Document | None:
        sparkplug = self._parts.sparkplug
        return None if sparkplug is None else {**_standing(sparkplug, figures), "online": sparkplug.online}

    def _scrape(self, figures: Figures) -> Document | None:
        if not self._parts.scraped:
            return None
        pulse = self._parts.pulse
        age_s = None if pulse.scraped_t is None else round(figures.clock.now - pulse.scraped_t, 1)
        took_ms = None if pulse.scrape_took_s is None else round(1000 * pulse.scrape_took_s, 1)
        return {"age": figures.of(age_s, "s"), "took": figures.of(took_ms, "ms"), "scrapes": figures.sure(pulse.scrapes)}

    def _sampler(self, figures: Figures) -> Document | None:
        if self._parts.sampler is None:
            return None
        statistics, lately = self._parts.sampler(), self._parts.pulse.sampler()
        counts = statistics.counts
        rate_hz = None if lately.rate_hz is None else round(lately.rate_hz, 1)
        return {
            "running": statistics.running,
            "rate": figures.of(rate_hz, "Hz"),
            "scans": figures.sure(counts["scans"]),
            "missed": figures.sure(counts["missed"]),
            "missed_lately": figures.sure(lately.missed),
            "lately": figures.sure(round(lately.span_s), "s"),
            "overruns": figures.sure(counts["overruns"]),
            "rebuilds": figures.sure(statistics.rebuilds),
            "hanging": figures.sure(statistics.hanging),
            "real_time": statistics.real_time,
            "memory_locked": statistics.memory_locked,
        }

    def _bus(self, name: str, line: Line, figures: Figures) -> Document:
        statistics, lately = line.statistics, self._parts.pulse.line(name)
        busy = None if lately.busy_share is None else round(100 * lately.busy_share, 1)
        exchange_ms = None if lately.exchange_s is None else round(1000 * lately.exchange_s, 1)
        return {
            "up": line.up,
            "port": line.settings.port,
            "transactions": figures.sure(statistics.transactions),
            "failures": {reason.value: figures.sure(count) for reason, count in sorted(statistics.failures.items(), key=_word)},
            "quarantines": figures.sure(statistics.quarantines),
            "late_frames": figures.sure(statistics.late_frames),
            "openings": figures.sure(statistics.openings),
            "busy": figures.of(busy, "%"),
            "exchange": figures.of(exchange_ms, "ms"),
            "lately": figures.sure(round(lately.span_s), "s"),
            "asked_lately": figures.sure(lately.transactions),
            "failed_lately": figures.sure(lately.failures),
        }

    def _devices(self, figures: Figures) -> Document:
        last = self._parts.board.last_success()
        return {
            name: {
                "kind": device.driver.kind.name,
                "up": self._answers(name),
                "age": figures.of(self._age_s(name, last, figures.clock.now), "s"),
            }
            for name, device in self._parts.board.devices.items()
        }

    def _answers(self, name: str) -> bool:
        return answering(self._parts.board[point] for point in self._parts.board.of_device(name))

    def _age_s(self, name: str, last: Mapping[PointId, float], now: float) -> float | None:
        """Return how old the newest good exchange of a unit is; None before a first one."""
        times = [last[point] for point in self._parts.board.of_device(name) if point in last]
        return round(max(now - max(times), 0.0), 1) if times else None

    # ------------------------------------------------------------------ what is not well

    def _own_troubles(self, disk: Disk) -> Iterator[str]:
        health, lag = self._parts.journal.health, self._parts.pulse.lag_s()
        if not health.good:
            yield f"the journal is {health.state.value}{': ' if health.reason else ''}{health.reason}"
        if disk.free_bytes is None or not disk.total_bytes:
            yield "the disk does not say how full it is"
        elif disk.free_bytes < max(min(FULL_BYTES, disk.total_bytes / 2), FULL_SHARE * disk.total_bytes):
            yield f"the disk is nearly full: {disk.free_bytes / MIB:.0f} MiB are free"
        if not self._parts.clock().synchronised:
            yield "the clock is not synchronised"
        if lag is not None and lag[0] > LAG_S:
            yield f"the event loop is late by {1000 * lag[0]:.0f} ms in one of a hundred seconds"

    def _troubles(self, parts: Mapping[str, object]) -> Iterator[str]:
        yield from (f"port {name} is not open" for name, line in self._parts.buses.items() if not line.up)
        silent = [name for name, each in self._parts.board.devices.items() if each.driver.model != MODEL_OF_FAR and not self._answers(name)]
        if len(silent) > MOST_NAMED:
            yield f"{len(silent)} units do not answer: {', '.join(silent[:MOST_NAMED])} and {len(silent) - MOST_NAMED} more"
        yield from (f"{name} does not answer" for name in silent if len(silent) <= MOST_NAMED)
        for name, standing in (("MQTT", self._parts.mqtt), ("Sparkplug", self._parts.sparkplug)):
            if standing is not None and not standing.connected:
                yield f"{name} is not connected{': ' if standing.reason else ''}{standing.reason}"
        if self._parts.sampler is not None and not self._parts.sampler().running:
            yield "the optical sampler does not run"
        far = parts["far_station"]
        if isinstance(far, Mapping) and not far["heard"]:
            yield f"the far station is unknown: {far['why']}"


def _standing(standing: MqttStatistics | SparkplugStatistics, figures: Figures) -> Document:
    return {
        "connected": standing.connected,
        "connections": figures.sure(standing.connections),
        "failures": figures.sure(standing.failures),
        "reason": standing.reason,
    }


def _word(item: tuple[object, int]) -> str:
    return str(item[0])
