"""Readings on their way to the disk: gathered per point, closed into a frame of all points every few seconds.

A frame is what a kill can cost at most. Frames are later packed into blocks per point (stationd.outputs.journal.packing), which
are small and quickly read. One reading a second and point is kept, the first of it, and any whose quality differs from the one
before; every reading counts in its minute. Minutes are those of UTC; when the clock of the machine is set, the frame is closed,
so that all times of a frame have the same distance from UTC.

While the disk fails frames wait in memory, which holds about an hour of 1,200 points; beyond that every second reading of the
oldest frames goes.
"""

from __future__ import annotations

import math
from array import array
from bisect import bisect_left
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from enum import IntEnum
from itertools import accumulate

from stationd.core.model import GOOD, PointId, Quality, Reading
from stationd.outputs.journal import codec
from stationd.outputs.journal.codec import Series, Unreadable
from stationd.outputs.journal.minutes import MINUTE_MS, Minute, Running, encode_minutes
from stationd.outputs.journal.record import HistorySettings, Moment

BREATHE_EVERY = 25  # points, about a millisecond
STEP_MS = 100  # a clock that moved by more against the monotonic one was set
ID, LENGTH = "I", "I"  # of a frame's table of contents: unsigned, four bytes on every Linux


class Tier(IntEnum):
    """How finely the history is kept."""

    SECONDS = 0
    MINUTES = 1


@dataclass(frozen=True, slots=True)
class Frame:
    """Some seconds of all points. `ahead_ms` is what is to be added to its times to get UTC."""

    number: int  # within this run
    tier: Tier
    ahead_ms: int
    synchronised: bool
    first_ms: int
    last_ms: int
    records: int
    parts: dict[str, bytes]  # by name of the point
    size: int  # in memory, about


class Track:
    """What is being gathered of one point."""

    __slots__ = ("minute", "name", "quality", "running", "second", "series")

    def __init__(self, name: str) -> None:
        self.name = name
        self.series = Series()
        self.second = -1
        self.quality: Quality = GOOD
        self.minute = -1
        self.running = Running()


@dataclass(slots=True)
class Gathered:
    """Counters since the start."""

    readings: int = 0
    kept: int = 0
    thinned: int = 0


class Gatherer:
    """Takes readings, gives frames. `breathe` is called now and then while a frame is made, which can take a tenth of a second."""

    def __init__(self, settings: HistorySettings, moment: Moment, breathe: Callable[[], None] = lambda: None) -> None:
        self.statistics = Gathered()
        self.frames: list[Frame] = []
        self._settings = settings
        self._breathe = breathe
        self._tracks: dict[PointId, Track] = {}
        self._number = 0
        self._waiting = 0
        self._minutes: dict[str, Minute] = {}
        self._closed_at = moment.t
        self._ahead_ms, self._synchronised = ahead_ms(moment), moment.synchronised
        self._thinned_to = 0

    def add(self, readings: Iterable[Reading]) -> None:
        """Take readings in."""
        tracks, ahead = self._tracks, self._ahead_ms
        for reading in readings:
            track = tracks.get(reading.point)
            if track is None:
                track = tracks[reading.point] = Track(str(reading.point))
            if math.isfinite(reading.t):
                self._take(track, reading, ahead)

    def _take(self, track: Track, reading: Reading, ahead: int) -> None:
        t_ms = round(reading.t * 1000)
        self.statistics.readings += 1
        minute = (t_ms + ahead) // MINUTE_MS
        if minute > track.minute:
            self._end_minute(track, ahead)
            track.minute = minute
        track.running.add(reading)
        second = t_ms // 1000
        if second != track.second or reading.quality != track.quality:
            track.second, track.quality = second, reading.quality
            series = track.series
            series.t_ms.append(t_ms)
            series.values.append(reading.value)
            series.qualities.append(reading.quality)

    def _end_minute(self, track: Track, ahead: int) -> None:
        if track.minute >= 0:
            if track.name in self._minutes:  # two minutes of a point within a frame's time: its readings came late
                self._close_minutes()
            self._minutes[track.name] = track.running.end(track.minute * MINUTE_MS - ahead)
            track.running, track.minute = Running(), -1

    def look(self, moment: Moment) -> None:
        """Close the frame when it is time, or when the clock was set."""
        if abs(ahead_ms(moment) - self._ahead_ms) > STEP_MS or moment.synchronised != self._synchronised:
            self.close(moment)
        elif moment.t - self._closed_at >= self._settings.frame_s:
            self._close(moment)

    def close(self, moment: Moment) -> None:
        """Close everything, also the minute that is not full: at the end of the run, or when the clock was set."""
        for track in self._tracks.values():
            self._end_minute(track, self._ahead_ms)
        self._close(moment)
        self._ahead_ms, self._synchronised = ahead_ms(moment), moment.synchronised

    def _close(self, moment: Moment) -> None:
        self._closed_at = moment.t
        self._end_silent_minutes(round(moment.t * 1000))
        full = [track for track in self._tracks.values() if track.series.t_ms]
        if full:
            parts = self._encoded(full)
            times = [t for track in full for t in (min(track.series.t_ms), max(track.series.t_ms))]
            self._keep(Tier.SECONDS, parts, times, sum(len(track.series.t_ms) for track in full))
            for track in full:
                track.series = Series()
        self._close_minutes()

    def _encoded(self, full: list[Track]) -> dict[str, bytes]:
        parts: dict[str, bytes] = {}
        for index, track in enumerate(full):
            parts[track.name] = codec.encode_series(track.series, self._settings.resolutions.get(track.name))
            if index % BREATHE_EVERY == 0:
                self._breathe()
        return parts

    def _end_silent_minutes(self, t_ms: int) -> None:
        """End the minutes of points from which nothing comes any more; late readings have a minute's time."""
        minute = (t_ms + self._ahead_ms) // MINUTE_MS
        for track in self._tracks.values():
            if 0 <= track.minute < minute - 1:
                self._end_minute(track, self._ahead_ms)

    def _close_minutes(self) -> None:
        if self._minutes:
            parts = {name: encode_minutes([each], self._settings.resolutions.get(name)) for name, each in self._minutes.items()}
            self._keep(Tier.MINUTES, parts, [each.t_ms for each in self._minutes.values()], len(parts))
            self._minutes = {}

    def _keep(self, tier: Tier, parts: dict[str, bytes], times: list[int], records: int) -> None:
        self.statistics.kept += records
        self._number += 1
        size = size_of(parts)
        self.frames.append(Frame(self._number, tier, self._ahead_ms, self._synchronised, min(times), max(times), records, parts, size))
        self._waiting += size
        while self._waiting > self._settings.memory and self._thin():
            pass

    def _thin(self) -> bool:
        """Halve the readings of the oldest frame that still has some to spare; minutes are small and stay."""
        candidates = [index for index, frame in enumerate(self.frames) if frame.tier is Tier.SECONDS and frame.records > len(frame.parts)]
        if not candidates:
            if len(self.frames) == 1:
                return False
            self._waiting -= self.frames[0].size
            self.statistics.thinned += self.frames.pop(0).records
            return True
        index = next((each for each in candidates if each >= self._thinned_to), candidates[0])
        self._thinned_to = index + 1
        thinned = halved(self.frames[index], self._settings.resolutions)
        self.statistics.thinned += self.frames[index].records - thinned.records
        self._waiting += thinned.size - self.frames[index].size
        self.frames[index] = thinned
        return True

    def taken(self, count: int) -> None:
        """Forget the oldest frames, which are on the disk."""
        self._waiting -= sum(frame.size for frame in self.frames[:count])
        del self.frames[:count]
        self._thinned_to = max(0, self._thinned_to - count)


def ahead_ms(moment: Moment) -> int:
    """Return by how much UTC is ahead of the monotonic clock."""
    return round((moment.utc_s - moment.t) * 1000)


def halved(frame: Frame, resolutions: Mapping[str, float]) -> Frame:
    """Return the frame with every second reading of each point."""
    parts: dict[str, bytes] = {}
    records = 0
    for name, part in frame.parts.items():
        series = codec.decode_series(part)
        half = Series(series.t_ms[::2], series.values[::2], series.qualities[::2])
        records += len(half.t_ms)
        parts[name] = codec.encode_series(half, resolutions.get(name))
    return replace(frame, records=records, parts=parts, size=size_of(parts))


def size_of(parts: Mapping[str, bytes]) -> int:
    """Return about how many bytes the parts of a frame have in memory."""
    return sum(map(len, parts.values())) + 64 * len(parts)


def encode_frame(parts: Mapping[int, bytes]) -> bytes:
    """Return the parts of a frame by number of the point, as one squeezed body with a table of contents."""
    numbers = sorted(parts)
    lengths = array(LENGTH, [len(parts[number]) for number in numbers])
    contents = array(ID, numbers)
    return codec.squeeze(codec.pack([len(numbers)]) + contents.tobytes() + lengths.tobytes() + b"".join(parts[each] for each in numbers))


@dataclass(frozen=True, slots=True)
class Opened:
    """A frame read back."""

    numbers: array[int]
    ends: list[int]
    parts: bytes = field(repr=False)

    def part(self, point: int) -> bytes | None:
        """Return the part of a point; None where it has none."""
        index = bisect_left(self.numbers, point)
        if index == len(self.numbers) or self.numbers[index] != point:
            return None
        return self.parts[self.ends[index - 1] if index else 0 : self.ends[index]]


def decode_frame(body: bytes) -> Opened:
    """Return the frame of encode_frame; Unreadable for anything else."""
    plain = codec.expand(body)
    try:
        reader = codec.Reader(plain)
        count = reader.count()
        numbers, lengths = array(ID), array(LENGTH)
        numbers.frombytes(reader.take(count * numbers.itemsize))
        lengths.frombytes(reader.take(count * lengths.itemsize))
        ends = list(accumulate(lengths))
        return Opened(numbers, ends, reader.take(ends[-1] if ends else 0))
    except codec.TORN as error:
        raise Unreadable(f"a frame of readings is torn: {error}") from error
