"""The light at both ends of the simulated line as photodiodes and a converter see it, handed over in shared memory.

What it is: for each end a file that the source "shm" of the sampling loop reads (native/shared_light.h has its layout), with
one count for each tap: of pair n the received light is input 2n-2, the transmitted light input 2n-1. In between stand a 1 %
tap, a photodiode with dark current, a logarithmic amplifier and a 16-bit converter, so that a station needs the same
calibration as with real ones.
What it is not: a clock or a task. It writes when the plant has changed, and gives a sign of life when it is told to; the
reading side adds the converter's noise.
The amplifier follows the data sheet of the AD8304 (200 mV for each decade of optical power), the converter the ADS8688 on its
range of 0 to 5.12 V. Numbers tagged [E] are assumptions.
"""

from __future__ import annotations

import mmap
import struct
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from math import log10
from pathlib import Path

from stationd.sim.amplifier import TAP_DB
from stationd.sim.cable import End
from stationd.sim.optics import Direction, TapFault
from stationd.sim.plant import Plant

VOLTS_PER_DECADE = 0.2
INTERCEPT_A = 100e-12  # the photocurrent at which the amplifier gives 0 V
RESPONSIVITY_A_PER_W = 1.0  # of InGaAs at 1550 nm, about
DARK_A = 150e-12  # [E]; with it darkness looks like -48 dBm on the line, and is never a count of 0
VOLTS_PER_COUNT = 78.127e-6
TOP_COUNT = 65535
NOISE_COUNTS = 3  # amplitude [E]; 0.012 dB
RATE_HZ = 1000
FLOOR_DBM = -40.0  # below, the photodiode's dark current is most of what is measured
LOST_DBM = {"rx": -38.0, "tx": 0.0}  # the receiving preamplifier's own alarm; well below a booster's reduced power of +10 dBm [E]
HYSTERESIS_DB = 2.0  # [E]

_MAGIC, _VERSION = 0x5448474C, 1
_HEAD = struct.Struct("@IIIIqIiII")
_HEARTBEAT, _CHANGES, _COUNTS = 16 // 8, 32 // 4, _HEAD.size // 4  # places in words of 8, 4 and 4 bytes


def tap_count(line_dbm: float) -> int:
    """Return what the converter shows for a level on the line, without noise.

    Down to -32 dBm the calibration of `station_lines` leads back to within 0.1 dB; below, the dark current is seen too.
    """
    photocurrent_a = RESPONSIVITY_A_PER_W * 1e-3 * 10 ** ((line_dbm - TAP_DB) / 10) + DARK_A
    return max(0, min(TOP_COUNT, round(VOLTS_PER_DECADE * log10(photocurrent_a / INTERCEPT_A) / VOLTS_PER_COUNT)))


def line_taps(plant: Plant) -> Mapping[End, Sequence[float]]:
    """Return the levels in dBm of the fibres at each end's inputs, as the plant is now and as its taps pass them on."""
    pairs = range(1, plant.fibre_pairs + 1)
    lights = {(pair, direction): plant.light(pair, direction) for pair in pairs for direction in Direction}

    wrong_db: dict[tuple[End, int, bool], float] = {}
    for event in plant.events:
        if isinstance(event, TapFault):
            wrong_db[event.end, event.pair, event.transmitted] = event.offset_db

    def taps(end: End) -> Iterator[float]:
        for pair in pairs:
            yield lights[pair, Direction.leaving(end.other)].receive_dbm + wrong_db.get((end, pair, False), 0.0)
            yield lights[pair, Direction.leaving(end)].transmit_dbm + wrong_db.get((end, pair, True), 0.0)

    return {end: list(taps(end)) for end in End}


def tap_counts(plant: Plant) -> Mapping[End, Sequence[int]]:
    """Return the counts of each end's inputs, as the plant is now."""
    return {end: [tap_count(level_dbm) for level_dbm in taps] for end, taps in line_taps(plant).items()}


class Light:
    """The files of both ends, named by `names` in `directory`. It belongs to the event loop; `soon` is its call_soon.

    A sign of life is given only with light that is up to date: what cannot be worked out is missing at the station.
    """

    def __init__(self, plant: Plant, directory: Path, names: Mapping[End, str], soon: Callable[[Callable[[], None]], object]) -> None:
        self._plant = plant
        self._soon = soon
        self._names = names
        self._version = plant.version
        self._planned = False
        self._files = {end: _LightFile(directory / names[end], counts) for end, counts in tap_counts(plant).items()}
        self.beat()
        plant.on_change(self._plan)

    @property
    def addresses(self) -> Mapping[str, str]:
        """What a station's [sampler] takes as its source, by name."""
        return {self._names[end]: f"shm:{file.path}" for end, file in self._files.items()}

    def beat(self) -> None:
        """Give a sign of life; at least one in 0.2 s is wanted, a station takes light without one for a second."""
        self._write()
        for file in self._files.values():
            file.beat(time.monotonic_ns())

    def close(self) -> None:
        """Remove the files; who reads them finds that the source is gone."""
        for file in self._files.values():
            file.close()
        self._files = {}

    def _plan(self) -> None:
        """Write soon, once for several changes at a time."""
        if not self._planned:
            self._planned = True
            self._soon(self._write)

    def _write(self) -> None:
        self._planned = False
        if self._version == self._plant.version:
            return
        counts = tap_counts(self._plant)
        for end, file in self._files.items():
            file.write(counts[end])
        self._version = self._plant.version


class _LightFile:
    """A file of the layout of native/shared_light.h. Each field is stored whole, so that nobody reads half of one."""

    def __init__(self, path: Path, counts: Sequence[int]) -> None:
        self.path = path
        size = 4 * _COUNTS + 4 * len(counts)
        with path.open("xb+") as file:
            file.truncate(size)
            self._memory = mmap.mmap(file.fileno(), size)
        self._words = memoryview(self._memory).cast("i")
        self._long_words = memoryview(self._memory).cast("q")  # the inputs are two for each pair, so that the size fits
        self.write(counts)
        self._memory[: _HEAD.size] = _HEAD.pack(_MAGIC, _VERSION, size, len(counts), 0, NOISE_COUNTS, TOP_COUNT, 0, 0)

    def write(self, counts: Sequence[int]) -> None:
        for place, count in enumerate(counts, _COUNTS):
            self._words[place] = count
        self._words[_CHANGES] = (self._words[_CHANGES] + 1) & 0x7FFFFFFF

    def beat(self, now_ns: int) -> None:
        self._long_words[_HEARTBEAT] = now_ns

    def close(self) -> None:
        self.path.unlink(missing_ok=True)
        self._words.release()
        self._long_words.release()
        self._memory.close()


def station_lines(address: str, fibre_pairs: int, captures: Path | None = None) -> Iterator[str]:
    """Yield the [sampler] of a station file at this address: both taps of each pair, with the calibration of the front end.

    Without a directory for them no captures are written.
    """
    intercept_dbm = round(10 * log10(INTERCEPT_A / RESPONSIVITY_A_PER_W / 1e-3), 6)
    yield f'[sampler]\nsource = "{address}"\nrate_hz = {RATE_HZ}'
    yield "capture_on = []" if captures is None else f'captures = "{captures}"'
    yield f'[sampler.calibration.tap]\nmodel = "log-amp"\nvolts_per_count = {VOLTS_PER_COUNT}\nvolts_at_zero_count = 0.0'
    yield f"volts_per_decade = {VOLTS_PER_DECADE}\nintercept_dbm = {intercept_dbm}\ntap_db = {TAP_DB}"
    yield f"floor_dbm = {FLOOR_DBM}"
    yield f"valid_counts = [1, {TOP_COUNT - 1}]"
    for pair in range(1, fibre_pairs + 1):
        for place, way in enumerate(LOST_DBM, 2 * pair - 2):
            yield f'[[sampler.channel]]\nname = "fp{pair}-{way}"\nindex = {place}\nfibre_pair = {pair}'
            yield f'los_dbm = {LOST_DBM[way]}\nclear_dbm = {LOST_DBM[way] + HYSTERESIS_DB}\ncalibration = "tap"'
