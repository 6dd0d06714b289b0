"""What a station can be asked about itself, put together from its file and its running parts. Connects, and decides nothing."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial

from stationd.board import Board
from stationd.config.effective import Effective, Source, count_of, digest_of, effective
from stationd.config.model import StationConfig
from stationd.config.parts import identity_of
from stationd.core.alarm.desk import Alarms
from stationd.core.alarm.plan import LINE, SAMPLER, STATION
from stationd.core.alarm.type import AlarmKey
from stationd.core.operation.desk import Operations
from stationd.diagnostic_doors import Kept, Values, far_document
from stationd.farstation.link import FarStatistics
from stationd.links.bus import Bus
from stationd.links.sampler import SamplerStatistics
from stationd.outputs.device_events import DeviceEvents
from stationd.outputs.health_document import Parts
from stationd.outputs.journal import Journal, Moment
from stationd.outputs.metrics import MqttStatistics
from stationd.outputs.pulse import Pulse
from stationd.outputs.sparkplug.client import SparkplugStatistics
from stationd.outputs.strip import utc


@dataclass(frozen=True, slots=True)
class Running:
    """The parts of a running daemon that are asked. A part that the station has not is None, or gives None."""

    board: Board
    buses: Mapping[str, Bus]
    journal: Journal
    alarms: Alarms
    acting: Operations
    pulse: Pulse
    clock: Callable[[], Moment]
    boottime_s: Callable[[], float]
    inbox_dropped: Callable[[], int]
    mqtt: MqttStatistics | None
    sparkplug: SparkplugStatistics | None
    sampler: Callable[[], SamplerStatistics] | None
    far: Callable[[], FarStatistics | None]
    source: Source | None
    threads: bool


def diagnostics_of(config: StationConfig, running: Running) -> Kept:
    """Return what the door to diagnostics of a station answers from."""
    plan = running.acting.plan
    known = effective(config, running.source, plan.feeds, plan.amplifiers)
    others = (*config.bus, LINE, SAMPLER, STATION)
    events = DeviceEvents(running.journal, running.board, tuple(running.alarms.plan.rules), partial(_text, running.alarms), others)
    parts = _parts(config, running)
    return Kept(parts, _values(known, running.clock()), running.acting, events, running.threads)


def _parts(config: StationConfig, running: Running) -> Parts:
    name = (config.line.far_station if config.line else None) or ""
    return Parts(
        identity=identity_of(config),
        zone=config.station.time_zone,
        state=config.station.state,
        board=running.board,
        buses=running.buses,
        protocols={name: config.bus[section.bus].protocol.value for name, section in config.device.items()},
        journal=running.journal,
        pulse=running.pulse,
        clock=running.clock,
        boottime_s=running.boottime_s,
        inbox_dropped=running.inbox_dropped,
        scraped=config.prometheus is not None,
        mqtt=running.mqtt,
        sparkplug=running.sparkplug,
        sampler=running.sampler,
        far=partial(far_document, name, running.far),
    )


def _values(known: Effective, began: Moment) -> Values:
    source, count = known.source, count_of(known.tree)
    if source is None:
        return Values(known.below, count, loaded=utc(began.utc_s))
    now = partial(digest_of, source.path)
    return Values(known.below, count, str(source.path), source.sha256, utc(source.utc_s), now)


def _text(alarms: Alarms, key: AlarmKey) -> str:
    view = alarms.view(key)
    return view.type.text if view is not None else str(key)
