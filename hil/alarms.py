"""Alarms as the station tells them on its control socket: whose condition holds, and waiting until one does, or does not.

What it is: io.stationd.Alarm, read by a person who may only look at that. An alarm that is folded under its cause is up too.
What it is not: MQTT, whose messages hil.mqtt hears.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Mapping

from hil.door import ALARM, Refused
from hil.station import Station

LOOK_S = 0.1
MOST = 500  # alarms of one station; more are not told at a time


def letters(station: Station) -> Mapping[str, str]:
    """Return the letter of every alarm that is not at rest, by its key."""
    listed = station.ask(f"{ALARM}.List", filter={"shown": "all", "limit": MOST})["alarms"]
    return {each["key"]: each["letter"] for each in listed if each["letter"] != "A"}


def up(station: Station) -> frozenset[str]:
    """Return the alarms whose condition holds."""
    listed = station.ask(f"{ALARM}.List", filter={"shown": "all", "limit": MOST})["alarms"]
    return frozenset(each["key"] for each in listed if each["active"])


def wait(station: Station, fits: Callable[[frozenset[str]], bool], patience_s: float, what: str) -> float:
    """Wait until the alarms that are up fit; return how long it took. TimeoutError with those that are."""
    begin = time.monotonic()
    while not fits(now := up(station)):
        if time.monotonic() - begin > patience_s:
            raise TimeoutError(f"{station.name}: {what} within {patience_s:g} s; up are {', '.join(sorted(now)) or 'none'}")
        time.sleep(LOOK_S)
    return time.monotonic() - begin


def wait_up(station: Station, key: str, patience_s: float) -> float:
    """Wait until an alarm is up; return how long it took."""
    return wait(station, lambda now: key in now, patience_s, f"{key} does not come")


def wait_gone(station: Station, keys: frozenset[str], patience_s: float) -> float:
    """Wait until none of these alarms is up; return how long it took."""
    return wait(station, lambda now: not keys & now, patience_s, f"{', '.join(sorted(keys))} do not go")


def rest(station: Station, resource: str, patience_s: float = 40.0) -> None:
    """Wait until no alarm of a resource is up, then acknowledge and reset everything, so that a scenario begins with a clean list."""
    wait(station, lambda now: not any(key.startswith(f"{resource}/") for key in now), patience_s, f"alarms of {resource} do not go")
    acknowledge_all(station)


def acknowledge_all(station: Station) -> None:
    """Let the first person acknowledge and reset what waits for somebody."""
    listed = station.ask(f"{ALARM}.List", filter={"shown": "all", "limit": MOST})["alarms"]
    for each in listed:
        with contextlib.suppress(Refused):
            if each["letter"] in "BDE":
                station.ask(f"{ALARM}.Acknowledge", keys=[f"{each['key']}#{each['occurrence']}"])
            if each["letter"] in "EF":
                station.ask(f"{ALARM}.Reset", key=each["key"], note="between two scenarios")
