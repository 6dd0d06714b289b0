"""What a reload of the station file changes: the old configuration against the new one, part by part. Pure.

Nothing is done here: `changes` says what differs, which parts of the daemon that concerns, and what cannot change while the daemon runs,
with the reason. Whether the rest may change at this moment is asked where operations and holds are known (stationd.service.reload).

Parts are named as the file names them: bus.pfe, device.io1, alarm, mqtt. A key that is written out with its default is no change.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields

from stationd.config.model import Device, StationConfig
from stationd.driver import Driver

NAMED = ("bus", "device", "pfe", "amplifier")  # sections with names of their own
RESTART = "needs a restart"
# Of these the whole daemon speaks in one voice: every record, topic, label and message to the far station bears them.
FIXED_KEYS = ("name", "title", "mode", "operator", "state")
FIXED_SECTIONS = {
    "line": "what was learnt of the cable, and the verdict, begin with it",
    "far_station": "both ends agree on it when they first speak",
}
ALL_OR_NONE = {"sampler": "the loop that samples light", "mqtt": "the outbox of messages"}  # cannot come or go, may become another


@dataclass(frozen=True, slots=True)
class Loading:
    """A configuration and the drivers that it was checked against."""

    config: StationConfig
    drivers: Mapping[str, Driver]


@dataclass(frozen=True, slots=True)
class Changes:
    """What differs. With nothing different all are empty.

    `parts` are all that differ, as the file names them. `ports` are the buses whose port is closed, opened, or opened anew; `lines`
    the buses of the new file on which other units are read, or the same ones through another port. `devices` are units, taps included,
    that have come, gone, or are others under the same name: nothing is known of them. `fixed` are sentences about what needs a restart.
    """

    parts: tuple[str, ...] = ()
    ports: frozenset[str] = frozenset()
    lines: frozenset[str] = frozenset()
    devices: frozenset[str] = frozenset()
    fixed: tuple[str, ...] = ()

    def concern(self, *sections: str) -> bool:
        """Return whether any part of these sections differs."""
        return any(part.partition(".")[0] in sections for part in self.parts)


@dataclass(frozen=True, slots=True)
class Reloaded:
    """What became of a reload: what of the file is another now, as the file names it, or why nothing at all was done.

    `refused` says what stands in the way, with its live value, and what would change it; "" when the new file is in force. With nothing
    changed both are empty.
    """

    changed: tuple[str, ...] = ()
    refused: str = ""


def changes(old: Loading, new: Loading) -> Changes:
    """Return what differs between two configurations."""
    was, now = old.config, new.config
    devices = frozenset(_differing(was.device, now.device)) | frozenset(_other_units(old, new))
    ports = frozenset(_differing(was.bus, now.bus))
    homes = [section.bus for config in (was, now) for name, section in config.device.items() if name in devices]
    driven = [f"device.{name}" for name in sorted(_other_units(old, new))]
    return Changes(
        parts=tuple(dict.fromkeys((*_parts(was, now), *driven))),
        ports=ports,
        lines=(frozenset(homes) | ports) & now.bus.keys(),
        devices=devices | _other_taps(was, now),
        fixed=tuple(_fixed(was, now)),
    )


def _parts(was: StationConfig, now: StationConfig) -> Iterator[str]:
    for each in fields(StationConfig):
        one, other = getattr(was, each.name), getattr(now, each.name)
        if each.name in NAMED:
            yield from (f"{each.name}.{name}" for name in sorted(_differing(one, other)))
        elif each.name == "station":
            yield from (f"station.{key}" for key in type(one).model_fields if getattr(one, key) != getattr(other, key))
        elif one != other:
            yield each.name


def _differing(was: Mapping[str, object], now: Mapping[str, object]) -> set[str]:
    """Return the names of sections that have come, gone, or are not the same."""
    return {name for name in was.keys() | now.keys() if was.get(name) != now.get(name)}


def _other_units(old: Loading, new: Loading) -> Iterator[str]:
    """Give the units whose section is the same and which are read in another way: their driver, or what their bus speaks."""
    for name, section in new.config.device.items():
        if old.config.device.get(name) == section and _way(old, section) != _way(new, section):
            yield name


def _way(loading: Loading, section: Device) -> tuple[object, object]:
    return loading.drivers[section.driver], loading.config.bus[section.bus].protocol


def _other_taps(was: StationConfig, now: StationConfig) -> frozenset[str]:
    """Return the taps that have come, gone, or watch something else; of all the period of their windows is part of what they are."""
    one, other = was.sampler, now.sampler
    if one is None or other is None:
        return frozenset()
    if one.window_s != other.window_s:
        return frozenset(channel.name for channel in (*one.channel, *other.channel))
    return frozenset(_differing({each.name: each for each in one.channel}, {each.name: each for each in other.channel}))


def _fixed(was: StationConfig, now: StationConfig) -> Iterator[str]:
    """Give a sentence about everything that cannot change while the daemon runs."""
    for key in FIXED_KEYS:
        one, other = getattr(was.station, key), getattr(now.station, key)
        if one != other:
            yield f"[station] {key} is {_word(one)} and {_word(other)} in the file: every record and message bears it, that {RESTART}"
    if was.station.read_only and not now.station.read_only:
        yield f"[station] read_only is true and false in the file: a station begins to write only when it is started, that {RESTART}"
    for name, why in FIXED_SECTIONS.items():
        if getattr(was, name) != getattr(now, name):
            yield f"[{name}] is another in the file: {why}, that {RESTART}"
    for name, what in ALL_OR_NONE.items():
        if (getattr(was, name) is None) is not (getattr(now, name) is None):
            how = "new" if getattr(was, name) is None else "missing"
            yield f"[{name}] is {how} in the file: {what} is there from the start or not at all, that {RESTART}"
    if was.control is not None and now.control is not None and was.control.socket == now.control.socket and was.control != now.control:
        yield f"[control] shared_accounts is another in the file: who is connected has the rights of before, that {RESTART}"
    if was.mqtt is not None and now.mqtt is not None and was.mqtt.sparkplug is not now.mqtt.sparkplug:
        yield f"[mqtt] sparkplug is {_word(was.mqtt.sparkplug)} and {_word(now.mqtt.sparkplug)} in the file: that {RESTART}"


def _word(value: object) -> str:
    match value:
        case bool():
            return str(value).lower()
        case "":
            return "empty"
        case str():
            return value
        case _:
            return str(getattr(value, "value", value))
