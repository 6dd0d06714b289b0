"""From a checked configuration to the parts of the daemon: who it is, its units, its ports and its broker.

What the file says stands in stationd.config.model; here one is turned into the other and nothing is decided.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path

from stationd.config import model
from stationd.config.model import StationConfig
from stationd.config.secret import SecretError, resolve_secret
from stationd.device import Device, codec_for
from stationd.driver import Driver
from stationd.links.port import PortSettings
from stationd.outputs.broker import Broker
from stationd.outputs.document import Identity, Mode
from stationd.tap import Tap, tap_driver


def broker_of(section: model.Mqtt) -> Broker:
    """Return where the broker is and how to log in. The password is looked for at each connection, never in the way of a start."""
    authorities = Path(section.authorities) if section.authorities else None
    ask = partial(password_of, section.password) if section.password else None
    at = Broker.at(section.url, section.username)
    return replace(at, ask_password=ask, authorities=authorities, keepalive_s=section.keepalive_s)


def password_of(reference: str) -> str:
    """Return the password that a reference names now; SecretError where it cannot be had."""
    try:
        return resolve_secret(reference, os.environ).decode()
    except UnicodeDecodeError as error:
        raise SecretError(f"{reference}: is not UTF-8 at byte {error.start}") from None
    except SecretError as error:
        raise SecretError(str(error)) from None  # the sentence, and not what it came from, is what people are told


def identity_of(config: StationConfig) -> Identity:
    """Return who speaks."""
    station = config.station
    return Identity(station.name, station.title or station.name, Mode(station.mode.value), station.operator)


def device_of(name: str, section: model.Device, config: StationConfig, drivers: Mapping[str, Driver]) -> Device:
    """Return a unit on a bus."""
    driver = drivers[section.driver]
    ratings = {rating: default for rating, default in driver.ratings.items() if default is not None} | dict(section.ratings)
    codec = codec_for(config.bus[section.bus].protocol, driver, section.dialect)
    role = section.role.value if section.role else ""
    return Device(name, driver, codec, section.address, section.channel, ratings, role, section.fibre_pair)


def taps_of(config: StationConfig) -> list[Tap]:
    """Return the inputs of the sampler as units of the board."""
    if config.sampler is None:
        return []
    driver = tap_driver(config.sampler.window_s)
    return [Tap(channel.name, driver, fibre_pair=channel.fibre_pair) for channel in config.sampler.channel]


def port_of(section: model.Bus) -> PortSettings:
    """Return how a port is opened."""
    return PortSettings(
        section.port, section.baud, section.parity.value, section.stop_bits, section.rs485, section.connect_timeout_s
    )


def absent_sections(config: StationConfig) -> list[str]:
    """Return which parts of the daemon the configuration leaves off."""
    sections: dict[str, object] = {"[line]": config.line, "[mqtt]": config.mqtt, "[prometheus]": config.prometheus, "[bus.*]": config.bus}
    sections |= {"[sampler]": config.sampler, "[control]": config.control, "[far_station]": config.far_station}
    return [name for name, section in sections.items() if not section]
