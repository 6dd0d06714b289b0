"""Checks of the line, the alarms and the outputs against each other, the devices and the taps; and what names a device or a point."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

from stationd.config.devices import Catalogue, also, driver_of, ratings_of
from stationd.config.draft import Draft
from stationd.config.machines import Amplifier, PowerFeed
from stationd.config.model import Alarm, Device, Line, Profile
from stationd.config.plant import Plant
from stationd.config.problem import Finding, Path, did_you_mean, listed, shown, written
from stationd.config.sampling import Channel
from stationd.core.model import Value
from stationd.driver import Driver, Missing, Point
from stationd.tap import tap_driver
from stationd.wire import registers, text

CONDITIONS = ("below", "above", "equals")


def check_line(plant: Plant, catalogue: Catalogue) -> list[Finding]:
    """Return what is wrong between sections other than buses and devices."""
    return [
        *_line(plant),
        *_far_station(plant),
        *_fibre_pairs(plant),
        *_missing_devices(plant),
        *_temperature(plant, catalogue),
        *_alarms(plant, catalogue),
        *_login(plant),
    ]


# The line.


def _line(plant: Plant) -> Iterator[Finding]:
    line = plant.line
    if line is None:
        return
    yield from _repeaters(line)
    if line.sound("length_km", "demarcation_km") and line.item.demarcation_km > line.item.length_km:
        yield line.finding("demarcation_km", f"is beyond the line, which is {line.item.length_km} km long")
    if line.sound("profile") and line.item.profile is Profile.UNREPEATERED:
        feeds = [f"[{written(feed.path)}]" for feed in plant.pfe.values()]
        extra = [*(["repeaters_km"] if line.item.repeaters_km else []), *feeds]
        if extra:
            reason = "an unrepeatered line has no repeaters and no power feed"
            yield line.finding("profile", reason, f"take out {listed(extra)}, or set profile = \"repeatered\"")


def _repeaters(line: Draft[Line]) -> Iterator[Finding]:
    if not line.sound("repeaters_km"):
        return
    positions, length_km = line.item.repeaters_km, line.item.length_km
    for place, km in enumerate(positions, 1):
        if line.sound("length_km") and km >= length_km:
            path: Path = (*line.path, "repeaters_km", place)
            yield Finding(path, shown(km), f"is not on the line, which is {length_km} km long", "km from end a")
    for (before, after), place in zip(pairwise(positions), range(2, len(positions) + 1), strict=True):
        if after <= before:
            reason = "is there twice" if after == before else f"comes after {before}: repeaters must ascend"
            yield Finding((*line.path, "repeaters_km", place), shown(after), reason, "km from end a")


def _far_station(plant: Plant) -> Iterator[Finding]:
    line, far, station = plant.line, plant.far_station, plant.station
    named = line.item.far_station if line else None
    if far and "line" not in plant.unread and (line is None or line.sound("far_station")) and named is None:
        hint = 'for example far_station = "siyazan"'
        yield Finding(far.path, "", "whose messages are these? [line] names no far_station", hint)
    if line and line.sound("far_station") and station.sound("name") and named == station.item.name:
        yield line.finding("far_station", "is this station itself")
    if far and plant.mqtt is None and "mqtt" not in plant.unread:
        yield Finding(far.path, "", "both ends speak over MQTT, and there is no [mqtt]", "add [mqtt], or take [far_station] out")
    if far and line and named in (*plant.device, *_taps(plant)):
        yield line.finding("far_station", "is also the name of a device or channel here", "the far end is shown under its name")


def _fibre_pairs(plant: Plant) -> Iterator[Finding]:
    line = plant.line
    if line is None or not line.sound("fibre_pairs"):
        return
    users: list[Draft[Device] | Draft[Channel]] = [*plant.device.values(), *plant.channel]
    used = [(user.item.fibre_pair or 0, user) for user in users if user.sound("fibre_pair")]
    highest = max((pair for pair, _ in used), default=0)
    if "fibre_pairs" not in line.given and highest > line.item.fibre_pairs:
        yield Finding((*line.path, "fibre_pairs"), "", "is missing", f"fibre pair {highest} is in use")
        return
    for pair, user in used:
        if pair > line.item.fibre_pairs:
            yield user.finding("fibre_pair", f"the line has {line.item.fibre_pairs} fibre pairs", "see line.fibre_pairs")


# What names a device.


def _missing_devices(plant: Plant) -> Iterator[Finding]:
    """Find names of devices that are not there; a name that is used in many places is one mistake."""
    if "device" in plant.unread or _taps_unknown(plant):
        return
    known = [*plant.device, *_taps(plant)]
    uses: dict[str, list[Finding]] = {}
    for device, path, value in _references(plant):
        if device not in known:
            finding = Finding(path, value, f"there is no [{written(('device', device))}]", did_you_mean(device, known))
            uses.setdefault(device, []).append(finding)
    for first, *rest in uses.values():
        others = [written(each.path) for each in rest]
        yield Finding(first.path, first.value, first.reason, first.hint + also(others))


def _taps(plant: Plant) -> list[str]:
    return [channel.item.name for channel in plant.channel]


def _taps_unknown(plant: Plant) -> bool:
    """Tell whether the names of the sampler's channels could not all be read: then nothing that may be one is missing."""
    broken = plant.sampler is not None and "sampler.channel" in plant.unread
    return broken or "sampler" in plant.unread or not all(channel.sound("name") for channel in plant.channel)


def _references(plant: Plant) -> Iterator[tuple[str, Path, str]]:
    machines: list[tuple[str, Draft[PowerFeed] | Draft[Amplifier]]] = [*plant.pfe.items(), *plant.amplifier.items()]
    for name, machine in machines:
        yield name, machine.path, ""
    for path, point in points_of_machines(plant):
        yield point.partition(".")[0], path, shown(point)
    for alarm in plant.alarm:
        if alarm.sound("point"):
            yield alarm.item.point.partition(".")[0], (*alarm.path, "point"), shown(alarm.item.point)
    sampler = plant.sampler
    if sampler is not None and sampler.sound("temperature") and sampler.item.temperature is not None:
        yield sampler.item.temperature.partition(".")[0], (*sampler.path, "temperature"), shown(sampler.item.temperature)


def points_of_machines(plant: Plant) -> Iterator[tuple[Path, str]]:
    """Yield the points that the sections of feeds and amplifiers name, and the key switch of the station, each with its place."""
    machines: list[Draft[PowerFeed] | Draft[Amplifier]] = [*plant.pfe.values(), *plant.amplifier.values()]
    for machine in machines:
        for place, point in enumerate(_interlocks(machine), 1):
            yield (*machine.path, "interlocks", place), point
    for feed in plant.pfe.values():
        for key, named in (("electroding", feed.item.electroding), ("earthed", feed.item.earthed)):
            if named is not None and feed.sound(key):
                yield (*feed.path, key), named
    switch = plant.station.item.local_switch
    if switch is not None and plant.station.sound("local_switch"):
        yield (*plant.station.path, "local_switch"), switch


def _interlocks(machine: Draft[PowerFeed] | Draft[Amplifier]) -> tuple[str, ...]:
    """Return the points that are named as interlocks."""
    named = machine.item.interlocks
    return named if isinstance(named, tuple) and machine.sound("interlocks") else ()


def named_point(plant: Plant, catalogue: Catalogue, name: str, path: Path) -> tuple[Point | None, Finding | None]:
    """Return the point of that name, or what is wrong with the name; neither where its device is not known."""
    unit_name, _, point_name = name.partition(".")
    driver = _driver(plant, catalogue, unit_name)
    if driver is None:
        return None, None
    point = driver.point(point_name)
    if point is None:
        hint = did_you_mean(point_name, [each.name for each in driver.points])
        return None, Finding(path, shown(name), f"{driver.model} has no point {shown(point_name)}", hint)
    if isinstance(point.at, Missing):
        return None, Finding(path, shown(name), f"{driver.model} does not offer it: {point.at.why}")
    return point, None


def _driver(plant: Plant, catalogue: Catalogue, unit: str) -> Driver | None:
    """Return the table of a device or of a tap, or None where it is not known."""
    device = plant.device.get(unit)
    if device is not None:
        return driver_of(device, catalogue)
    return tap_driver(1.0) if unit in _taps(plant) else None


def _temperature(plant: Plant, catalogue: Catalogue) -> Iterator[Finding]:
    sampler = plant.sampler
    if sampler is None or not sampler.sound("temperature") or sampler.item.temperature is None:
        return
    point, finding = named_point(plant, catalogue, sampler.item.temperature, (*sampler.path, "temperature"))
    if finding is not None:
        yield finding
    elif point is not None and point.unit != "degC":
        yield sampler.finding("temperature", f"{point.name} is no temperature in degC")


# Sampler, alarms, outputs.


def _alarms(plant: Plant, catalogue: Catalogue) -> Iterator[Finding]:
    first: dict[tuple[str, str], str] = {}
    for alarm in plant.alarm:
        yield from _condition(alarm)
        if not alarm.sound("point"):
            continue
        point, finding = named_point(plant, catalogue, alarm.item.point, (*alarm.path, "point"))
        if finding is not None:
            yield finding
        if point is not None:
            yield from _threshold(alarm, point, point.limits or _rated_limits(plant, catalogue, alarm, point))
        if not alarm.sound("type"):
            continue
        owner = first.setdefault((alarm.item.type, alarm.item.point), written(alarm.path))
        if owner != written(alarm.path):
            yield alarm.finding("type", f"{owner} is the same alarm", "another type, or one of the two")


def _condition(alarm: Draft[Alarm]) -> Iterator[Finding]:
    if not alarm.sound(*CONDITIONS):
        return
    given = [key for key in CONDITIONS if key in alarm.given]
    if len(given) != 1:
        reason = f"has {' and '.join(given)}" if given else "has no condition"
        yield Finding(alarm.path, "", reason, "give exactly one of below, above, equals")
    elif given == ["equals"] and alarm.sound("deadband") and alarm.item.deadband > 0:
        yield alarm.finding("deadband", "belongs to below or above", "leave the key out")


def _rated_limits(
    plant: Plant, catalogue: Catalogue, alarm: Draft[Alarm], point: Point
) -> tuple[float, float] | None:
    """Return what a point can be by the rating of its unit, where that is known."""
    device = plant.device.get(alarm.item.point.partition(".")[0])
    if device is None or point.rated_limits is None or not device.sound("ratings"):
        return None
    name, low, high = point.rated_limits
    rating = ratings_of(device, catalogue).get(name)
    return None if rating is None else (rating * low, rating * high)


def _threshold(alarm: Draft[Alarm], point: Point, limits: tuple[float, float] | None) -> Iterator[Finding]:
    """Find conditions that can never come true for the kind of value that the point has."""
    words = point_words(point)
    for key in CONDITIONS:
        value = getattr(alarm.item, key)
        if key not in alarm.given or not alarm.sound(key):
            continue
        if words:
            if key != "equals" or not any(_same(value, word) for word in words):
                reason = f"{point.name} is {' or '.join(shown(word) for word in words)}"
                yield alarm.finding(key, reason, f"for example equals = {shown(words[0])}")
        elif is_text(point) != isinstance(value, str) or isinstance(value, bool):
            yield alarm.finding(key, f"{point.name} is {'text' if is_text(point) else 'a number'}")
        elif limits and key != "equals" and not limits[0] <= value <= limits[1]:
            low, high = (float(f"{limit:.6g}") for limit in limits)
            yield alarm.finding(key, f"{point.name} lies within {shown(low)} to {shown(high)} {point.unit}".rstrip())


def point_words(point: Point) -> list[Value]:
    """Return the words or truth values that a point can have; none for a number or free text."""
    if point.values is not None:
        return list(dict.fromkeys(point.values.values()))
    return [True, False] if point.mask is not None or (point.fmt is None and not point.unit) else []


def is_text(point: Point) -> bool:
    """Tell whether a point without words of its own is free text, such as a serial number."""
    match point.fmt:
        case text.Field():
            return point.fmt.read_as is text.As.TEXT
        case registers.Format():
            return point.fmt.kind == "char"
        case _:
            return False


def _same(value: Value, word: Value) -> bool:
    return value == word and isinstance(value, bool) == isinstance(word, bool)


def _login(plant: Plant) -> Iterator[Finding]:
    mqtt = plant.mqtt
    if mqtt and mqtt.sound("username", "password") and mqtt.item.password and not mqtt.item.username:
        yield mqtt.finding("password", "needs a username beside it")
