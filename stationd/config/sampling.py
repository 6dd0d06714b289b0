"""The [sampler] of `station.toml` as frozen models: the source of optical samples, its front ends, its channels.

What concerns several keys is checked in stationd.config.light. [E] marks an assumption of ours that a station may change;
[M] a figure to be checked against the maker's document.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from itertools import pairwise
from typing import Annotated

from pydantic import AfterValidator, BaseModel, BeforeValidator, Field, PlainValidator

from stationd.config import sources, values
from stationd.config.strict import STRICT, FibrePair

MOST_KNOTS = 32  # of a table
MOST_COUNT = 1 << 24  # native/sampler.h, SAMPLER_COUNT_BITS
FINEST_DBM = 0.001  # between two pairs of a table: far below what any instrument tells apart


def _above_zero(value: object) -> object:
    """Refuse what makes counts fall with the light; the sampler needs them to rise."""
    if isinstance(value, int | float) and not isinstance(value, bool) and value <= 0.0:
        hint = "a front end whose output falls is read with its inputs exchanged"
        raise values.refused("must be above 0: counts have to rise with the light", hint)
    return value


def _count_range(value: object) -> tuple[int, int]:
    """The lowest and the highest count of a converter that mean something."""
    match value:
        case [int() as low, int() as high] if not isinstance(low, bool | float) and not isinstance(high, bool):
            if low >= high:
                raise values.refused("the lowest must be below the highest count, [lowest, highest]", "for example [64, 65471]")
            if low >= -MOST_COUNT and high < MOST_COUNT:
                return low, high
    raise values.refused("must be two whole numbers of at most 24 bits, [lowest, highest]", "for example [64, 65471]")


def _rising_table(value: object) -> tuple[tuple[int, float], ...]:
    """A measured curve: pairs of a count and a level in dBm, both rising."""
    knots = [_knot(each, place) for place, each in enumerate(value, 1)] if isinstance(value, list | tuple) else []
    if not 2 <= len(knots) <= MOST_KNOTS:
        raise values.refused(f"must be 2 to {MOST_KNOTS} pairs [count, dBm]", "for example [[1000, -60.0], [60000, 0.0]]")
    for place, (before, after) in enumerate(pairwise(knots), 2):
        if before[0] >= after[0] or before[1] >= after[1]:
            raise values.refused(f"must be rising, count and dBm alike: pair {place} is not above the one before it")
        if after[1] - before[1] < FINEST_DBM:
            raise values.refused(f"pair {place} is less than {FINEST_DBM} dB above the one before it", "take fewer pairs")
    return tuple(knots)


def _knot(value: object, place: int) -> tuple[int, float]:
    match value:
        case [int() as count, int() | float() as dbm] if not isinstance(count, bool) and not isinstance(dbm, bool):
            if not abs(dbm) < float("inf"):
                raise values.refused(f"must have finite numbers: pair {place} has {dbm}", "for example [[1000, -60.0], [60000, 0.0]]")
            if abs(count) < MOST_COUNT and -150.0 <= dbm <= 40.0:
                return count, float(dbm)
            raise values.refused(f"pair {place} is out of range", "counts of at most 24 bits, and levels of -150 to 40 dBm")
    raise values.refused(f"must be 2 to {MOST_KNOTS} pairs [count, dBm]", "for example [[1000, -60.0], [60000, 0.0]]")


# The bounds are far outside of what is built [E]: they catch a unit that was mistaken, and keep all figures within reason.
VoltsPerCount = Annotated[float | None, Field(ge=1e-9, le=10.0), BeforeValidator(_above_zero)]
VoltsPerDecade = Annotated[float | None, Field(ge=1e-3, le=10.0), BeforeValidator(_above_zero)]
MilliwattsPerVolt = Annotated[float | None, Field(ge=1e-10, le=1e6), BeforeValidator(_above_zero)]
AmperesPerWatt = Annotated[float | None, Field(ge=1e-3, le=100.0), BeforeValidator(_above_zero)]
Ohms = Annotated[float | None, Field(ge=1.0, le=1e11), BeforeValidator(_above_zero)]
LevelDbm = Annotated[float, Field(ge=-100.0, le=40.0)]


class Model(Enum):
    """How a front end turns light into volts."""

    LOG_AMP = "log-amp"
    LINEAR = "linear"
    TABLE = "table"


class Chip(Enum):
    """The converters that are known behind a bare SPI device."""

    ADS8688 = "ads8688"
    MCP3208 = "mcp3208"


class CaptureFormat(Enum):
    """What kind of file raw samples are written to."""

    NPZ = "npz"
    CSV = "csv"


class Calibration(BaseModel):
    """What the counts of a front end mean. One optical dB behind 0.2 V per decade is 20 mV, not the 10 mV of electrical dB."""

    model_config = STRICT

    model: Annotated[
        Model, Field(strict=False, description="logarithmic amplifier, linear amplifier, or a measured table", examples=["log-amp"])
    ]
    valid_counts: Annotated[
        tuple[int, int],
        PlainValidator(_count_range),
        Field(
            description="[lowest, highest] count that light or darkness can give; others: a dead or saturated converter",
            examples=[[64, 65471]],
        ),
    ]
    volts_per_count: Annotated[VoltsPerCount, Field(description="of the converter; not for a table")] = None
    volts_at_zero_count: Annotated[float, Field(ge=-100.0, le=100.0, description="what count 0 means")] = 0.0
    volts_per_decade: Annotated[
        VoltsPerDecade, Field(description="log-amp: rise for a decade of OPTICAL power; 0.2 for an AD8304 [M]")
    ] = None
    intercept_dbm: Annotated[
        float | None, Field(ge=-150.0, le=40.0, description="log-amp: level at the photodiode that gives 0 V")
    ] = None
    milliwatts_per_volt: Annotated[
        MilliwattsPerVolt, Field(description="linear: light at the photodiode for each volt above dark_volts")
    ] = None
    responsivity_a_per_w: Annotated[AmperesPerWatt, Field(description="linear, instead of milliwatts_per_volt: of the photodiode")] = None
    transimpedance_ohm: Annotated[Ohms, Field(description="linear, with responsivity_a_per_w: of the amplifier")] = None
    dark_volts: Annotated[float, Field(ge=-100.0, le=100.0, description="linear: volts without light")] = 0.0
    table: Annotated[
        tuple[tuple[int, float], ...],
        PlainValidator(_rising_table),
        Field(description="table: [[count, dBm at the photodiode], ...], both rising, 2 to 32 of them"),
    ] = ()
    tap_db: Annotated[float, Field(ge=0.0, le=60.0, description="how far the photodiode lies below the fibre; 20 for a 1 % tap")] = 20.0
    floor_dbm: Annotated[
        LevelDbm | None, Field(description="level in the fibre below which nothing is measured; not set: that of the lowest valid count")
    ] = None
    volts_per_decade_per_c: Annotated[float, Field(ge=-0.1, le=0.1, description="log-amp: what a degree Celsius adds to the slope")] = 0.0
    intercept_db_per_c: Annotated[float, Field(ge=-1.0, le=1.0, description="what a degree Celsius adds to every level")] = 0.0
    reference_c: Annotated[float, Field(ge=-40.0, le=85.0, description="temperature at which nothing is added")] = 25.0


class Channel(BaseModel):
    """One input of the optical sampler."""

    model_config = STRICT

    name: Annotated[str, Field(description="id in labels and topics", examples=["fp1-rx"])]
    index: Annotated[int, Field(ge=0, le=255, description="input of the converter, counted from 0", examples=[0])]
    fibre_pair: Annotated[FibrePair | None, Field(description="fibre pair that it watches")] = None
    calibration: Annotated[str | None, Field(description="name of a [sampler.calibration.NAME]; not set: the only one")] = None
    los_dbm: Annotated[float, Field(ge=-80.0, le=30.0, description="below: light is lost; compared in C, in counts")] = -38.0
    clear_dbm: Annotated[float, Field(ge=-80.0, le=30.0, description="above: light is back")] = -36.0
    # 3 of 5 at 1 kHz: 3 ms to the decision, and one disturbed sample does not matter [E].
    lost_n: Annotated[int, Field(ge=1, le=32, description="light is lost when so many ...")] = 3
    lost_m: Annotated[int, Field(ge=1, le=32, description="... of the last so many samples were dark")] = 5
    back_n: Annotated[int, Field(ge=1, le=32, description="light is back when so many ...")] = 5
    back_m: Annotated[int, Field(ge=1, le=32, description="... of the last so many samples were lit")] = 5
    step_db: Annotated[float, Field(ge=0.0, le=30.0, description="a change of so much is an event; 0: none is")] = 0.0
    step_s: Annotated[float, Field(gt=0.0, le=10.0, description="within so long")] = 0.1
    step_scans: Annotated[int, Field(ge=1, le=32, description="when it lasts for so many samples")] = 3


class Sampler(BaseModel):
    """Fast optical power through an analogue converter. Absent: no sampling."""

    model_config = STRICT

    source: Annotated[
        str,
        AfterValidator(sources.sample_source),
        Field(description="iio:NAME, spi:/dev/...[,/dev/...], mmap:/dev/..., sim[:SCRIPT] or shm:/path", examples=["iio:iio:device0"]),
    ]
    rate_hz: Annotated[int, Field(ge=1, le=50_000, description="samples per second of each channel")] = 1000
    window_s: Annotated[float, Field(ge=0.02, le=10.0, description="length of a window: so often each level is shown")] = 0.5
    sysfs_root: Annotated[str, AfterValidator(sources.sysfs_folder), Field(description="iio: where the kernel's tree is")] = "/sys"
    device_root: Annotated[str, AfterValidator(sources.device_folder), Field(description="iio: where the device file is")] = "/dev"
    trigger: Annotated[
        str | None, Field(min_length=1, max_length=63, description="iio: trigger to use; not set: the one that is set")
    ] = None
    watermark: Annotated[
        int | None, Field(ge=1, le=65_536, description="iio: samples for each wake-up, at most 1 s of them; not set: the kernel's")
    ] = None
    buffer_s: Annotated[float | None, Field(gt=0.0, le=60.0, description="iio: what the kernel keeps for us; not set: 2 s")] = None
    chip: Annotated[Chip | None, Field(strict=False, description="spi: the converter")] = None
    # 1 MHz suits an mcp3208 at 2.7 V as well as any ads8688 [M].
    speed_hz: Annotated[int, Field(ge=10_000, le=17_000_000, description="spi: clock")] = 1_000_000
    type: Annotated[str, Field(min_length=5, max_length=31, description="mmap: layout of a register, in the words of IIO")] = "le:u16/16>>0"
    offset: Annotated[int, Field(ge=0, le=0x7FFFFFFF, description="mmap: byte of the register of input 0")] = 0
    stride: Annotated[int | None, Field(ge=1, le=65_536, description="mmap: bytes to the next input; not set: those of a register")] = None
    priority: Annotated[int, Field(ge=0, le=40, description="real-time priority (SCHED_FIFO) to ask for; 0: none")] = 40
    cpu: Annotated[int | None, Field(ge=0, le=1023, description="CPU to stay on; not set: any")] = None
    lock_memory: Annotated[bool, Field(description="keep the sampler's memory from being paged out")] = True
    dma_latency_us: Annotated[
        int | None, Field(ge=0, le=10_000, description="how long a CPU may take to wake up (costs power); not set: not touched")
    ] = None
    stuck_s: Annotated[float, Field(ge=0.0, le=3600.0, description="the same count for so long: a dead converter; 0: never")] = 10.0
    temperature: Annotated[
        str | None, AfterValidator(values.point_or_none), Field(description="device.point of the front ends' temperature in degC")
    ] = None
    captures: Annotated[
        str, AfterValidator(sources.captures_folder), Field(description="directory of files of raw samples")
    ] = "/var/lib/stationd/captures"
    capture_on: Annotated[
        tuple[str, ...], PlainValidator(values.capture_events), Field(description="events that have raw samples written")
    ] = ("light-lost",)
    capture_pre_s: Annotated[float, Field(ge=0.0, le=10.0, description="before the event")] = 0.5
    capture_post_s: Annotated[float, Field(gt=0.0, le=10.0, description="and after it")] = 0.5
    capture_every_s: Annotated[float, Field(gt=0.0, le=3600.0, description="shortest time from one capture to the next")] = 10.0
    capture_format: Annotated[CaptureFormat, Field(strict=False, description="npz for numpy, csv for everything")] = CaptureFormat.NPZ
    captures_mib: Annotated[int, Field(ge=1, le=1_000_000, description="quota of all files; the oldest are deleted first")] = 256
    calibration: Annotated[
        Mapping[str, Calibration], Field(description="its front ends, [sampler.calibration.NAME]")
    ] = Field(default_factory=dict)
    channel: Annotated[tuple[Channel, ...], Field(description="its inputs, [[sampler.channel]]")] = ()
