"""From a checked configuration to the parts of the daemon: who it is, its units, its ports and its broker.

What the file says stands in stationd.config.model; here one is turned into the other and nothing is decided.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from stationd.config import model
from stationd.config.model import StationConfig
from stationd.config.secret import resolve_secret
from stationd.device import Device, codec_for
from stationd.driver import Driver
from stationd.links.port import PortSettings
from stationd.outputs.broker import Broker
from stationd.outputs.document import Identity, Mode
from stationd.tap import Tap, tap_driver


def broker_of(section: model.Mqtt) -> Broker:
    """Return where the broker is and how to log in; SecretError where the password cannot be had."""
    password = resolve_secret(section.password, os.environ).decode() if section.password else None
    authorities = Path(section.authorities) if section.authorities else None
    return replace(Broker.at(section.url, section.username, password), authorities=authorities, keepalive_s=section.keepalive_s)


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
