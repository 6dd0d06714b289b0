"""The board as samples of the edge node: which metrics a station has, of which type, and what is known of each now.

Every device of the board becomes a device of the node, every point that its unit can tell a metric of the same name. A point
that a unit does not have, or that can only be written, is never published and therefore not announced.

    good -> GOOD 192            uncertain -> the value, BAD 0, with the reason (Sparkplug has no code between)
    stale -> null, STALE 500    bad -> null, BAD 0

A stale value is not repeated: its time would be that of the last good exchange, and a host that looks at nothing but values
would take it for a new one. On a station that is not live the reason of a good value is "sim".
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from stationd.board import Board
from stationd.core.model import Level, PointId, Reading
from stationd.driver import Missing, Point, Sampled
from stationd.outputs.clock import Clock
from stationd.outputs.document import Identity, Mode, answering, quality_word
from stationd.outputs.sparkplug.catalogue import NODE, Catalogue, MetricKind, Sample, Trust
from stationd.outputs.sparkplug.payload import DataType, Value
from stationd.wire import registers, text

GROUP = "caspian"
_TRUST = {Level.GOOD: Trust.GOOD, Level.UNCERTAIN: Trust.BAD, Level.STALE: Trust.STALE, Level.BAD: Trust.BAD}
_SHOWN = (Level.GOOD, Level.UNCERTAIN)
_OWN = ("Properties/Title", "Properties/Operator", "Properties/Mode", "Properties/Version")


def catalogue(identity: Identity, board: Board, group: str = GROUP, primary_host: str = "") -> Catalogue:
    """Return what the station will publish; ValueError for names that Sparkplug cannot tell apart or put into a topic."""
    devices: dict[str, list[MetricKind]] = {device: [] for device in board.devices}
    for name, point in board.points.items():
        if not isinstance(point.at, Missing) and "r" in point.access:
            devices[name.device].append(MetricKind(name, datatype(point), point.unit))
    own = tuple(MetricKind(PointId(NODE, name), DataType.STRING) for name in _OWN)
    return Catalogue(group, identity.name, {name: tuple(kinds) for name, kinds in devices.items()}, own, primary_host)


def datatype(point: Point) -> DataType:
    """Return the type that every value of a point has, as stationd.device makes it from the row of the driver's table."""
    if point.values is not None:
        return _type_of_words(point.values)
    match point.at, point.fmt:
        case Sampled(), _:
            return DataType.DOUBLE if point.unit else DataType.BOOLEAN
        case _, _ if point.mask is not None or point.fmt is None:
            return DataType.BOOLEAN
        case _, text.Field(read_as=text.As.TEXT) | registers.Format("char"):
            return DataType.STRING
        case _:
            return DataType.DOUBLE


def _type_of_words(words: Mapping[Value, Value]) -> DataType:
    """Return the narrowest type that holds all of them."""
    types = {type(word) for word in words.values()}
    if types <= {bool}:
        return DataType.BOOLEAN
    if types <= {int}:
        return DataType.INT64
    return DataType.DOUBLE if types <= {int, float} else DataType.STRING


def sample(reading: Reading, mode: Mode, clock: Clock) -> Sample:
    """Return a reading as the edge node publishes it, its time as UTC."""
    level, reason = reading.quality.level, reading.quality.reason
    word = quality_word(level, mode)
    why = "" if word == Level.GOOD.value else f"{word} {reason.value}".strip()
    then_ms, now_ms = round(1000 * clock.utc_s(reading.t)), round(1000 * clock.utc_s(clock.now))
    if level is Level.STALE:
        return Sample(None, Trust.STALE, now_ms, why, then_ms)
    return Sample(reading.value if level in _SHOWN else None, _TRUST[level], then_ms, why)


class PlantView:
    """The board as the edge node sees it: what has changed since the last look, and which devices answer."""

    def __init__(self, identity: Identity, board: Board, version: str = "") -> None:
        self._identity = identity
        self._board = board
        self._subscription = board.subscribe()
        self._version = version

    def everything(self, clock: Clock) -> Mapping[PointId, Sample]:
        """Return a sample of every metric, those of the node included."""
        words = (self._identity.title, self._identity.operator, self._identity.mode.value, self._version)
        now_ms = round(1000 * clock.utc_s(clock.now))
        own = {PointId(NODE, name): Sample(word, Trust.GOOD, now_ms) for name, word in zip(_OWN, words, strict=True)}
        return {**own, **{point: self._sample(point, clock) for point in self._board.points}}

    def changed(self, clock: Clock) -> Mapping[PointId, Sample]:
        """Return a sample of every metric that has a new reading since the last call."""
        return {point: self._sample(point, clock) for point in self._taken()}

    def changed_by_device(self) -> Iterator[Mapping[PointId, Sample]]:
        """Give the same device by device, so that the loop can do something else between two of them."""
        changed: dict[str, list[PointId]] = {}
        for point in self._taken():
            changed.setdefault(point.device, []).append(point)
        for points in changed.values():
            clock = Clock.read()
            yield {point: self._sample(point, clock) for point in points}

    def answering(self, device: str) -> bool:
        """Return whether a device answers: at least one of its values is neither stale nor bad."""
        return device in self._board.devices and answering(self._board[point] for point in self._board.of_device(device))

    def _taken(self) -> list[PointId]:
        """Return what has changed and is there still."""
        return [point for point in self._subscription.take() if point in self._board.points]

    def close(self) -> None:
        """End the subscription."""
        self._board.unsubscribe(self._subscription)

    def _sample(self, point: PointId, clock: Clock) -> Sample:
        return sample(self._board[point], self._identity.mode, clock)
