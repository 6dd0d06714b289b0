"""Checks of [sampler]: its source, its front ends and its channels against each other; and what the sampler is told of them.

A level that the front end cannot tell apart from darkness is no limit, and counts without a calibration are no level: both
are found here, before anything is started.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping

from stationd.config import sources
from stationd.config.draft import Draft
from stationd.config.plant import Plant
from stationd.config.problem import Finding, did_you_mean, listed, written
from stationd.config.sampling import Calibration, Channel, Chip, Model, Sampler
from stationd.core.model import LightKind
from stationd.links.sampler import ChannelSettings, SamplerSettings, SourceSettings
from stationd.links.sampler.settings import MOST_CHANNELS
from stationd.wire import calibration as front_end

MIB = 1 << 20
MOST_RAW_MIB = 256  # of raw samples, locked in memory
KEYS_OF_SOURCE: Mapping[str, tuple[str, ...]] = {
    "iio": ("sysfs_root", "device_root", "trigger", "watermark", "buffer_s"),
    "spi": ("chip", "speed_hz"),
    "mmap": ("type", "offset", "stride"),
}
NEEDED: Mapping[Model, tuple[str, ...]] = {
    Model.LOG_AMP: ("volts_per_count", "volts_per_decade", "intercept_dbm"),
    Model.LINEAR: ("volts_per_count",),
    Model.TABLE: ("table",),
}
OWN: Mapping[Model, tuple[str, ...]] = {
    Model.LOG_AMP: ("volts_per_decade", "intercept_dbm", "volts_per_decade_per_c"),
    Model.LINEAR: ("milliwatts_per_volt", "responsivity_a_per_w", "transimpedance_ohm", "dark_volts"),
    Model.TABLE: ("table",),
}
VOLTS = ("volts_per_count", "volts_at_zero_count")  # of log-amp and linear
SPI_FRAME_CLOCKS = {Chip.ADS8688: 32, Chip.MCP3208: 24}  # the frames of native/source_spi.c, one for each input ...
SPI_MORE_FRAMES = {Chip.ADS8688: 1, Chip.MCP3208: 0}  # ... and so many for each chip: a result comes one frame late
SPI_INPUTS = 8  # of a chip
FEWEST_STUCK = 10  # samples that are the same before a converter is called dead [E]
SPI_SHARE = 0.9  # of the clocks: the rest is for what lies between two messages [E]
MOST_GATHERED_S = 1.0  # how long scans may wait for each other: loss of light is found that much later
SPI_FASTEST_HZ = {Chip.ADS8688: 17_000_000, Chip.MCP3208: 2_000_000}
LOWEST_DBM = -1000.0  # stands for no floor until it is known
COLDEST_C, WARMEST_C = -40.0, 85.0
EXAMPLE = 'for example [sampler.calibration.tap] model = "log-amp", volts_per_count = 78e-6, volts_per_decade = 0.2, intercept_dbm = -70.0'


def check_light(plant: Plant) -> list[Finding]:
    """Return what is wrong in [sampler] beyond single keys."""
    if plant.sampler is None:
        return []
    findings = [*_source(plant), *_watermark(plant.sampler), *_spi(plant), *_stuck(plant.sampler)]
    findings += [*_front_ends(plant), *_channels(plant)]
    if not findings and not any(finding.path[0] == "sampler" for finding in plant.findings):
        findings += _memory(plant)
    return findings


# The source.


def _source(plant: Plant) -> Iterator[Finding]:
    sampler = plant.sampler
    if sampler is None or not sampler.sound("source"):
        return
    kind, _, where = sampler.item.source.partition(":")
    for owner, keys in KEYS_OF_SOURCE.items():
        for key in keys:
            if owner != kind and key in sampler.given and sampler.sound(key):
                yield sampler.finding(key, f"belongs to a source {owner}:", f"source is {kind}: leave the key out")
    if kind == "spi" and sampler.sound("chip") and sampler.item.chip is None:
        words = listed(chip.value for chip in Chip)
        yield Finding((*sampler.path, "chip"), "", "is missing", f"which converter stands behind the SPI device; one of: {words}")
    channels = len(plant.channel) if plant.channel and "sampler.channel" not in plant.unread else MOST_CHANNELS
    mistake = sources.script_mistake(where, channels) if kind == "sim" else None
    if mistake is not None:
        yield sampler.finding("source", *mistake)
    if kind == "mmap":
        yield from _registers(sampler, channels)
    if kind == "spi":
        yield from _spi_devices(plant, where.split(","))


def _registers(sampler: Draft[Sampler], channels: int) -> Iterator[Finding]:
    if not sampler.sound("type"):
        return
    item = sampler.item
    mistake, layout = sources.layout_mistake(item.type), sources.layout_of(item.type)
    if mistake is not None or layout is None:
        yield sampler.finding("type", *(mistake or ("", "")))
        return
    size = layout.bytes
    if sampler.sound("stride") and item.stride is not None:
        if channels > 1 and item.stride < size:
            yield sampler.finding("stride", f"is less than the {size} bytes of a register", f"{size} or more")
        elif item.stride % size != 0:
            yield sampler.finding("stride", f"is no multiple of the {size} bytes of a register")
    if sampler.sound("offset") and item.offset % size != 0:
        yield sampler.finding("offset", f"is no multiple of the {size} bytes of a register")


def _spi_devices(plant: Plant, paths: list[str]) -> Iterator[Finding]:
    sampler = plant.sampler
    assert sampler is not None
    again = sources.twice(paths)
    if again is not None:
        yield sampler.finding("source", f"has {again} twice", "each device is one converter")
        return
    inputs = SPI_INPUTS * len(paths)
    for channel in plant.channel:
        if channel.sound("index") and channel.item.index >= inputs:
            reason = f"is beyond the {inputs} inputs of {len(paths)} converter{'s' if len(paths) > 1 else ''}"
            yield channel.finding("index", reason, f"device x {SPI_INPUTS} + input, 0 to {inputs - 1}")


def _stuck(sampler: Draft[Sampler]) -> Iterator[Finding]:
    """The noise of a good converter may well leave a few counts the same."""
    item = sampler.item
    if sampler.sound("stuck_s", "rate_hz") and 0.0 < item.stuck_s * item.rate_hz < FEWEST_STUCK:
        reason = f"is shorter than {FEWEST_STUCK} samples at rate_hz = {item.rate_hz}: any converter shows the same count for so long"
        yield sampler.finding("stuck_s", reason, f"{FEWEST_STUCK / item.rate_hz:g} or more, or 0 for never")


def _watermark(sampler: Draft[Sampler]) -> Iterator[Finding]:
    """Scans that wait for each other are found late: more than a second of them would look as if none came."""
    item = sampler.item
    if item.watermark is None or not sampler.sound("source", "rate_hz", "watermark"):
        return
    gathered_s = item.watermark / item.rate_hz
    if gathered_s > MOST_GATHERED_S:
        reason = f"is {gathered_s:.1f} s of scans at rate_hz = {item.rate_hz}: light that is lost would be found that much later"
        yield sampler.finding("watermark", reason, f"at most {MOST_GATHERED_S:g} s, {round(MOST_GATHERED_S * item.rate_hz)} scans")
    elif item.buffer_s is not None and sampler.sound("buffer_s") and gathered_s > item.buffer_s:
        yield sampler.finding("watermark", f"is more than buffer_s = {item.buffer_s} holds", "it would never be reached")


def _spi(plant: Plant) -> Iterator[Finding]:
    sampler = plant.sampler
    if sampler is None or sampler.item.chip is None or not sampler.item.source.startswith("spi:"):
        return
    if not sampler.sound("source", "chip", "speed_hz"):
        return
    chip, item = sampler.item.chip, sampler.item
    if item.speed_hz > SPI_FASTEST_HZ[chip]:
        yield sampler.finding("speed_hz", f"is more than {SPI_FASTEST_HZ[chip]}, the fastest clock of an {chip.value}")
        return
    inputs = [channel.item.index for channel in plant.channel if channel.sound("index")]
    clocks = item.rate_hz * clocks_of_a_scan(chip, inputs)
    if sampler.sound("rate_hz") and clocks > SPI_SHARE * item.speed_hz:
        reason = f"is more than speed_hz = {item.speed_hz} can carry: {len(plant.channel)} channels need {clocks} clocks a second"
        yield sampler.finding("rate_hz", reason, "lower rate_hz or raise speed_hz")


def clocks_of_a_scan(chip: Chip, inputs: Collection[int]) -> int:
    """Return the clocks of the SPI bus for one sample of each of these inputs: chip x 8 + input of the chip."""
    chips = {number // SPI_INPUTS for number in inputs}
    return (len(inputs) + SPI_MORE_FRAMES[chip] * len(chips)) * SPI_FRAME_CLOCKS[chip]


# Front ends.


def _front_ends(plant: Plant) -> Iterator[Finding]:
    for draft in plant.calibration.values():
        yield from _keys_of_model(draft)
        yield from _temperature(plant, draft)


def _keys_of_model(draft: Draft[Calibration]) -> Iterator[Finding]:
    if not draft.sound("model"):
        return
    model = draft.item.model
    for key in NEEDED[model]:
        if draft.sound(key) and key not in draft.given:
            yield Finding((*draft.path, key), "", f"is missing: {model.value} needs it", EXAMPLE if model is Model.LOG_AMP else "")
    foreign = [key for other, keys in OWN.items() if other is not model for key in keys]
    for key in [*foreign, *(VOLTS if model is Model.TABLE else ())]:
        if key in draft.given and draft.sound(key):
            yield draft.finding(key, f"has no meaning for {model.value}", "leave the key out")
    if model is Model.LINEAR:
        yield from _light_per_volt(draft)


def _light_per_volt(draft: Draft[Calibration]) -> Iterator[Finding]:
    """A linear front end has one of two: milliwatts for a volt, or the photodiode and its amplifier."""
    keys = ("milliwatts_per_volt", "responsivity_a_per_w", "transimpedance_ohm")
    if not draft.sound(*keys):
        return
    given = [key for key in keys if key in draft.given]
    if given not in (["milliwatts_per_volt"], list(keys[1:])):
        reason = f"has {' and '.join(given)}" if given else "does not say how much light a volt is"
        yield Finding(draft.path, "", reason, "give milliwatts_per_volt, or responsivity_a_per_w and transimpedance_ohm")


def _temperature(plant: Plant, draft: Draft[Calibration]) -> Iterator[Finding]:
    sampler = plant.sampler
    keys = ("volts_per_decade_per_c", "intercept_db_per_c")
    if sampler is None or not sampler.sound("temperature") or not draft.sound(*keys):
        return
    for key in keys:
        if getattr(draft.item, key) != 0.0 and sampler.item.temperature is None:
            yield draft.finding(key, "needs [sampler] temperature", "name the point that measures it, device.point")
    slope = draft.item.volts_per_decade
    if slope is not None and draft.sound("volts_per_decade", "reference_c"):
        flattest = min(slope + draft.item.volts_per_decade_per_c * (end - draft.item.reference_c) for end in (COLDEST_C, WARMEST_C))
        if flattest < front_end.FLATTEST * slope:
            yield draft.finding("volts_per_decade_per_c", f"leaves no slope between {COLDEST_C:g} and {WARMEST_C:g} degC")


# Channels.


def _channels(plant: Plant) -> Iterator[Finding]:
    if "sampler.channel" not in plant.unread:
        yield from _number_of_channels(plant)
    first: dict[int, str] = {}
    for channel in plant.channel:
        if channel.sound("index"):
            owner = first.setdefault(channel.item.index, written(channel.path))
            if owner != written(channel.path):
                yield channel.finding("index", f"is already the input of {owner}")
        if channel.sound("name") and channel.item.name in plant.device:
            device = written(("device", channel.item.name))
            yield channel.finding("name", f"is the name of [{device}]", "both would be one in topics and labels")
        yield from _limits(channel)
        yield from _steps(plant, channel)
    yield from _calibrations(plant)


def _number_of_channels(plant: Plant) -> Iterator[Finding]:
    if not plant.channel:
        yield Finding(("sampler",), "", "has no channel", "write [[sampler.channel]] with name and index for each input")
    elif len(plant.channel) > MOST_CHANNELS:
        yield Finding(("sampler", "channel"), "", f"there are {len(plant.channel)}", f"one sampler has at most {MOST_CHANNELS}")


def _limits(channel: Draft[Channel]) -> Iterator[Finding]:
    if channel.sound("los_dbm", "clear_dbm") and channel.item.clear_dbm <= channel.item.los_dbm:
        yield channel.finding("clear_dbm", f"must be above los_dbm, {channel.item.los_dbm}", "2 dB apart is usual")
    for few, all_ in (("lost_n", "lost_m"), ("back_n", "back_m")):
        if channel.sound(few, all_) and getattr(channel.item, few) > getattr(channel.item, all_):
            yield channel.finding(few, f"is more than {all_}, {getattr(channel.item, all_)}", f"{few} of the last {all_} samples")


def _steps(plant: Plant, channel: Draft[Channel]) -> Iterator[Finding]:
    sampler = plant.sampler
    if sampler is None or not sampler.sound("rate_hz") or not channel.sound("step_db", "step_s") or channel.item.step_db == 0.0:
        return
    if channel.item.step_s * sampler.item.rate_hz < 1.0:
        yield channel.finding("step_s", f"is shorter than one sample at rate_hz = {sampler.item.rate_hz}")
    elif channel.sound("step_scans") and channel.item.step_scans > channel.item.step_s * sampler.item.rate_hz:
        longest = int(channel.item.step_s * sampler.item.rate_hz)
        yield channel.finding("step_scans", f"is longer than step_s = {channel.item.step_s}", f"at most {longest} at this rate")


def _calibrations(plant: Plant) -> Iterator[Finding]:
    """Find channels whose counts have no meaning; one section that is missing is one mistake."""
    if "sampler.calibration" in plant.unread or not plant.channel:
        return
    if not plant.calibration:
        yield Finding(("sampler", "calibration"), "", "is missing: counts are no levels without one", EXAMPLE)
        return
    for channel in plant.channel:
        if not channel.sound("calibration"):
            continue
        name = _calibration_name(channel.item, plant.calibration)
        if name is None:
            hint = f"one of: {listed(plant.calibration)}"
            yield Finding((*channel.path, "calibration"), "", "is missing, and there are several", hint)
        elif name not in plant.calibration:
            hint = did_you_mean(name, plant.calibration)
            yield channel.finding("calibration", f"there is no [{written(('sampler', 'calibration', name))}]", hint)
        else:
            yield from _within_range(channel, plant.calibration[name])


def _calibration_name(channel: Channel, known: Mapping[str, object]) -> str | None:
    if channel.calibration is not None:
        return channel.calibration
    return next(iter(known)) if len(known) == 1 else None


def _within_range(channel: Draft[Channel], draft: Draft[Calibration]) -> Iterator[Finding]:
    """Find limits that the front end can never tell: below its floor, or beyond the counts that it can give."""
    if draft.broken or list(_keys_of_model(draft)):
        return
    calibration = front_end_of(draft.path[-1], draft.item)
    low, high = calibration.valid_counts
    lowest, highest = max(calibration.level_dbm(low), calibration.floor_dbm), calibration.level_dbm(high)
    for key in ("los_dbm", "clear_dbm"):
        level = getattr(channel.item, key)
        if channel.sound(key) and not lowest < level < highest:
            reason = f"cannot be told by [{written(draft.path)}], which measures {lowest:.1f} to {highest:.1f} dBm in the fibre"
            yield channel.finding(key, reason, "see valid_counts, floor_dbm and tap_db there")
    if channel.sound("step_db") and 0.0 < channel.item.step_db < calibration.finest_step_db:
        finest = calibration.finest_step_db
        yield channel.finding("step_db", f"is less than [{written(draft.path)}] can tell, {finest:.3g} dB", "0 for no steps")


def _memory(plant: Plant) -> Iterator[Finding]:
    sampler = plant.sampler
    config = plant.config().sampler
    if sampler is None or config is None or not config.channel:
        return
    mib = settings_of(config).raw_bytes / MIB
    if mib > MOST_RAW_MIB:
        reason = f"with capture_post_s, rate_hz and the channels makes {mib:.0f} MiB of raw samples in memory; {MOST_RAW_MIB} are allowed"
        yield sampler.finding("capture_pre_s", reason, "shorter captures, or a lower rate_hz")


# What the sampler is told.


def settings_of(sampler: Sampler) -> SamplerSettings:
    """Return the settings of a sampler whose section has no mistakes."""
    front_ends = {name: front_end_of(name, section) for name, section in sampler.calibration.items()}
    return SamplerSettings(
        source=_source_settings(sampler),
        channels=tuple(_channel_settings(channel, front_ends) for channel in sampler.channel),
        rate_hz=sampler.rate_hz,
        window_s=sampler.window_s,
        priority=sampler.priority,
        cpu=sampler.cpu,
        lock_memory=sampler.lock_memory,
        dma_latency_us=sampler.dma_latency_us,
        stuck_s=sampler.stuck_s,
        capture_pre_s=sampler.capture_pre_s,
        capture_post_s=sampler.capture_post_s,
        capture_every_s=sampler.capture_every_s,
        capture_on=frozenset(map(LightKind, sampler.capture_on)),
    )


def _source_settings(sampler: Sampler) -> SourceSettings:
    kind, _, where = sampler.source.partition(":")
    layout = sources.layout_of(sampler.type)
    return SourceSettings(
        kind,
        where,
        sampler.sysfs_root,
        sampler.device_root,
        sampler.trigger or "",
        sampler.chip.value if sampler.chip else "",
        sampler.type,
        sampler.watermark or 0,
        round(sampler.buffer_s * sampler.rate_hz) if sampler.buffer_s else 0,
        sampler.speed_hz,
        sampler.offset,
        sampler.stride or (layout.bytes if layout else 1),
    )


def _channel_settings(channel: Channel, front_ends: Mapping[str, front_end.Calibration]) -> ChannelSettings:
    name = _calibration_name(channel, front_ends)
    assert name is not None
    return ChannelSettings(
        channel.name, channel.index, front_ends[name], channel.los_dbm, channel.clear_dbm, channel.lost_n, channel.lost_m,
        channel.back_n, channel.back_m, channel.step_db, channel.step_s, channel.step_scans,
    )  # fmt: skip


def front_end_of(name: object, section: Calibration) -> front_end.Calibration:
    """Return the calibration of a section that has no mistakes."""
    calibration = front_end.Calibration(
        str(name),
        _law(section),
        section.valid_counts,
        section.volts_per_count or 1.0,
        section.volts_at_zero_count,
        section.tap_db,
        section.floor_dbm if section.floor_dbm is not None else LOWEST_DBM,
        section.intercept_db_per_c,
        section.reference_c,
    )
    return calibration if section.floor_dbm is not None else calibration.with_lowest_floor()


def _law(section: Calibration) -> front_end.Law:
    match section.model:
        case Model.LOG_AMP:
            return front_end.LogAmp(section.volts_per_decade or 1.0, section.intercept_dbm or 0.0, section.volts_per_decade_per_c)
        case Model.LINEAR:
            volts_per_watt = (section.responsivity_a_per_w or 1.0) * (section.transimpedance_ohm or 1.0)
            return front_end.Linear(section.milliwatts_per_volt or 1000.0 / volts_per_watt, section.dark_volts)
        case Model.TABLE:
            return front_end.Table(section.table)
