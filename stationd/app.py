"""The composition root: configuration in, one running daemon out. Nothing is decided here, only connected.

    buses -> pollers -.                                        every task belongs to one Supervisor
                       >-> engine -> board -> outputs
    optical sampler --'   ^  '--- light, alarms --> recorder -> journal -> outbox -> MQTT
    own signals, orders --'                             '-> control socket

A new file is taken up while all of this runs (`reload`). What it changes of plans goes into the desks between two events of the engine,
what it changes of parts ends and begins by itself; every other part, its connections and its memory stay as they are.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import structlog
from prometheus_client.core import Metric

from stationd.acting_doors import StationActing, StationAudit
from stationd.config import StationConfig
from stationd.config import model as config_model
from stationd.config.changes import Changes, Reloaded, changes
from stationd.config.far_station import far_settings, shared
from stationd.config.parts import absent_sections, identity_of
from stationd.console.server import ControlSocket, Doors
from stationd.core.model import SessionEnded
from stationd.core.operation.words import ActEffect
from stationd.core.station import Effect
from stationd.desks import Desks
from stationd.diagnostic_doors import StationDiagnostics
from stationd.doors import StationAlarms, StationLine, StationStatus
from stationd.driver import Driver
from stationd.engine import Engine, NotNow
from stationd.farstation.families import far_families, line_families
from stationd.farstation.link import FarLink
from stationd.farstation.near import NearStation
from stationd.lighting import Light, Lighting
from stationd.lines import Lines
from stationd.links.beat import Beat
from stationd.links.sampler import OpticalSampler
from stationd.loading import Loaded, catalogue, load
from stationd.outlets import Made, Outlets, Told
from stationd.outputs.act_families import act_families
from stationd.outputs.act_records import ActRecords
from stationd.outputs.alarm_document import AlarmDocuments, limits_of
from stationd.outputs.clock import TIME_OF_DAY
from stationd.outputs.document import Documents, Mode
from stationd.outputs.incidents import line_facts, subject_of
from stationd.outputs.incidents.families import incident_families
from stationd.outputs.journal import Journal, JournalSettings
from stationd.outputs.line_keeping import LineKeeping, keep_line
from stationd.outputs.line_records import LineRecords
from stationd.outputs.metrics import Metrics, Sources
from stationd.outputs.page_sockets import page_sockets
from stationd.outputs.pulse import Pulse
from stationd.outputs.records import Recorder
from stationd.outputs.reload_record import reload_record
from stationd.outputs.signals import OwnSignals
from stationd.pages import serve_pages
from stationd.people import open_control
from stationd.plans import Plans, plans_of
from stationd.poller import Pollers
from stationd.self_knowledge import Running, diagnostics_of
from stationd.service.families import supervisor_families
from stationd.service.reload import Swap, carry_out
from stationd.service.supervisor import Kind, Part, Supervisor
from stationd.service.watchdog import Notifier, Watchdog
from stationd.session_doors import StationSession
from stationd.surroundings import Surroundings

__all__ = ["App", "Loaded", "catalogue", "load"]
log = structlog.get_logger()

JOURNAL = "journal.sqlite"
CONTROL = "control socket"


@dataclass(frozen=True, slots=True)
class _Prepared:
    """What a reload needs of the machine and may not get; had before anything changes."""

    outlets: Made
    light: Light | None = None
    pages: tuple[socket.socket, ...] = ()
    control: ControlSocket | None = None


class App:
    """One station's daemon, made inside the running event loop."""

    def __init__(self, config: StationConfig, drivers: Mapping[str, Driver], around: Surroundings | None = None) -> None:
        self._around = around or Surroundings()
        self._clock = self._around.clock
        TIME_OF_DAY.set(lambda: self._clock().utc_s)
        self._identity = identity_of(config)
        plans = plans_of(config, drivers, self._around.source)
        self._desks = desks = Desks(plans, asyncio.get_running_loop().time())
        self.board, self.alarms, self.acting, self.watch = desks.board, desks.alarms, desks.acting, desks.watch
        self.journal = self._open_journal(Path(config.station.state) / JOURNAL)
        self.far: FarLink | None = None
        self._line = self._keep_line(config)
        self._documents = Documents(self._identity, self.board, self._line.status if self._line else lambda _: {}, limits_of(plans.alarms))
        self._alarm_documents = AlarmDocuments(self._identity, self.board, self.alarms)
        self.recorder, self._acts = self._make_recorder(publish=config.mqtt is not None)
        pollers = Pollers()
        self.engine = Engine(
            self.board, desks.station, pollers.write, self.recorder,
            cut_off=pollers.cut_off, take_back=pollers.take_back, hasten=pollers.hasten,
        )  # fmt: skip
        self._lines = Lines(plans, self.engine.post, self._around.open_port, pollers)
        self.buses = self._lines.buses
        told = Told(self._identity, self.board, self._documents, self._alarm_documents, self._lines.up, self.journal, self._clock)
        self._outlets = Outlets(config.mqtt if self._around.exchange is None else None, told, self.recorder)
        self.mqtt = self._outlets.mqtt
        self._lighting = Lighting(plans, self._identity, self.engine.post, desks.measured, self._around.sampling_loop)
        self.control: ControlSocket | None = None
        self.far = self._make_far(plans)
        self.supervisor = Supervisor()
        self._signals = self._make_signals(Path(config.station.state))
        self._pulse = Pulse(lambda: {name: bus.statistics for name, bus in self.buses.items()}, self._lighting.statistics)
        self.metrics = Metrics(self._identity, self.board, self._sources())
        self._diagnostics = StationDiagnostics(diagnostics_of(config, self._running()))
        self._ports_file: Path | None = None
        self._begun, self._one_reload = asyncio.Event(), asyncio.Lock()

    @property
    def sampler(self) -> OpticalSampler | None:
        """The optical sampler that runs."""
        return self._lighting.sampler

    def _open_journal(self, path: Path) -> Journal:
        settings = JournalSettings(threads=self._around.threads)
        return Journal.open(path, settings, self._clock, self._around.run, self._identity.name)

    async def run(
        self, ports_file: Path | None = None, ready: Callable[[], None] = lambda: None, notifier: Notifier | None = None
    ) -> None:
        """Run until cancelled. Ending changes nothing on the plant: ports are closed, nothing is sent.

        `ready` is called once, when the journal is read, control socket and pages are there, and every bus has begun.
        """
        config, self._ports_file = self._desks.plans.config, ports_file
        log.info("station starts", station=self._identity.name, mode=self._identity.mode.value, read_only=config.station.read_only)
        if absent := absent_sections(config):
            log.info("parts that the configuration leaves off", sections=absent)
        async with contextlib.AsyncExitStack() as ending, self.supervisor as supervisor:
            ending.enter_context(self._lighting.technician())
            await self._remember(ending)
            control = await self._try_control(config)
            outer = (*self._outlets.parts(), *self._lighting.parts(), *self._line_parts(), self._pages_part(config))
            for part in (*self._control_parts(control, config), *self._core_parts(), *self._lines.parts(), *outer):
                supervisor.start(part)
            if notifier is not None:
                supervisor.start(Part("watchdog", Watchdog(supervisor, notifier).run, kind=Kind.VITAL))
            await supervisor.begun(["pages", *(f"bus {name}" for name in self.buses)])
            self._begun.set()
            ready()

    def _core_parts(self) -> Iterator[Part]:
        """Return what values, alarms and records come through."""
        yield Part("engine", self.engine.run, self.engine.beat, kind=Kind.VITAL, prod=self.engine.prod)
        yield Part("journal", self.journal.attend, self.journal.beat, kind=Kind.STATION)
        yield Part("recorder", self.recorder.keep_on, self.recorder.beat, kind=Kind.STATION)
        yield Part("own signals", self._signals.run, self._signals.beat, kind=Kind.STATION)
        yield Part("loop watch", self.metrics.watch_loop, self.metrics.beat)
        yield Part("pulse", self._pulse.run, self._pulse.beat)

    def _line_parts(self) -> Iterator[Part]:
        if self._line is not None:
            yield Part("incidents", self._line.incidents.run, self._line.incidents.beat)
        if self.far is not None:
            yield Part("far station", self.far.run, self.far.beat)

    def _pages_part(self, config: StationConfig, opened: tuple[socket.socket, ...] = ()) -> Part:
        served, page = Beat(), self._pulse.scraped(self.metrics.scrape)
        around = (self._lines.up, self._ports_file, served, self._around.listeners)
        return Part("pages", partial(serve_pages, config, self._identity, page, *around, list(opened)), served)

    # ------------------------------------------------------------------ another file

    async def reload(self, loaded: Loaded) -> Reloaded:
        """Take up another file while everything runs, or say in one sentence why not; then nothing has changed. Never in part.

        Waits until the station has begun. What the file does not change is not touched.
        """
        if loaded.config is None:
            first = loaded.mistakes[0]  # without its value, which may be a secret
            return Reloaded(refused=f"the file has {len(loaded.mistakes)} mistake(s), the first: {first.key or first.file}: {first.reason}")
        async with self._one_reload:
            await self._begun.wait()
            plans = await self._aside(plans_of, loaded.config, loaded.catalogue, loaded.source)
            change = changes(self._desks.plans.loading, plans.loading)
            if not change.parts:
                self._tell_of(plans, change)
                return Reloaded()
            return await self._take_up(plans, change)

    async def _aside(self, make: Callable[..., Plans], *made_of: object) -> Plans:
        """Make plans beside the loop: for a station of 24 pairs that takes a tenth of a second."""
        return await asyncio.to_thread(make, *made_of) if self._around.threads else make(*made_of)

    async def _take_up(self, plans: Plans, change: Changes) -> Reloaded:
        swaps: list[Swap] = []
        try:
            self._look(plans, change, asyncio.get_running_loop().time())
            async with contextlib.AsyncExitStack() as undoing:
                prepared = await self._prepare(plans, change, undoing)
                take_up, look = partial(self._replan, plans, change, prepared, swaps), partial(self._look, plans, change)
                await self.engine.replan(take_up, change.devices, look)  # somebody may have begun something since the look above
                undoing.pop_all()
        except (NotNow, OSError, RuntimeError, ValueError) as reason:
            return Reloaded(refused=str(reason))
        await carry_out(self.supervisor, swaps)
        log.info("parts of the daemon are others", parts=[name for swap in swaps for name in swap.names], changed=change.parts)
        return Reloaded(change.parts)

    async def _prepare(self, plans: Plans, change: Changes, undoing: contextlib.AsyncExitStack) -> _Prepared:
        """Get from the machine what the change needs; raises what may go wrong with that, and `undoing` gives it back."""
        config, pages, control = plans.config, tuple[socket.socket, ...](), None
        outlets = self._outlets.prepare(plans, change)
        if (light := self._lighting.prepare(plans, change)) is not None:
            undoing.callback(light.close)
        if change.concern("prometheus") and config.prometheus is not None:
            pages = await page_sockets(config.prometheus.listen, self._around.listeners)
            for each in pages:
                undoing.callback(each.close)
        if change.concern("control") and config.control is not None:
            control = await self._open_control(config.control)
            undoing.callback(control.give_up)
        return _Prepared(outlets, light, pages, control)

    def _replan(self, plans: Plans, change: Changes, prepared: _Prepared, swaps: list[Swap], now: float) -> list[Effect]:
        """Take the new plans up, all at once; what ends and begins for that goes to `swaps`. Called by the engine between two events."""
        before = self._desks.plans
        effects = self._desks.replan(plans, change, now)
        swaps += [*self._lines.replan(plans, change), *self._lighting.take_up(prepared.light), *self._outlets.take_up(prepared.outlets)]
        if change.concern("prometheus"):
            swaps.append(Swap(("pages",), (self._pages_part(plans.config, prepared.pages),)))
        if change.concern("control"):
            ended = (CONTROL,) if before.config.control is not None else ()
            swaps.append(Swap(ended, tuple(self._control_parts(prepared.control, plans.config))))
            self.control = prepared.control
        self._tell_of(plans, change)
        self._signals.replan(self.alarms.plan.rules, ports=bool(change.ports))
        self._record(before, plans, change)
        return effects

    def _look(self, plans: Plans, change: Changes, now: float) -> None:
        if reasons := change.fixed or self._desks.obstacles(plans, change, now):
            raise NotNow("; ".join(reasons))

    def _tell_of(self, plans: Plans, change: Changes) -> None:
        """Have those who tell of the station tell of these plans."""
        self._desks.plans = plans
        self._documents.replan(limits_of(plans.alarms))
        if change.devices or change.ports or change.concern("mqtt", "sampler"):
            self.metrics.replan(self._sources())
        if change.ports or change.concern("sampler"):
            self._pulse.restart()
        self._diagnostics.replan(diagnostics_of(plans.config, self._running()))
        if self._line is not None:
            self._line.incidents.subject = subject_of(self._identity, self.board, line_facts(self._line.watch.plan))

    def _record(self, before: Plans, plans: Plans, change: Changes) -> None:
        one, other = (each.source.sha256 if each.source is not None else "" for each in (before, plans))
        gone = before.alarms.rules.keys() - plans.alarms.rules.keys()
        file = str(plans.source.path) if plans.source is not None else ""
        self.journal.append(reload_record(self.journal, self._identity, file, one, other, change.parts, gone))

    # ------------------------------------------------------------------ journal, alarms

    def _make_recorder(self, *, publish: bool) -> tuple[Recorder, ActRecords]:
        kept = self._line
        line = LineRecords(kept.watch, kept.verdicts, self._identity) if kept else None
        acts = ActRecords(self.acting, self._identity, self._follow)
        recorder = Recorder(
            self.journal, self._clock, self._identity, self.alarms, self._documents, self._alarm_documents, self._around.machine, line,
            acts, publish=publish,
        )  # fmt: skip
        if kept is not None:
            recorder.subscribe_verdicts(kept.incidents.heard)
        return recorder, acts

    def _follow(self, effects: Sequence[ActEffect]) -> None:
        self.engine.follow(effects)  # the engine is made after the recorder

    def _make_signals(self, state: Path) -> OwnSignals:
        line = self._line
        return OwnSignals(
            self.engine.post, self.journal, self._clock, self.alarms.plan.rules, state, self.mqtt, self._lighting.statistics,
            self._lines.up, sparkplug=self._outlets.sparkplug,
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

    # ------------------------------------------------------------------ people

    async def _try_control(self, config: StationConfig) -> ControlSocket | None:
        """Open the control socket; None where that is not possible: its part tries again, and says why."""
        with contextlib.suppress(OSError):
            return await self._open_control(config.control) if config.control is not None else None
        return None

    def _control_parts(self, opened: ControlSocket | None, config: StationConfig) -> Iterator[Part]:
        """Return what lets the people of this station in, over a socket that listens already; made anew it opens one by itself."""
        if config.control is None:
            return
        waiting = [opened] if opened is not None else []

        async def serve() -> None:
            section = self._desks.plans.config.control
            assert section is not None, "the part ends when the section goes"
            control = self.control = waiting.pop() if waiting else await self._open_control(section)
            await control.run()

        self.control = opened
        yield Part(CONTROL, serve)

    async def _open_control(self, section: config_model.Control) -> ControlSocket:
        return await open_control(section, self._doors(), self._around.identify, self._session_ended, self._around.listeners)

    def _doors(self) -> Doors:
        """Return what is behind the control socket."""
        alarms = StationAlarms(self.alarms, self.engine, self.recorder, self.journal, self._alarm_documents, self._clock)
        acting = StationActing(self.acting, self.engine.act, self.journal, self._clock)
        return Doors(
            StationStatus(self._documents, self._lines.up), alarms, self._identity.mode is Mode.LIVE,
            StationLine(self._line, self.engine, self.journal) if self._line else None, acting, acting, StationAudit(self.journal),
            self._diagnostics, session=StationSession(self._identity, self.journal, self._clock, self._acts.subscribe),
        )  # fmt: skip

    def _running(self) -> Running:
        """Return what the station can be asked about itself."""
        return Running(
            self.board, self.buses, self.journal, self.alarms, self.acting, self._pulse, self._clock,
            lambda: self._around.machine().boottime_s, lambda: self.engine.dropped_events, self.mqtt,
            self._outlets.sparkplug, self._lighting.statistics,
            lambda: self.far.statistics if self.far is not None else None, self._desks.plans.source, self._around.threads,
        )  # fmt: skip

    def _session_ended(self, session: str) -> None:
        self.engine.post([SessionEnded(session, asyncio.get_running_loop().time())])

    # ------------------------------------------------------------------ the line

    def _keep_line(self, config: StationConfig) -> LineKeeping | None:
        """Return what is made of the line watch for people; None where the station has no line."""
        if self.watch is None:
            return None
        path = Path(config.station.state) / JOURNAL
        return keep_line(
            self.watch, self._identity, self.board, self.alarms, self.journal, path, self._clock,
            heard=lambda: self.far.statistics if self.far is not None else None, threads=self._around.threads,
            capacity_tbps=config.line.capacity_tbps if config.line else None,
        )  # fmt: skip

    def _make_far(self, plans: Plans) -> FarLink | None:
        """Return the link to the far station, over the JSON connection unless something else was given."""
        settings, unit = far_settings(plans.config, os.environ), plans.far_unit
        exchange = self._around.exchange or (self._outlets.live if self.mqtt is not None else None)
        if settings is None or unit is None or exchange is None or self.watch is None:
            return None
        told = self._desks.acting_told
        near = NearStation(self._identity, self.board, self.alarms, self.watch, shared(plans.config), told)
        return FarLink(settings, near, unit, exchange, self.engine.post, self._clock, self._around.run)

    # ------------------------------------------------------------------ metrics

    def _sources(self) -> Sources:
        return Sources(
            self.buses, self.mqtt, lambda: self.engine.dropped_events, self._lighting.statistics, self._lighting.capture_statistics,
            self.alarms, self.journal, self._outlets.counts, (self._own_families,))  # fmt: skip

    def _own_families(self, now: float) -> Iterator[Metric]:
        yield from supervisor_families(self.supervisor.rebuilt)
        feeds = {name: feed.points.on for name, feed in self.acting.plan.feeds.items()}
        yield from act_families(self.acting, {name: self._desks.truth(on) for name, on in feeds.items()}, now)
        if self.watch is not None:
            yield from line_families(self.watch.plan.name, self.watch)
        if self._line is not None:
            yield from incident_families(self._line.incidents.statistics)
        if self.far is not None:
            yield from far_families(self.far.statistics, now)
