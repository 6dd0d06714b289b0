"""The JSON documents that people and scripts read: the whole station, and one device with all its points. Pure.

Every value is `{"v": value, "u": unit, "t": UTC of its exchange, "q": "good" | "uncertain" | "stale" | "bad" | "sim"}`, with
the reason in `"why"` when it is not plainly good. A stale value has `"v": null` and what was known in `"last"`: a reader who
looks at nothing but `v` never takes an old value for a new one. On a station that is not live no value is ever "good": it
is "sim". This module does not send anything and does not look at a clock.
"""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from types import MappingProxyType

from stationd.board import Board, Unit
from stationd.core.model import GOOD, Level, LightEvent, PointId, Quality, Reading, Reason, Value
from stationd.driver import AMPLIFIER, POWER_FEED, TAP
from stationd.outputs.clock import Clock

Document = dict[str, object]
WORDS = ("good", "sim", "uncertain", "stale", "bad")
POWER_FEED_SUMMARY = ("output_current", "output_voltage", "output_on", "regulation", "fault", "interlock")
AMPLIFIER_SUMMARY = ("input_power", "output_power", "pump_on", "los", "fault")
TAP_SUMMARY = ("power", "los")
_BELOW_RANGE = Quality(Level.BAD, Reason.BELOW_RANGE)
_NOT_A_NUMBER = Quality(Level.BAD, Reason.MALFORMED)


class Mode(Enum):
    """What the station is connected to: the plant, a simulation, or a bench with real equipment."""

    LIVE = "live"
    SIM = "sim"
    HIL = "hil"


@dataclass(frozen=True, slots=True)
class Identity:
    """Who speaks: `name` is the id in topics and labels, `title` and `operator` are for people."""

    name: str
    title: str
    mode: Mode
    operator: str = ""


@dataclass(frozen=True, slots=True)
class Limits:
    """Under `low` and over `high` there is an alarm; None: there is none on that side."""

    low: float | None = None
    high: float | None = None


NO_LIMITS: Mapping[PointId, Limits] = MappingProxyType({})


def answering(readings: Iterable[Reading]) -> bool:
    """Return True when at least one point of a device has a value that is neither stale nor bad."""
    return any(reading.quality.level in (Level.GOOD, Level.UNCERTAIN) for reading in readings)


def plain(value: Value) -> Value | None:
    """Return the value without the noise of binary fractions (12 digits); None for what is no finite number."""
    if type(value) is not float:
        return value
    return float(f"{value:.12g}") if math.isfinite(value) else None


def valued(reading: Reading, unit: str, mode: Mode, clock: Clock) -> Document:
    """Return the form of one reading that the module's text describes."""
    value = None if reading.value is None else plain(reading.value)
    quality = reading.quality if value is not None or reading.quality.level is Level.BAD else _NOT_A_NUMBER
    word = quality_word(quality.level, mode)
    fresh = quality.level in (Level.GOOD, Level.UNCERTAIN)
    document: Document = {"v": value if fresh else None, "u": unit, "t": clock.written(reading.t), "q": word}
    if quality.level is Level.STALE:
        document["last"] = value
    if quality.reason is not Reason.NONE:
        document["why"] = quality.reason.value
    return document


def quality_word(level: Level, mode: Mode) -> str:
    """Return the word behind `"q"`: a good value of a simulation or a bench is "sim", never "good"."""
    return "sim" if level is Level.GOOD and mode is not Mode.LIVE else level.value


def encode(document: Document) -> bytes:
    """Return the document as JSON on one line, in UTF-8. Half a character, which somebody may have sent us, becomes its escape."""
    return json.dumps(document, separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode(errors="backslashreplace")


class Documents:
    """Builds the documents of one station from its board. `line` gives what stands of the line in the status, nothing without one.

    `limits` are those at which the alarms of a point come, in the unit of the point.
    """

    def __init__(
        self,
        identity: Identity,
        board: Board,
        line: Callable[[Clock], Document] = lambda _: {},
        limits: Mapping[PointId, Limits] = NO_LIMITS,
    ) -> None:
        self._line = line
        self._limits = limits
        self._identity = identity
        self._board = board

    def replan(self, limits: Mapping[PointId, Limits]) -> None:
        """Show other limits from now on."""
        self._limits = limits

    def _points(self, device: str) -> Iterator[tuple[PointId, str]]:
        return ((point, self._board.points[point].unit) for point in self._board.of_device(device))

    def device(self, name: str, clock: Clock) -> Document:
        """Return everything that is known of one device; KeyError for a device that is not configured."""
        device = self._board.devices[name]
        return {
            "station": self._identity.name,
            "mode": self._identity.mode.value,
            "t": clock.written(clock.now),
            **_described(name, device),
            "up": self._up(name),
            "points": {point.point: self._valued(point, unit, clock) for point, unit in self._points(name)},
            **self._limited(name, clock),
        }

    def _limited(self, name: str, clock: Clock) -> Document:
        """Return the limits of those points of a device that have any: low and high, either of which may be missing."""
        word, at = quality_word(Level.GOOD, self._identity.mode), clock.written(clock.now)
        found: Document = {}
        for point, unit in self._points(name):
            limits = self._limits.get(point)
            if limits is not None:
                sides = {"low": limits.low, "high": limits.high}
                found[point.point] = {side: {"v": plain(v), "u": unit, "t": at, "q": word} for side, v in sides.items() if v is not None}
        return {"limits": found} if found else {}

    def status(self, buses_up: Mapping[str, bool], clock: Clock) -> Document:
        """Return the station at a glance: the verdict, what answers, how good the values are, each unit of the line in short."""
        return {
            "station": self._identity.name,
            "title": self._identity.title,
            "operator": self._identity.operator,
            "mode": self._identity.mode.value,
            "t": clock.written(clock.now),
            **self._line(clock),
            "quality": self._qualities(),
            "buses": {name: {"up": up} for name, up in buses_up.items()},
            "devices": {name: {"kind": device.driver.kind.name, "up": self._up(name)} for name, device in self._board.devices.items()},
            "power_feeds": self._summaries(POWER_FEED.name, POWER_FEED_SUMMARY, clock),
            "amplifiers": self._summaries(AMPLIFIER.name, AMPLIFIER_SUMMARY, clock),
            "taps": self._summaries(TAP.name, TAP_SUMMARY, clock),
        }

    def light_event(self, event: LightEvent, clock: Clock) -> Document:
        """Return one event of the light. Its id is added by whoever keeps it.

        Of an event that is not exact only the time between `since` and `t` is known, within which it happened: `"exact": false`.
        """
        unit = self._board.devices.get(event.channel)
        pair = {} if unit is None or unit.fibre_pair is None else {"fibre_pair": unit.fibre_pair}
        return {
            "station": self._identity.name,
            "mode": self._identity.mode.value,
            "kind": event.kind.value,
            **({"channel": event.channel} if event.channel else {}),
            **pair,
            "t": clock.written(event.t, 6),
            "since": clock.written(event.since, 6),
            "found": clock.written(event.found, 6),
            "exact": event.exact,
            **({"lost_before": event.lost_before} if event.lost_before else {}),
            **self._levels(event, clock),
        }

    def _levels(self, event: LightEvent, clock: Clock) -> Document:
        """Return the level of the deciding sample and, of a step, that before it."""
        if not event.channel or not event.exact:
            return {}
        levels = {"level": (event.level_dbm, event.t), "reference": (event.reference_dbm, event.since)}
        point = PointId(event.channel, "power")
        return {
            name: valued(Reading(point, dbm, _BELOW_RANGE if dbm is None else GOOD, t), "dBm", self._identity.mode, clock)
            for name, (dbm, t) in levels.items()
            if name == "level" or dbm is not None
        }

    def _valued(self, point: PointId, unit: str, clock: Clock) -> Document:
        return valued(self._board[point], unit, self._identity.mode, clock)

    def _up(self, device: str) -> bool:
        return answering(self._board[point] for point, _ in self._points(device))

    def _qualities(self) -> Mapping[str, int]:
        """Count the values by the word of their quality; what a unit does not have is not counted as bad."""
        qualities = (self._board[point].quality for point in self._board.points)
        counts = Counter(
            quality_word(quality.level, self._identity.mode) for quality in qualities if quality.reason is not Reason.NOT_OFFERED
        )
        return {word: counts[word] for word in WORDS}

    def _summaries(self, kind: str, names: tuple[str, ...], clock: Clock) -> Document:
        return {
            name: {**_described(name, device), "up": self._up(name), **self._summary(name, names, clock)}
            for name, device in self._board.devices.items()
            if device.driver.kind.name == kind
        }

    def _summary(self, device: str, names: tuple[str, ...], clock: Clock) -> Document:
        return {point.point: self._valued(point, unit, clock) for point, unit in self._points(device) if point.point in names}


def _described(name: str, device: Unit) -> Document:
    document: Document = {"device": name, "driver": device.driver.model, "kind": device.driver.kind.name, "role": device.role}
    if device.fibre_pair is not None:
        document["fibre_pair"] = device.fibre_pair
    return document
