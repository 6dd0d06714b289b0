"""The composition root: configuration in, one running daemon out. Nothing is decided here, only connected.

    buses -> pollers -.                                        every task belongs to the one TaskGroup of `run`
                       >-> engine -> board -> outputs
    optical sampler --'   ^  '--- light, alarms --> recorder -> journal -> outbox -> MQTT
    own signals, orders --'                             '-> control socket
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import structlog
from prometheus_client.core import Metric

import stationd
from drivers import CATALOG
from stationd.acting_doors import StationActing, StationAudit
from stationd.board import Board, Unit
from stationd.config import StationConfig, alarm_plan, check, settings_of
from stationd.config import model as config_model
from stationd.config.acting import acting_plan
from stationd.config.effective import Source, source_of
from stationd.config.far_station import far_settings, far_unit_of, shared
from stationd.config.line_plan import line_plan
from stationd.config.parts import absent_sections, broker_of, device_of, identity_of, port_of, taps_of
from stationd.config.sampling import Sampler
from stationd.console.server import ControlSocket, Doors
from stationd.core.alarm.desk import Alarms
from stationd.core.model import Level, PointId, SessionEnded
from stationd.core.operation.desk import Operations
from stationd.core.operation.words import ActEffect
from stationd.core.station import Station
from stationd.core.watch.line_watch import LineWatch
from stationd.device import Device
from stationd.doors import StationAlarms, StationLine, StationStatus
from stationd.driver import Driver
from stationd.driverfile import load_directory
from stationd.engine import Engine
from stationd.farstation.families import far_families, line_families
from stationd.farstation.link import FarLink
from stationd.farstation.near import Acting, NearStation
from stationd.farstation.words import Operation as FarOperation
from stationd.links.bus import Bus
from stationd.links.sampler import OpticalSampler, SamplerStatistics
from stationd.outputs.act_families import act_families
from stationd.outputs.act_records import ActRecords
from stationd.outputs.alarm_document import AlarmDocuments, limits_of, topic_of
from stationd.outputs.captures import CaptureFiles, CaptureFormat
from stationd.outputs.clock import TIME_OF_DAY
from stationd.outputs.document import Document, Documents, Mode
from stationd.outputs.incidents.families import incident_families
from stationd.outputs.journal import Journal, JournalSettings
from stationd.outputs.line_keeping import LineKeeping, keep_line
from stationd.outputs.line_records import LineRecords
from stationd.outputs.metrics import Metrics, MqttStatistics, Sources
from stationd.outputs.mqtt import JsonPublisher
from stationd.outputs.pulse import Pulse
from stationd.outputs.records import Recorder
from stationd.outputs.signals import OwnSignals
from stationd.outputs.sparkplug.client import SparkplugPublisher, SparkplugStatistics
from stationd.outputs.sparkplug.node import EdgeNode
from stationd.outputs.sparkplug.plant import PlantView
from stationd.outputs.sparkplug.plant import catalogue as sparkplug_catalogue
from stationd.outputs.sparkplug_memory import JournalHistory, JournalNumbers
from stationd.pages import serve_pages
from stationd.people import open_control
from stationd.poller import Poller, Pollers
from stationd.problem import Problem
from stationd.self_knowledge import Running, diagnostics_of
from stationd.session_doors import StationSession
from stationd.surroundings import Surroundings

log = structlog.get_logger()

SYSTEM_DRIVERS = Path("/etc/stationd/drivers")
SWITCH_S = 0.0005  # a busy thread gives Python back after so long: events of the light pass it within a millisecond or two
JOURNAL = "journal.sqlite"
GOLDEN = 0.6180339887  # multiples of the golden ratio spread the lines' periods evenly over time


@dataclass(frozen=True, slots=True)
class Loaded:
    """What `load` found: a configuration if there is no mistake, and the catalogue that it was checked against."""

    config: StationConfig | None
    mistakes: tuple[Problem, ...]
    catalogue: Mapping[str, Driver]
    source: Source | None = None


def catalogue(directories: Iterable[Path]) -> tuple[Mapping[str, Driver], tuple[Problem, ...]]:
    """Return the built-in drivers and those of the files in these directories (one that is not there is empty)."""
    drivers, mistakes = dict(CATALOG), list[Problem]()
    for directory in directories:
        found, wrong = load_directory(directory, drivers)
        mistakes += wrong
        drivers |= {driver.model: driver for driver in found}
    return drivers, tuple(mistakes)


def load(path: Path) -> Loaded:
    """Read a station file and the driver files that go with it; report every mistake in any of them."""
    drivers, wrong_drivers = catalogue((SYSTEM_DRIVERS, path.parent / "drivers"))
    source = source_of(path, TIME_OF_DAY.get()())
    config, wrong_keys = check(path, drivers)
    mistakes = (*wrong_drivers, *wrong_keys)
    return Loaded(None if mistakes else config, mistakes, drivers, source)


class App:
    """One station's daemon, made inside the running event loop."""

    def __init__(self, config: StationConfig, drivers: Mapping[str, Driver], around: Surroundings | None = None) -> None:
        self._config = config
        self._around = around or Surroundings()
        self._identity = identity_of(config)
        devices = {name: device_of(name, section, config, drivers) for name, section in config.device.items()}
        self._far_unit = far_unit_of(config)
        units: list[Unit] = [*devices.values(), *taps_of(config), *([self._far_unit] if self._far_unit else [])]
        self.board = Board(units, asyncio.get_running_loop().time())
        plan = alarm_plan(config, drivers)
        self.alarms = Alarms(plan, asyncio.get_running_loop().time())
        self.acting = Operations(acting_plan(config, drivers), asyncio.get_running_loop().time())
        self._clock = self._around.clock
        TIME_OF_DAY.set(lambda: self._clock().utc_s)
        self.journal = self._open_journal(Path(config.station.state) / JOURNAL)
        line = line_plan(config, drivers)
        self.far: FarLink | None = None
        self.watch = LineWatch(line, asyncio.get_running_loop().time()) if line else None
        self._line = self._keep_line()
        self._documents = Documents(self._identity, self.board, self._line.status if self._line else lambda _: {}, limits_of(plan))
        self._alarm_documents = AlarmDocuments(self._identity, self.board, plan, self.alarms)
        self.recorder, self._acts = self._make_recorder()
        self._pollers = Pollers()
        self.engine = Engine(
            self.board, Station(self.board.periods(), self.alarms, self.watch, self.acting), self._pollers.write, self.recorder,
            cut_off=self._pollers.cut_off, take_back=self._pollers.take_back, hasten=self._pollers.hasten,
        )  # fmt: skip
        self.buses = {name: self._make_bus(name, section) for name, section in config.bus.items()}
        self._make_pollers(devices)
        broker = config.mqtt if self._around.exchange is None else None
        self.mqtt = MqttStatistics() if broker else None
        self._publisher = self._make_publisher(broker) if broker else None
        self._sparkplug_statistics = SparkplugStatistics()
        self._node = self._make_node(broker) if broker and broker.sparkplug else None
        self._captures = self._make_captures(config.sampler) if config.sampler else None
        self.control: ControlSocket | None = None
        self.sampler = self._make_sampler(config.sampler) if config.sampler else None
        self.far = self._make_far()
        self._signals = self._make_signals()
        self._pulse = Pulse(lambda: {name: bus.statistics for name, bus in self.buses.items()}, self._sampler_statistics())
        self.metrics = Metrics(self._identity, self.board, self._sources())

    def _open_journal(self, path: Path) -> Journal:
        settings = JournalSettings(threads=self._around.threads)
        return Journal.open(path, settings, self._clock, self._around.run, self._identity.name)

    def _make_bus(self, name: str, section: config_model.Bus) -> Bus:
        return Bus(name, port_of(section), read_only=self._config.station.read_only, opener=self._around.open_port)

    def _make_pollers(self, devices: Mapping[str, Device]) -> None:
        for number, (name, bus) in enumerate(self.buses.items()):
            own = [device for device in devices.values() if self._config.device[device.name].bus == name]
            poller = Poller(bus, own, self.engine.post, phase_s=(number * GOLDEN) % 1.0)
            bus.on_change = poller.link_changed
            self._pollers.add(poller)

    async def run(self, ports_file: Path | None = None) -> None:
        """Run until cancelled. Ending changes nothing on the plant: ports are closed, nothing is sent."""
        log.info("station starts", station=self._identity.name, mode=self._identity.mode.value, read_only=self._config.station.read_only)
        if absent := absent_sections(self._config):
            log.info("parts that the configuration leaves off", sections=absent)
        async with contextlib.AsyncExitStack() as ending, asyncio.TaskGroup() as tasks:
            ending.enter_context(self._technician())
            await self._remember(ending)
            await self._open_control(tasks)
            tasks.create_task(self.engine.run(), name="engine")
            tasks.create_task(self.recorder.keep_on(), name="recorder")
            tasks.create_task(self._signals.run(), name="own signals")
            tasks.create_task(self.metrics.watch_loop(), name="loop watch")
            tasks.create_task(self._pulse.run(), name="pulse")
            for name, bus in self.buses.items():
                tasks.create_task(bus.run(), name=f"bus {name}")
            for poller in self._pollers.every():
                tasks.create_task(poller.run(), name="poller")
            if self._publisher is not None:
                tasks.create_task(self._publisher.run(), name="mqtt")
            if self._config.mqtt is not None and self._node is not None:
                tasks.create_task(self._make_sparkplug(self._config.mqtt, self._node).run(), name="sparkplug")
            if self.sampler is not None:
                sys.setswitchinterval(SWITCH_S)
                tasks.create_task(self.sampler.run(), name="optical sampler")
            if self._line is not None:
                tasks.create_task(self._line.incidents.run(), name="incidents")
            if self.far is not None:
                tasks.create_task(self.far.run(), name="far station")
            pages = serve_pages(self._config, self._identity, self._pulse.scraped(self.metrics.scrape), self._buses_up, ports_file)
            tasks.create_task(pages, name="pages")

    # ------------------------------------------------------------------ journal, alarms, people

    def _make_recorder(self) -> tuple[Recorder, ActRecords]:
        published, kept = self._config.mqtt is not None, self._line
        line = LineRecords(kept.watch, kept.verdicts, self._identity) if kept else None
        acts = ActRecords(self.acting, self._identity, self._follow)
        recorder = Recorder(
            self.journal, self._clock, self._identity, self.alarms, self._documents, self._alarm_documents, self._around.machine, line,
            acts, publish=published,
        )  # fmt: skip
        if kept is not None:
            recorder.subscribe_verdicts(kept.incidents.heard)
        return recorder, acts

    def _follow(self, effects: Sequence[ActEffect]) -> None:
        self.engine.follow(effects)  # the engine is made after the recorder

    def _make_signals(self) -> OwnSignals:
        known, state = self.alarms.plan.rules, Path(self._config.station.state)
        sampler, line = self._sampler_statistics(), self._line
        return OwnSignals(
            self.engine.post, self.journal, self._clock, known, state, self.mqtt, sampler, self._buses_up,
            sparkplug=self._sparkplug_statistics if self._node is not None else None,
            incidents_gone=(lambda: line.incidents.statistics.deleted_pinned) if line is not None else int,
        )  # fmt: skip

    async def _remember(self, ending: contextlib.AsyncExitStack) -> None:
        """Begin with what the journal remembers; leave it in order at the end."""
        ending.push_async_callback(self._leave_journal)
        self.recorder.restore(await self.journal.start())
        self.journal.on_change = self._signals.look

    async def _leave_journal(self) -> None:
        self.recorder.keep_states()
        await self.journal.close()

    async def _open_control(self, tasks: asyncio.TaskGroup) -> None:
        """Let the people of this station in, if the configuration says where."""
        section = self._config.control
        if section is None:
            return
        alarms = StationAlarms(self.alarms, self.engine, self.recorder, self.journal, self._alarm_documents, self._clock)
        acting = StationActing(self.acting, self.engine.act, self.acting.plan, self.journal, self._clock)
        doors = Doors(
            StationStatus(self._documents, self._buses_up), alarms, self._identity.mode is Mode.LIVE,
            StationLine(self._line, self.engine, self.journal) if self._line else None, acting, acting, StationAudit(self.journal),
            diagnostics_of(self._config, self._running()),
            session=StationSession(self._identity, self.journal, self._clock, self._acts.subscribe),
        )  # fmt: skip
        self.control = await open_control(section, doors, self._around.identify, self._session_ended)
        tasks.create_task(self.control.run(), name="control socket")

    def _running(self) -> Running:
        """Return what the station can be asked about itself."""
        return Running(
            self.board, self.buses, self.journal, self.alarms, self.acting, self._pulse, self._clock,
            lambda: self._around.machine().boottime_s, lambda: self.engine.dropped_events, self.mqtt,
            self._sparkplug_statistics if self._node is not None else None, self._sampler_statistics(),
            lambda: self.far.statistics if self.far is not None else None, self._around.source, self._around.threads,
        )  # fmt: skip

    def _sampler_statistics(self) -> Callable[[], SamplerStatistics] | None:
        return self.sampler.statistics if self.sampler else None

    def _session_ended(self, session: str) -> None:
        self.engine.post([SessionEnded(session, asyncio.get_running_loop().time())])

    def _acting_told(self) -> Acting:
        """Return what the far station is told of what people do here."""
        holds, operation = self.acting.told()
        contacts = [feed.points.earthed for feed in self.acting.plan.feeds.values() if feed.points.earthed is not None]
        closed = [self._measured(contact) for contact in contacts]
        earth = "earthed" if any(closed) else "unknown" if None in closed else "open" if closed else None
        return Acting(earth, holds, None if operation is None else FarOperation(**operation))

    def _keep_line(self) -> LineKeeping | None:
        """Return what is made of the line watch for people; None where the station has no line."""
        if self.watch is None:
            return None
        path = Path(self._config.station.state) / JOURNAL
        return keep_line(
            self.watch, self._identity, self.board, self.alarms, self.journal, path, self._clock,
            heard=lambda: self.far.statistics if self.far is not None else None, threads=self._around.threads,
            capacity_tbps=self._config.line.capacity_tbps if self._config.line else None,
        )  # fmt: skip

    def _make_far(self) -> FarLink | None:
        """Return the link to the far station, over the JSON connection unless something else was given."""
        settings, unit = far_settings(self._config, os.environ), self._far_unit
        exchange = self._around.exchange or (self._publisher.live if self._publisher else None)
        if settings is None or unit is None or exchange is None or self.watch is None:
            return None
        near = NearStation(self._identity, self.watch.plan, self.board, self.alarms, self.watch, shared(self._config), self._acting_told)
        return FarLink(settings, near, unit, exchange, self.engine.post, self._clock, self._around.run)

    def _audit_head(self) -> Document:
        head = self.journal.statistics.audit
        return {"station": self._identity.name, "position": head.position, "digest": head.text}

    # ------------------------------------------------------------------ light

    def _make_captures(self, section: Sampler) -> CaptureFiles:
        form = CaptureFormat(section.capture_format.value)
        return CaptureFiles(Path(section.captures), form, section.captures_mib, self._identity)

    def _make_sampler(self, section: Sampler) -> OpticalSampler:
        name, _, point = (section.temperature or "").partition(".")
        keep = self._captures.keep if self._captures else None
        make = self._around.sampling_loop
        return OpticalSampler(settings_of(section), self.engine.post, keep, lambda: self._measured(PointId(name, point)), make)

    def _measured(self, point: PointId) -> float | None:
        """Return the number of a point that is not stale, or None."""
        reading = self.board[point] if point in self.board.points else None
        if reading is None or reading.quality.level not in (Level.GOOD, Level.UNCERTAIN) or isinstance(reading.value, str):
            return None
        return reading.value

    def _truth(self, point: PointId) -> bool | None:
        measured = self._measured(point)
        return None if measured is None else bool(measured)

    @contextlib.contextmanager
    def _technician(self) -> Iterator[None]:
        """Take SIGUSR1 as the wish for a capture of raw samples: systemctl kill --signal=SIGUSR1 stationd."""
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGUSR1, self._capture_now)
        try:
            yield
        finally:
            loop.remove_signal_handler(signal.SIGUSR1)
            if self._captures is not None:
                self._captures.close()

    def _capture_now(self) -> None:
        started = self.sampler is not None and self.sampler.capture()
        if started:
            log.info("raw samples are taken: a technician asks for them")
        else:
            log.warning("no raw samples for the technician: no sampler runs, or it has not taken up an earlier request yet")

    # ------------------------------------------------------------------ outputs

    def _sources(self) -> Sources:
        return Sources(
            self.buses,
            self.mqtt,
            lambda: self.engine.dropped_events,
            self._sampler_statistics(),
            self._captures.statistics if self._captures else None,
            self.alarms,
            self.journal,
            (self._sparkplug_statistics, self._node.counts) if self._node is not None else None,
            (self._own_families,),
        )

    def _own_families(self, now: float) -> Iterator[Metric]:
        feeds = {name: feed.points.on for name, feed in self.acting.plan.feeds.items()}
        yield from act_families(self.acting, {name: self._truth(on) for name, on in feeds.items()}, now)
        if self.watch is not None:
            yield from line_families(self.watch.plan.name, self.watch)
        if self._line is not None:
            yield from incident_families(self._line.incidents.statistics)
        if self.far is not None:
            yield from far_families(self.far.statistics, now)

    def _make_node(self, section: config_model.Mqtt) -> EdgeNode:
        return EdgeNode(sparkplug_catalogue(self._identity, self.board, section.group, section.primary_host or ""))

    def _make_sparkplug(self, section: config_model.Mqtt, node: EdgeNode) -> SparkplugPublisher:
        plant = PlantView(self._identity, self.board, stationd.__version__)
        history = JournalHistory(self.journal, node.catalogue, self._identity.mode, self._clock)
        client_id = f"{section.client_id or self._identity.name}-spb"
        return SparkplugPublisher(
            broker_of(section), node, plant, JournalNumbers(self.journal, self._clock), self._sparkplug_statistics, history, client_id
        )

    def _make_publisher(self, section: config_model.Mqtt) -> JsonPublisher:
        assert self.mqtt is not None
        publisher = JsonPublisher(
            broker_of(section), self._identity, self.board, self._buses_up, self.mqtt, self.journal.outbox, section.client_id or "",
            self._alarm_documents, self._audit_head, self._documents,
        )  # fmt: skip
        self.recorder.subscribe(lambda record: publisher.changed(topic_of(record.key)))
        return publisher

    def _buses_up(self) -> Mapping[str, bool]:
        return {name: bus.up for name, bus in self.buses.items()}
