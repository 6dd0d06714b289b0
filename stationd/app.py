"""The composition root: configuration in, one running daemon out. Nothing is decided here, only connected.

    buses -> pollers -.                                        every task belongs to one Supervisor
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
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path

import structlog
from prometheus_client.core import Metric

import stationd
from stationd.acting_doors import StationActing, StationAudit
from stationd.board import Board, Unit
from stationd.config import StationConfig, alarm_plan, settings_of
from stationd.config import model as config_model
from stationd.config.acting import acting_plan
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
from stationd.diagnostic_doors import StationDiagnostics
from stationd.doors import StationAlarms, StationLine, StationStatus
from stationd.driver import Driver
from stationd.engine import Engine
from stationd.farstation.families import far_families, line_families
from stationd.farstation.link import FarLink
from stationd.farstation.near import Acting, NearStation
from stationd.farstation.words import Operation as FarOperation
from stationd.links.beat import Beat
from stationd.links.bus import Bus
from stationd.links.sampler import OpticalSampler, SamplerStatistics
from stationd.loading import Loaded, catalogue, load
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
from stationd.self_knowledge import Running, diagnostics_of
from stationd.service.families import supervisor_families
from stationd.service.supervisor import Kind, Part, Supervisor
from stationd.service.watchdog import Notifier, Watchdog
from stationd.session_doors import StationSession
from stationd.surroundings import Surroundings

__all__ = ["App", "Loaded", "catalogue", "load"]
log = structlog.get_logger()

SWITCH_S = 0.0005  # a busy thread gives Python back after so long: events of the light pass it within a millisecond or two
JOURNAL = "journal.sqlite"
BUS_PATIENCE_S, POLLER_PATIENCE_S = 5.0, 60.0  # a poll waits behind orders, quarantine and EMERGENCY-OFF, 10 s at a stretch
GOLDEN = 0.6180339887  # multiples of the golden ratio spread the lines' periods evenly over time


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
        self._alarm_documents = AlarmDocuments(self._identity, self.board, self.alarms)
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
        self.supervisor = Supervisor()
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

    async def run(
        self, ports_file: Path | None = None, ready: Callable[[], None] = lambda: None, notifier: Notifier | None = None
    ) -> None:
        """Run until cancelled. Ending changes nothing on the plant: ports are closed, nothing is sent.

        `ready` is called once, when the journal is read, control socket and pages are there, and every bus has begun.
        """
        log.info("station starts", station=self._identity.name, mode=self._identity.mode.value, read_only=self._config.station.read_only)
        if absent := absent_sections(self._config):
            log.info("parts that the configuration leaves off", sections=absent)
        async with contextlib.AsyncExitStack() as ending, self.supervisor as supervisor:
            ending.enter_context(self._technician())
            await self._remember(ending)
            for part in (*await self._control_part(), *self._core_parts(), *self._bus_parts(), *self._output_parts(ports_file)):
                supervisor.start(part)
            if notifier is not None:
                supervisor.start(Part("watchdog", Watchdog(supervisor, notifier).run, kind=Kind.VITAL))
            await supervisor.begun(["pages", *(f"bus {name}" for name in self.buses)])
            ready()

    def _core_parts(self) -> Iterator[Part]:
        """Return what values, alarms and records come through."""
        yield Part("engine", self.engine.run, self.engine.beat, kind=Kind.VITAL, prod=self.engine.prod)
        yield Part("journal", self.journal.attend, self.journal.beat, kind=Kind.STATION)
        yield Part("recorder", self.recorder.keep_on, self.recorder.beat, kind=Kind.STATION)
        yield Part("own signals", self._signals.run, self._signals.beat, kind=Kind.STATION)
        yield Part("loop watch", self.metrics.watch_loop, self.metrics.beat)
        yield Part("pulse", self._pulse.run, self._pulse.beat)

    def _bus_parts(self) -> Iterator[Part]:
        for name, bus in self.buses.items():
            yield Part(f"bus {name}", bus.run, bus.beat, BUS_PATIENCE_S, Kind.STATION)
        for poller in self._pollers.every():
            yield Part(f"poller {poller.name}", poller.run, poller.beat, POLLER_PATIENCE_S, Kind.STATION)

    def _output_parts(self, ports_file: Path | None) -> Iterator[Part]:
        if self._publisher is not None:
            yield Part("mqtt", self._publisher.run, self._publisher.beat)
        if self._config.mqtt is not None and self._node is not None:
            beat, make = Beat(), partial(self._make_sparkplug, self._config.mqtt, self._node)
            yield Part("sparkplug", lambda: make(beat).run(), beat)
        if (sampler := self.sampler) is not None:
            sys.setswitchinterval(SWITCH_S)
            yield Part("optical sampler", sampler.run, sampler.beat, kind=Kind.STATION, failing=lambda: sampler.failing)
        if self._line is not None:
            yield Part("incidents", self._line.incidents.run, self._line.incidents.beat)
        if self.far is not None:
            yield Part("far station", self.far.run, self.far.beat)
        served, page = Beat(), self._pulse.scraped(self.metrics.scrape)
        serve = partial(serve_pages, self._config, self._identity, page, self._buses_up, ports_file, served, self._around.listeners)
        yield Part("pages", serve, served, must_start=True)

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
            rebuilt=self.supervisor.trouble,
        )  # fmt: skip

    async def _remember(self, ending: contextlib.AsyncExitStack) -> None:
        """Begin with what the journal remembers; leave it in order at the end."""
        ending.push_async_callback(self._leave_journal)
        self.recorder.restore(await self.journal.start())
        self.journal.on_change = self._signals.look

    async def _leave_journal(self) -> None:
        self.recorder.keep_states()
        await self.journal.close()

    async def _control_part(self) -> Sequence[Part]:
        """Let the people of this station in, if the configuration says where: the socket listens when this returns."""
        section = self._config.control
        if section is None:
            return ()
        opened = [await self._open_control(section)]

        async def serve() -> None:
            control = opened.pop() if opened else await self._open_control(section)
            await control.run()

        return (Part("control socket", serve),)

    async def _open_control(self, section: config_model.Control) -> ControlSocket:
        alarms = StationAlarms(self.alarms, self.engine, self.recorder, self.journal, self._alarm_documents, self._clock)
        acting = StationActing(self.acting, self.engine.act, self.journal, self._clock)
        doors = Doors(
            StationStatus(self._documents, self._buses_up), alarms, self._identity.mode is Mode.LIVE,
            StationLine(self._line, self.engine, self.journal) if self._line else None, acting, acting, StationAudit(self.journal),
            StationDiagnostics(diagnostics_of(self._config, self._running())),
            session=StationSession(self._identity, self.journal, self._clock, self._acts.subscribe),
        )  # fmt: skip
        self.control = await open_control(section, doors, self._around.identify, self._session_ended, self._around.listeners)
        return self.control

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
        near = NearStation(self._identity, self.board, self.alarms, self.watch, shared(self._config), self._acting_told)
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
        yield from supervisor_families(self.supervisor.rebuilt)
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

    def _make_sparkplug(self, section: config_model.Mqtt, node: EdgeNode, beat: Beat) -> SparkplugPublisher:
        plant = PlantView(self._identity, self.board, stationd.__version__)
        history = JournalHistory(self.journal, node.catalogue, self._identity.mode, self._clock)
        client_id = f"{section.client_id or self._identity.name}-spb"
        return SparkplugPublisher(
            broker_of(section), node, plant, JournalNumbers(self.journal, self._clock), self._sparkplug_statistics, history, client_id,
            beat=beat,
        )  # fmt: skip

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
