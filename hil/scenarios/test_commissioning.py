"""Commissioning of a station: every point read, every alarm limit tripped at its limit and cleared, every interlock opened.

The limits of current are those that follow from the nominal current in the station file (2 % and 5 % above, 2 % and 10 % below); the
limits of light are the file's own. What cannot be moved on this rig is listed in an attachment, and counted.
"""

from __future__ import annotations

import contextlib
import time
import tomllib
from collections.abc import Mapping
from typing import Any, NamedTuple

import pytest

from hil import alarms
from hil.door import Refused
from hil.mqtt import Message
from hil.page import Page
from hil.rig import Rig
from hil.sheet import Sheet
from hil.station import Station

PATIENCE_S = 20.0
GONE_S = 40.0  # an alarm of a limit goes 10 s after its condition; readings of amplifiers come every few seconds
SAMPLES = 300
PERIOD_S = 1.0  # of a power feed that is read slowest
READ_S = 1.2  # longer than a period of a power feed and its exchange
NOT_OFFERED = "not-offered"  # what a station says of a point that this unit, of several of its kind, does not have
STEP_DB = 1.0  # so near to its limit a level of light is set: dark current and noise of the tap are below that
CONTACTS: Mapping[str, str] = {  # what must come when a contact opens, as the station files of the rigs say
    "door": "pfe/PFE-INTERLOCK-OPEN/io.di1", "cable_key": "pfe/PFE-INTERLOCK-OPEN/io.di2", "emergency_stop": "io/EMERGENCY-STOP/di3",
    "mains": "io/MAINS-FAIL/di6", "converter": "io/CONVERTER-FAIL/di7", "feed_trip": "io/PFE-TRIP/di8",
}  # fmt: skip
INTERLOCKS = {"door": "io.di1", "cable_key": "io.di2", "emergency_stop": "io.di3"}


class Limit(NamedTuple):
    """A limit of the line current: an alarm, the share of the nominal current at which it comes, and how long it waits."""

    key: str
    share: float
    delay_s: float


LIMITS = (
    Limit("LINE-OVER-CURRENT", 1.02, 2.0), Limit("LINE-OVER-CURRENT-LIMIT", 1.05, 0.5),
    Limit("LINE-UNDER-CURRENT", 0.98, 2.0), Limit("LINE-UNDER-CURRENT-LIMIT", 0.90, 0.5),
)  # fmt: skip


@pytest.mark.rig(needs=["persons"])
def test_every_point_of_every_station_is_read(rig: Rig, aktau: Station, measure: Sheet) -> None:
    """Each point that a station lists has a good value; its name stands in the attachment."""
    for station in rig.stations.values():
        listed = [each["point"] for each in station.points()]
        silent, lacking = list(listed), list[str]()
        until = time.monotonic() + PATIENCE_S
        while silent and time.monotonic() < until:  # what is asked for once in a minute comes when its time comes
            known = _known(station, listed)
            lacking = [point for point in listed if known.get(point, {}).get("why") == NOT_OFFERED]
            silent = [point for point in listed if known.get(point, {}).get("q") not in ("good", "sim") and point not in lacking]
        measure(f"{station.name}_points", len(listed), "", lo=20)
        measure(f"{station.name}_points_not_read", len(silent), "", hi=0)
        measure(f"{station.name}_points_not_offered", len(lacking), "", lo=0, hi=len(listed) // 20)
        marks = {**dict.fromkeys(lacking, "  the unit does not offer it"), **dict.fromkeys(silent, "  NOT READ")}
        measure.attach(f"{station.name}-points.txt", "\n".join(f"{point}{marks.get(point, '')}" for point in listed) + "\n")


@pytest.mark.rig(needs=["persons", "contact", "repair"])
def test_every_contact_raises_its_alarm_and_every_interlock_refuses(rig: Rig, aktau: Station, measure: Sheet) -> None:
    """Each contact opened by itself; what is open refuses to energise, and says so."""
    alarms.rest(aktau, "io")
    for which, key in CONTACTS.items():
        rig.contact(aktau.name, which, False)
        measure(f"{which}_to_alarm", alarms.wait_up(aktau, key, PATIENCE_S), "s", lo=0.0, hi=5.0, marginal_hi=3.0)
        if which in INTERLOCKS:
            measure(f"{which}_refuses", float(_refuses(aktau, INTERLOCKS[which])), "", lo=1.0)
        rig.contact(aktau.name, which, True)
    rig.repair()
    gone_s = alarms.wait_gone(aktau, frozenset(CONTACTS.values()), GONE_S)
    measure("contacts_all_gone", gone_s, "s", lo=0.0, hi=GONE_S)


@pytest.mark.rig(needs=["persons", "feed", "repair", "meter:a.current_ma"], acts=True)
@pytest.mark.usefixtures("in_service")
def test_every_limit_of_the_current_trips_at_its_limit_and_not_before(rig: Rig, aktau: Station, measure: Sheet) -> None:
    """All feeds together just inside each limit, then just outside of it; in the end everything is gone again."""
    nominal_ma = float(_file(aktau)["pfe"][aktau.section.feed]["nominal_ma"])
    keys = frozenset(f"{aktau.section.feed}/{each.key}" for each in LIMITS)
    alarms.wait_gone(aktau, keys, GONE_S)
    for way in (1.0, -1.0):
        for limit in (each for each in LIMITS if (each.share - 1.0) * way > 0):
            _trip(rig, aktau, measure, limit, nominal_ma)
        _all_feeds(rig, nominal_ma)
    rig.repair()
    measure("current_limits_all_gone", alarms.wait_gone(aktau, keys, GONE_S), "s", lo=0.0, hi=GONE_S)


@pytest.mark.rig(needs=["attenuate", "light", "broker", "repair"])
def test_light_is_lost_and_found_at_its_limits(rig: Rig, aktau: Station, measure: Sheet) -> None:
    """Each receiving tap a decibel above its limit, below it, below the level of return, above that."""
    for station in rig.stations.values():
        for channel in _file(station)["sampler"]["channel"]:
            if channel["name"].endswith("-rx"):
                _weaken(rig, station, measure, channel)
        rig.repair()


def _trip(rig: Rig, station: Station, measure: Sheet, limit: Limit, nominal_ma: float) -> None:
    key, at_ma = f"{station.section.feed}/{limit.key}", limit.share * nominal_ma
    away = 1.0 if limit.share > 1.0 else -1.0
    _all_feeds(rig, _wanted(rig, station, at_ma - 1.5 * away))
    early = _read_for(station, limit.delay_s + READ_S, key)
    _all_feeds(rig, _wanted(rig, station, at_ma + 1.5 * away))
    waited_s = alarms.wait_up(station, key, PATIENCE_S)
    shown_ma = rig.measure(f"{station.section.end}.current_ma")
    measure(f"{limit.key.lower()}_early", float(early), "", hi=0.0)
    measure(f"{limit.key.lower()}_at", shown_ma, "mA", lo=at_ma - 3.0, hi=at_ma + 3.0)
    measure(f"{limit.key.lower()}_after", waited_s, "s", lo=0.0, hi=limit.delay_s + 4.0, marginal_hi=limit.delay_s + 2.5)


def _read_for(station: Station, seconds: float, key: str) -> bool:
    """Let the station read its feed again and again, until that has gone on for longer than an alarm waits; whether it came."""
    bus = str(_file(station)["device"][station.section.feed]["bus"])
    begin, read = time.monotonic(), _exchanges(station.page(), bus)
    enough = seconds / PERIOD_S
    while (count := _exchanges(station.page(), bus) - read) < enough or time.monotonic() - begin < seconds:
        if key in alarms.up(station) or time.monotonic() - begin > PATIENCE_S:
            break
        time.sleep(alarms.LOOK_S)
    if count < enough:
        raise TimeoutError(f"{station.name} has asked on {bus} {count:g} times in {PATIENCE_S:g} s")
    return key in alarms.up(station)


def _exchanges(page: Page, bus: str) -> float:
    return page.value("stationd_bus_transactions_total", bus=bus) or 0.0


def _sampled(station: Station) -> None:
    """Wait until the sampler has looked at all taps hundreds of times: were an event to come, it would have come at once."""
    begin = station.page().value("stationd_sampler_scans_total") or 0.0
    station.until(lambda page: (page.value("stationd_sampler_scans_total") or 0.0) - begin > SAMPLES, PATIENCE_S, "it samples nothing")


def _wanted(rig: Rig, station: Station, current_ma: float) -> float:
    """Return what to set so that so much flows: a feed delivers a little less or more than it is set to, with the voltage (droop)."""
    return current_ma + float(_file(station)["pfe"][station.section.feed]["nominal_ma"]) - _NATURAL_MA.setdefault(
        rig.file.name, rig.measure(f"{station.section.end}.current_ma")
    )


_NATURAL_MA: dict[str, float] = {}  # of each rig: what flows when all feeds are set to the nominal current


def _all_feeds(rig: Rig, current_ma: float) -> None:
    for name in rig.stations:
        rig.feed(name, current_ma)


def _weaken(rig: Rig, station: Station, measure: Sheet, channel: Mapping[str, Any]) -> None:
    name, port = channel["name"], f"{station.section.end}-{channel['name']}"
    level_dbm = station.until(
        lambda page: page.value("stationd_optical_power_dbm", channel=name) is not None, PATIENCE_S, f"{name} has no level"
    ).value("stationd_optical_power_dbm", channel=name)
    assert level_dbm is not None
    mark = rig.ear.mark()
    for limit, kind, sign in ((channel["los_dbm"], "light-lost", 1.0), (channel["clear_dbm"], "light-back", -1.0)):
        rig.attenuate(port, level_dbm - limit - sign * STEP_DB)
        _sampled(station)
        measure(f"{station.name}_{name}_{kind}_early", float(any(_is(m, station, kind, name) for m in rig.ear.since(mark))), "", hi=0.0)
        rig.attenuate(port, level_dbm - limit + sign * STEP_DB)
        with contextlib.suppress(TimeoutError):
            rig.ear.wait(mark, lambda m, k=kind: _is(m, station, k, name), 3.0)  # type: ignore[misc]
        measure(f"{station.name}_{name}_{kind}", float(any(_is(m, station, kind, name) for m in rig.ear.since(mark))), "", lo=1.0)
    rig.attenuate(port, 0.0)


def _is(message: Message, station: Station, kind: str, channel: str) -> bool:
    said = message.document
    return message.topic == f"stationd/{station.name}/event" and said.get("kind") == kind and said.get("channel") == channel


def _known(station: Station, points: list[str]) -> dict[str, Mapping[str, Any]]:
    """Return what is known of every point, by its name DEVICE.POINT."""
    found: dict[str, Mapping[str, Any]] = {}
    for device in dict.fromkeys(point.partition(".")[0] for point in points):
        with contextlib.suppress(Refused):
            document = station.ask("io.stationd.Status.GetDevice", device=device)["device"]
            found |= {f"{device}.{name}": each for name, each in document["points"].items()}
    return found


def _refuses(station: Station, interlock: str) -> bool:
    """Whether energising is refused for this interlock, once it is seen open."""
    until = time.monotonic() + PATIENCE_S
    task = {"verb": "energise", "toMilliamperes": 500.0, "rateMilliamperesPerSecond": 10.0}
    while time.monotonic() < until:
        checks = station.ask("io.stationd.Operation.Check", object=station.section.feed, task=task)["checks"]
        if any(interlock in str(each) and not each["good"] for each in checks):
            return True
        time.sleep(alarms.LOOK_S)
    return False


def _file(station: Station) -> Mapping[str, Any]:
    return tomllib.loads(station.config.read_text(encoding="utf-8"))
