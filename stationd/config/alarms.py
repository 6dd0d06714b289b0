"""From a checked configuration to the plan of the station's alarms, and what is wrong with the links of that plan.

What the file says stands in stationd.config.model, what the desk does with it in stationd.core.alarm.plan; here one is turned
into the other. Which alarms a station has without any entry of its own: stationd.core.alarm.builtin.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from stationd.config import model
from stationd.config.model import Profile, Role, StationConfig
from stationd.config.problem import Finding
from stationd.core.alarm.builtin import plan
from stationd.core.alarm.condition import Burst
from stationd.core.alarm.plan import Custom, Facts, Plan, Suppression, Unit, entry_test, mistakes
from stationd.core.alarm.type import Reach, Severity
from stationd.core.model import PointId
from stationd.driver import TAP, Driver, Missing
from stationd.tap import tap_driver

RECEIVING = (None, Role.PREAMP, Role.LINE)  # roles of amplifiers whose light comes from the line
TRANSMIT = "-tx"  # a tap of that name watches what the station sends
ENDS = 2  # that feed a line, each with its share of the voltage (assumption)
EARTH_V_PER_KM = 0.1  # rule of thumb for the earth potential along a line; one end may have to bear all of it


def alarm_plan(config: StationConfig, drivers: Mapping[str, Driver]) -> Plan:
    """Return all alarms of the station."""
    return plan(_facts(config, drivers), tuple(_custom(config)), tuple(_own(config)))


def check_alarms(config: StationConfig, drivers: Mapping[str, Driver]) -> list[Finding]:
    """Return what is wrong with the causes and effects of a configuration that is right in every other way."""
    made = alarm_plan(config, drivers)
    found = [Finding(("suppression",), "", sentence) for sentence in mistakes(made.links, made.rules, tuple(_own(config)))]
    found += _counting(config)
    types = {rule.type.id for rule in made.rules.values()}
    for place, entry in enumerate(config.suppression, 1):
        for key, name in (("cause", entry.cause), ("effect", entry.effect)):
            if name not in types:
                path, hint = ("suppression", place, key), "a type of [[alarm]] or of the station's own alarms"
                found.append(Finding(path, f'"{name}"', "this station has no alarm of that type", hint))
    return found


def _counting(config: StationConfig) -> Iterator[Finding]:
    """Find entries that count passes of a limit and do not say all that is needed for it."""
    for place, entry in enumerate(config.alarm, 1):
        for key, other in (("count", "within_s"), ("within_s", "count")):
            if getattr(entry, key) is not None and getattr(entry, other) is None:
                reason, hint = f"needs {other}", "count = 5 and within_s = 10.0: raised at the fifth time in 10 s"
                yield Finding(("alarm", place, key), f"{getattr(entry, key):g}", reason, hint)
        if entry.count is not None and entry.on_delay_s == 0:
            reason, hint = "on_delay_s is 0, so that the first time raises it already", "an on_delay_s, or leave count out"
            yield Finding(("alarm", place, "count"), f"{entry.count}", reason, hint)


def _facts(config: StationConfig, drivers: Mapping[str, Driver]) -> Facts:
    repeatered = config.line is not None and config.line.profile is Profile.REPEATERED
    return Facts((*_devices(config, drivers), *_taps(config)), tuple(config.bus), repeatered)


def _devices(config: StationConfig, drivers: Mapping[str, Driver]) -> Iterator[Unit]:
    for name, device in config.device.items():
        driver, feed = drivers[device.driver], config.pfe.get(name)
        interlocks = () if feed is None or isinstance(feed.interlocks, str) else tuple(_point(each) for each in feed.interlocks)
        yield Unit(
            name,
            driver.kind.name,
            _periods(driver),
            device.bus,
            device.fibre_pair,
            receives=device.role in RECEIVING,
            interlocks=interlocks,
            nominal_ma=feed.nominal_ma if feed else None,
            max_v=feed.max_v if feed else None,
            expected_v=_share_v(config.line, feed.nominal_ma) if feed else None,
            earth_v=EARTH_V_PER_KM * config.line.length_km if config.line else 0.0,
        )


def _taps(config: StationConfig) -> Iterator[Unit]:
    if config.sampler is None:
        return
    periods = _periods(tap_driver(config.sampler.window_s))
    for channel in config.sampler.channel:
        receives = not channel.name.endswith(TRANSMIT)
        yield Unit(channel.name, TAP.name, periods, fibre_pair=channel.fibre_pair, receives=receives)


def _periods(driver: Driver) -> Mapping[str, float]:
    return {point.name: point.every_s for point in driver.points if not isinstance(point.at, Missing) and "r" in point.access}


def _share_v(line: model.Line | None, nominal_ma: float) -> float | None:
    """Return what one end of a healthy line that is fed from both ends has to give, in volts."""
    if line is None or line.profile is not Profile.REPEATERED:
        return None
    cable_v = line.length_km * line.conductor_ohm_per_km * nominal_ma / 1000.0
    return (cable_v + len(line.repeaters_km) * line.repeater_drop_v) / ENDS


def _custom(config: StationConfig) -> Iterator[Custom]:
    for entry in config.alarm:
        test = entry_test(entry.below, entry.above, entry.equals, entry.deadband)
        burst = None if entry.count is None or entry.within_s is None else Burst(entry.count, entry.within_s)
        severity = Severity(entry.severity.value)
        yield Custom(entry.type, _point(entry.point), test, entry.on_delay_s, entry.off_delay_s, severity, burst)


def _own(config: StationConfig) -> Iterator[Suppression]:
    for entry in config.suppression:
        times = (entry.hold_back_s, entry.hold_off_s, entry.within_s)
        yield Suppression(entry.cause, entry.effect, Reach[entry.reach.name], *times)


def _point(name: str) -> PointId:
    device, _, point = name.partition(".")
    return PointId(device, point)
