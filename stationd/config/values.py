"""The words and addresses that a configuration file may contain: names, ports, listeners, broker addresses, secrets.

Each function takes a string and returns it, or raises the error that says what would be right. Nothing is opened, looked
up or connected to here; the exception is the time zone, which is looked for in this machine's own database.
"""

from __future__ import annotations

import ipaddress
import re
import zoneinfo
from typing import Literal

from pydantic_core import PydanticCustomError

from stationd.config.problem import did_you_mean

HARDWARE_ONLY: Literal["hardware-only"] = "hardware-only"
_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,31}")
_ALARM_TYPE = re.compile(r"[A-Z][A-Z0-9]*(-[A-Z0-9]+)*")
_TOPIC_WORD = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")
_DEVICE_FILE = re.compile(r"(/[A-Za-z0-9._:,@+-]+)+")
_ENDPOINT = re.compile(r"(?P<host>\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+):(?P<port>[0-9]{1,5})")
_BROKER = re.compile(r"mqtts?://(?P<host>\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+)(:(?P<port>[0-9]{1,5}))?/?")
_ACCOUNT = re.compile(r"[a-z_][a-z0-9_-]{0,31}")  # useradd(8)
_HOST_LABEL = re.compile(r"[A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?")
_CREDENTIAL = re.compile(r"credential:[A-Za-z0-9_][A-Za-z0-9_.-]{0,63}")
CAPTURE_EVENTS = ("light-lost", "light-back", "step-down", "step-up", "saturated", "stuck")
MOST = 1e6  # no set value of any unit is larger
LONGEST_SOCKET_PATH = 107  # bytes: sockaddr_un.sun_path of Linux is 108 with its NUL, unix(7)


def refused(reason: str, hint: str = "") -> PydanticCustomError:
    """Return the error that carries our own words through the validator."""
    return PydanticCustomError("refused", "{reason}", {"reason": reason, "hint": hint})


def name(value: str) -> str:
    """A name that is safe in topics, labels and file names: a-z, 0-9, "-" and "_", at most 32 characters."""
    if _NAME.fullmatch(value):
        return value
    better = re.sub(r"[^a-z0-9_-]+", "-", value.lower()).strip("-_")[:32]
    hint = f'for example "{better}"' if _NAME.fullmatch(better) else ""
    raise refused('must have only a-z, 0-9, "-" and "_", begin with a letter or digit and be at most 32 long', hint)


def alarm_type(value: str) -> str:
    """The type of an alarm, for example LOW-OUTPUT."""
    if _ALARM_TYPE.fullmatch(value) and len(value) <= 32:
        return value
    raise refused('must be words of A-Z and 0-9 joined by "-", at most 32 long', 'for example "LOW-OUTPUT"')


def topic_word(value: str) -> str:
    """One level of an MQTT topic."""
    if _TOPIC_WORD.fullmatch(value):
        return value
    raise refused(
        'must have only letters, digits, "_", "-" and "." and be at most 64 long', 'no "/", "+", "#" or space in a topic'
    )


def port(value: str) -> str:
    """A serial port or a network port behind which serial equipment stands."""
    scheme, separator, rest = value.partition("://")
    if separator and scheme in ("tcp", "socket"):
        endpoint(rest, lowest_port=1)
        return value
    if not separator and _DEVICE_FILE.fullmatch(value) and ".." not in value:
        return value
    raise refused(
        'must be an absolute path, "tcp://host:port" or "socket://host:port"',
        'prefer "/dev/serial/by-id/...", which stays the same when a plug is moved',
    )


def endpoint(value: str, lowest_port: int = 0, example: str = "10.20.0.5:502") -> tuple[str, int]:
    """Split "host:port"; an IPv6 address stands in brackets."""
    match = _ENDPOINT.fullmatch(value)
    if match is None:
        raise refused("must name a host and a port, host:port", f'for example "{example}"')
    return checked_host(match["host"]), _checked_port(match["port"], lowest_port)


def checked_host(host: str) -> str:
    """Return the host, or raise when it is neither an address nor a possible name."""
    bare = host.strip("[]")
    try:
        address = ipaddress.ip_address(bare)
    except ValueError:
        numbers = bare.replace(".", "").isdecimal()
        if numbers or host != bare or len(host) > 253 or not all(map(_HOST_LABEL.fullmatch, bare.split("."))):
            raise refused(f'"{host}" is neither an IP address nor a host name') from None
        return bare
    if (address.version == 6) != (host != bare):
        raise refused("an IPv6 address stands in brackets, no other does", 'for example "[fd00::5]:502"')
    return bare


def _checked_port(text: str, lowest: int) -> int:
    if not lowest <= int(text) <= 65535:
        raise refused(f"port {text} is not within {lowest} to 65535")
    return int(text)


def listener(value: str) -> str:
    """An address to listen on, "host:port"; port 0 lets the system choose one."""
    endpoint(value, example="127.0.0.1:9464")
    return value


def broker(value: str) -> str:
    """The address of an MQTT broker, mqtt:// or mqtts://, without a login in it."""
    if "@" in value:
        raise refused("a login never stands in this file", 'use "username" and "password = credential:NAME"')
    match = _BROKER.fullmatch(value)
    if match is None:
        raise refused('must be "mqtt://host:port" or "mqtts://host:port"', "mqtts is encrypted; ports 1883 and 8883")
    checked_host(match["host"])
    if match["port"]:
        _checked_port(match["port"], 1)
    return value


def secret(value: str) -> str:
    """A reference to a secret: a systemd credential or an absolute file, never the secret itself."""
    if _CREDENTIAL.fullmatch(value) or (value.startswith("file:") and _absolute(value.removeprefix("file:"))):
        return value
    raise refused(
        'a secret never stands in this file: give "credential:NAME" or "file:/absolute/path"',
        "credential:NAME is what systemd's LoadCredential= provides",
    )


def _absolute(path: str) -> bool:
    return path.startswith("/") and not path.endswith("/") and path.isprintable() and ".." not in path.split("/")


def socket_path(value: str) -> str:
    """The path of a Unix socket."""
    if not _absolute(value):
        raise refused("must be an absolute path", 'for example "/run/stationd/io.stationd"')
    if len(value.encode()) > LONGEST_SOCKET_PATH:
        raise refused(f"is longer than the {LONGEST_SOCKET_PATH} bytes that a Unix socket's path may have")
    return value


def file_path(value: str) -> str:
    """The path of a file; whether it is there is seen when it is opened."""
    if not _absolute(value):
        raise refused("must be an absolute path", 'for example "/etc/stationd/broker-ca.pem"')
    return value


def capture_events(value: object) -> tuple[str, ...]:
    """The events that have raw samples written."""
    if isinstance(value, list | tuple) and all(each in CAPTURE_EVENTS for each in value):
        return tuple(dict.fromkeys(value))
    raise refused(f"must be a list of words out of {', '.join(CAPTURE_EVENTS)}", 'for example ["light-lost"]; [] for none')


def point(value: str) -> str:
    """A point of a device, "device.point"."""
    if all(value.partition(".")) and value.count(".") == 1:
        return value
    raise refused('must be "device.point"', 'for example "fp1-booster.output_power"')


def point_or_none(value: str | None) -> str | None:
    """A point of a device, or nothing."""
    return None if value is None else point(value)


def account(value: str) -> str:
    """The name of a user of this machine."""
    if _ACCOUNT.fullmatch(value):
        return value
    raise refused('must be a user name of a-z, 0-9, "-" and "_"', 'for example "tech"')


def span(value: object) -> tuple[float, float]:
    """The lowest and the highest value, [lowest, highest]."""
    if isinstance(value, list | tuple) and len(value) == 2 and all(map(_is_number, value)) and value[0] < value[1]:
        return float(value[0]), float(value[1])
    raise refused("must be two numbers, the lower one first", "for example [10.0, 17.0]")


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) <= MOST


def time_zone(value: str) -> str:
    """A name of the time zone database."""
    if value == "UTC":
        return value
    try:
        zoneinfo.ZoneInfo(value)
    except (KeyError, ValueError, OSError):
        zones = zoneinfo.available_timezones()
        hint = did_you_mean(value, zones) if zones else "the package tzdata is not installed"
        raise refused("is not in the time zone database", hint if len(hint) < 60 else 'for example "Asia/Aqtau"') from None
    return value


def interlocks(value: object) -> tuple[str, ...] | Literal["hardware-only"]:
    """A list of "device.point", or the word "hardware-only"."""
    if isinstance(value, tuple | list) and all(isinstance(each, str) for each in value):
        for each in value:
            point(each)
        return tuple(value)
    if value == HARDWARE_ONLY:
        return HARDWARE_ONLY
    raise refused('must be a list of "device.point" or the word "hardware-only"', 'for example ["io1.di1", "io1.di2"]')


def plain(value: object) -> bool | int | float | str:
    """A single value to compare with."""
    if isinstance(value, float) and not abs(value) < float("inf"):
        raise refused("must be a finite number")
    if isinstance(value, bool | int | float | str):
        return value
    raise refused("must be true, false, a number or a word")
