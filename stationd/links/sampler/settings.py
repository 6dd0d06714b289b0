"""What is configured of the optical sampler, and the numbers of the C loop that follow from it. Nothing runs here.

Names and limits are those of native/sampler.h; times become slots, levels become counts.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from stationd.core.model import LightKind
from stationd.wire.calibration import Calibration, StepKnot

MOST_CHANNELS = 128  # SAMPLER_CHANNELS
EVENTS = 4096  # that may wait for the reader: 128 channels x 32
WINDOWS = 64
CAPTURES = 4  # that may wait for the reader
CAPTURES_IN_MEMORY = 3  # one is being filled, one waits, one is being written
EVENT_BURST = 8  # events of a channel that come at once; then one a second
LATE_SHARE = 0.5  # of a period: a scan that is later than that is counted
SMALLEST_SEGMENT = 16
SEGMENTS_PER_CAPTURE = 16
MOST_SEGMENTS = 1024
LARGEST_SEGMENT = 65_536
LANES = 32  # channels are padded to a multiple of this in memory
USUAL_BUFFER_S = 2.0  # sampler.h, buffer_scans 0


@dataclass(frozen=True, slots=True)
class SourceSettings:
    """Where the counts come from: the fields of sampler_source. `kind` is iio, spi, mmap, sim or shm."""

    kind: str
    where: str
    sysfs_root: str = "/sys"
    device_root: str = "/dev"
    trigger: str = ""
    chip: str = ""
    type: str = ""
    watermark: int = 0
    buffer_scans: int = 0
    speed_hz: int = 0
    offset: int = 0
    stride: int = 0


@dataclass(frozen=True, slots=True)
class ChannelSettings:
    """One input: what its counts mean, and what is looked for. `step_db` 0: no steps; `lost_n` 0: no loss of light."""

    name: str
    index: int
    calibration: Calibration
    los_dbm: float = -38.0
    clear_dbm: float = -36.0
    lost_n: int = 3
    lost_m: int = 5
    back_n: int = 5
    back_m: int = 5
    step_db: float = 0.0
    step_s: float = 0.1
    step_scans: int = 3


@dataclass(frozen=True, slots=True)
class Watch:
    """What the loop compares the counts of one channel with: a sampler_channel."""

    valid_low: int
    valid_high: int
    lost_below: int
    back_above: int
    lost_n: int
    lost_m: int
    back_n: int
    back_m: int
    step_slots: int
    step_scans: int
    knots: tuple[StepKnot, ...]


@dataclass(frozen=True, slots=True)
class SamplerSettings:
    """One sampler. `cpu` and `dma_latency_us` None: leave them alone; `priority` 0: no real-time priority is asked for."""

    source: SourceSettings
    channels: tuple[ChannelSettings, ...]
    rate_hz: int = 1000
    window_s: float = 0.5
    priority: int = 40
    cpu: int | None = None
    lock_memory: bool = True
    dma_latency_us: int | None = None
    stuck_s: float = 10.0
    capture_pre_s: float = 0.5
    capture_post_s: float = 0.5
    capture_every_s: float = 10.0
    capture_on: frozenset[LightKind] = field(default_factory=frozenset)

    def slots(self, seconds: float) -> int:
        """Return how many slots a time is, at least one."""
        return max(1, round(seconds * self.rate_hz))

    @property
    def wake_s(self) -> float:
        """Longest time from one wake-up of the loop to the next that is no silence: how long a source may gather scans.

        Where the station leaves the kernel's watermark alone it may be as long as the buffer, and no longer.
        """
        if self.source.watermark:
            return self.source.watermark / self.rate_hz
        if self.source.kind != "iio":
            return 1.0 / self.rate_hz
        return self.source.buffer_scans / self.rate_hz or USUAL_BUFFER_S

    @property
    def pre_scans(self) -> int:
        """Scans of a capture before its trigger."""
        return round(self.capture_pre_s * self.rate_hz)

    @property
    def post_scans(self) -> int:
        """Scans of a capture from its trigger on."""
        return self.slots(self.capture_post_s)

    @property
    def segment_scans(self) -> int:
        """Scans of one segment of raw samples: a sixteenth of a capture, so that little is kept that is not asked for."""
        share = math.ceil((self.pre_scans + self.post_scans) / SEGMENTS_PER_CAPTURE)
        return min(max(share, SMALLEST_SEGMENT), LARGEST_SEGMENT)

    @property
    def segments(self) -> int:
        """Segments in all: those of CAPTURES_IN_MEMORY captures, each with the two that it does not fill."""
        size = self.segment_scans
        of_a_capture = math.ceil(self.pre_scans / size) + math.ceil(self.post_scans / size) + 2
        return min(CAPTURES_IN_MEMORY * of_a_capture + 2, MOST_SEGMENTS)

    @property
    def raw_bytes(self) -> int:
        """Memory of the raw samples, in bytes: 4 for each (padded) channel and 16 for time and slot of a scan."""
        return self.segments * self.segment_scans * (4 * LANES * math.ceil(len(self.channels) / LANES) + 16)

    def watches(self, temperature_c: float | None) -> tuple[Watch, ...]:
        """Return what the counts of every channel are compared with at a temperature (None: that of its calibration)."""
        kinds = {(channel.calibration, channel.step_db) for channel in self.channels if channel.step_db > 0.0}
        steps = {kind: kind[0].step_knots(kind[1], temperature_c) for kind in kinds}
        return tuple(
            self._watch(channel, temperature_c, steps.get((channel.calibration, channel.step_db), ())) for channel in self.channels
        )

    def _watch(self, channel: ChannelSettings, temperature_c: float | None, knots: tuple[StepKnot, ...]) -> Watch:
        calibration = channel.calibration
        lost_below = calibration.lost_below(channel.los_dbm, temperature_c)
        back_above = max(calibration.back_above(channel.clear_dbm, temperature_c), lost_below)
        return Watch(
            *calibration.valid_counts, lost_below, back_above, channel.lost_n, channel.lost_m, channel.back_n, channel.back_m,
            self.slots(channel.step_s) if knots else 0, channel.step_scans, knots,
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class RawCapture:
    """Raw samples round an event, copied out of the loop.

    `kind` is None when a technician asked for it. `counts` are scans x channels 32-bit integers, `times_ns` 64-bit
    nanoseconds of CLOCK_MONOTONIC, `slots` 64-bit unsigned; all in the byte order of this machine.
    """

    number: int
    lost_before: int
    kind: LightKind | None
    channel: str
    trigger_ns: int
    trigger_slot: int
    scans: int
    counts: bytes
    times_ns: bytes
    slots: bytes
    settings: SamplerSettings
    watches: tuple[Watch, ...]
    temperature_c: float | None
