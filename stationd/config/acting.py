"""From a checked configuration to the plan of acting: what can be driven at this station, within which limits, and who has a say.

What the file says stands in stationd.config.machines and .model, what the desk of operations does with it in stationd.core.operation.
A unit without the points that an operation needs is left out; one that can only be read is in the plan and refuses with a reason.
Only what the file gives limits to can be set, within those of the driver's table: a unit takes more than a line may have.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from stationd.config.line_plan import cable_of
from stationd.config.machine_checks import SET_POINTS, SetPoint, settable
from stationd.config.machines import Amplifier, PowerFeed
from stationd.config.model import Device, End, Line, Profile, Role, StationConfig
from stationd.core.amplifier.words import AmplifierPlan, SetValue
from stationd.core.line.words import Cable
from stationd.core.model import PointId
from stationd.core.operation.plan import ActingPlan
from stationd.core.powerfeed.words import DrivenPoints, FeedPlan
from stationd.driver import Driver, Missing, Point

SELF_ACTING = ("auto_restart", "watchdog_on")  # settings of supplies that would switch the output without anybody deciding it
REDUCED = ("apr_active", "alarm_apr", "alarm_shutoff", "interlock_locked", "key_off")  # true: the unit keeps itself dark or dim
WATT_CLASS = (Role.RAMAN, Role.ROPA_PUMP)
# The word of a slew mode that limits the set current both ways and lets it fall to 0 with the output. Without the latter a unit that
# went off at 400 mA would come back at 400 mA, whatever was set meanwhile, and slew down from there.
FOLLOW = "follow-and-zero-when-off"
ROLE_WORDS = {Role.ROPA_PUMP: "pump of the remote amplifier", Role.RAMAN: "Raman pump", Role.PREAMP: "preamplifier"}


def acting_plan(config: StationConfig, drivers: Mapping[str, Driver]) -> ActingPlan:
    """Return what can be acted on. The line is empty where the station has none that is fed through its cable."""
    line, station = _fed(config), config.station
    return ActingPlan(
        station=station.name,
        title=station.title or station.name,
        read_only=station.read_only,
        feeds={feed.device: feed for feed in _feeds(config, drivers)},
        amplifiers={each.device: each for each in _amplifiers(config, drivers)},
        line=line.name if line else "",
        route=_route(config),
        far_title=_far_title(config),
        key_switch=_maybe(station.local_switch),
        emergency_button=station.emergency_button,
        devices=frozenset(config.device),
    )


def _fed(config: StationConfig) -> Line | None:
    return config.line if config.line is not None and config.line.profile is Profile.REPEATERED else None


def _far_title(config: StationConfig) -> str:
    far = config.line.far_station if config.line else None
    return far.capitalize() if far else ""


def _route(config: StationConfig) -> str:
    """Return both stations of the line, end a first, as people name the cable."""
    here, there, line = config.station.title or config.station.name, _far_title(config), config.line
    if line is None or not there:
        return ""
    return f"{here} - {there}" if line.end is End.A else f"{there} - {here}"


# Power feeds.


def _feeds(config: StationConfig, drivers: Mapping[str, Driver]) -> Iterator[FeedPlan]:
    line = _fed(config)
    cable = cable_of(line) if line else None
    for name, device in config.device.items():
        driver = drivers[device.driver]
        section = config.pfe.get(name, PowerFeed())
        points = _driven(name, driver, section) if driver.kind.name == "pfe" else None
        if points is not None:
            yield _feed(config, points, section, driver, cable)


def _driven(name: str, driver: Driver, section: PowerFeed) -> DrivenPoints | None:
    """Return the points of a feed, or None for one that cannot be set and switched from here at all."""
    current, voltage, remote = (_there(name, driver, each) for each in ("output_current", "output_voltage", "remote"))
    setpoint, on = _settable(name, driver, "current_setpoint"), _settable(name, driver, "output_on")
    if current is None or voltage is None or remote is None or setpoint is None or on is None:
        return None
    return DrivenPoints(
        current_ma=current,
        voltage_v=voltage,
        setpoint_ma=setpoint,
        on=on,
        remote=remote,
        voltage_setpoint_v=_settable(name, driver, "voltage_setpoint"),
        regulation=_there(name, driver, "regulation"),
        fault=_there(name, driver, "fault"),
        interlock=_there(name, driver, "interlock"),
        polarity_negative=_settable(name, driver, "polarity_negative"),
        slew_ma_per_s=_settable(name, driver, "ramp_rate") if _follows(driver) else None,
        slew_mode=_settable(name, driver, "ramp_mode") if _follows(driver) else None,
        electroding=_maybe(section.electroding),
        earthed=_maybe(section.earthed),
        self_acting=_all(name, driver, SELF_ACTING),
    )


def _follows(driver: Driver) -> bool:
    """Tell whether the unit's own slew can be used as a limit both ways."""
    mode, rate = settable(driver, "ramp_mode"), settable(driver, "ramp_rate")
    return rate is not None and mode is not None and FOLLOW in (mode.values or {}).values()


def _feed(config: StationConfig, points: DrivenPoints, section: PowerFeed, driver: Driver, cable: Cable | None) -> FeedPlan:
    return FeedPlan(
        device=points.on.device,
        points=points,
        nominal_ma=section.nominal_ma,
        max_v=section.max_v,
        ramp_ma_per_s=section.ramp_ma_per_s,
        ramp_down_ma_per_s=section.ramp_down_ma_per_s,
        deviation_ma=section.deviation_ma,
        deviation_s=section.deviation_s,
        rise_v_per_s=section.rise_v_per_s,
        discharged_v=section.discharged_v,
        discharge_s=section.discharge_s,
        model_share=section.model_share,
        trim_ma=section.trim_ma,
        interlocks=_interlocks(section),
        interlocks_reason=section.interlocks_reason or "",
        cable=cable,
        far_max_v=config.far_station.max_v if config.far_station else None,
        far_expected=cable is not None and config.line is not None and config.line.far_station is not None,
        remote_writable=settable(driver, "remote") is not None,
        slew_follow=FOLLOW if _follows(driver) else None,
        title=config.station.title or config.station.name,
        far_title=_far_title(config),
    )


# Amplifiers.


def _amplifiers(config: StationConfig, drivers: Mapping[str, Driver]) -> Iterator[AmplifierPlan]:
    for name, device in config.device.items():
        driver = drivers[device.driver]
        if driver.kind.name == "amplifier":
            yield _amplifier(name, device, driver, config.amplifier.get(name, Amplifier()))


def _amplifier(name: str, device: Device, driver: Driver, section: Amplifier) -> AmplifierPlan:
    mode = settable(driver, "mode")
    set_values = dict(_set_values(name, driver, section))
    return AmplifierPlan(
        device=name,
        fibre_pair=device.fibre_pair,
        pump_on=_there(name, driver, "pump_on"),
        pump_writable=settable(driver, "pump_on") is not None,
        mode=_there(name, driver, "mode"),
        mode_writable=mode is not None,
        modes=tuple(str(word) for word in (mode.values or {}).values()) if mode else (),
        input_dbm=_there(name, driver, "input_power"),
        output_dbm=_there(name, driver, "output_power"),
        lost=_there(name, driver, "los"),
        reduced=_all(name, driver, REDUCED),
        fault=_there(name, driver, "fault"),
        return_loss_db=_there(name, driver, "return_loss"),
        return_power_dbm=_there(name, driver, "return_power"),
        least_return_loss_db=section.least_return_loss_db,
        interlocks=_interlocks(section),
        interlocks_reason=section.interlocks_reason or "",
        raman=device.role in WATT_CLASS,
        set_values=set_values,
        title=_title(device),
    )


def _set_values(name: str, driver: Driver, section: Amplifier) -> Iterator[tuple[str, SetValue]]:
    for each in SET_POINTS:
        point = settable(driver, each.point)
        span = _span(section, each, point)
        if point is not None and span is not None:
            yield each.word, SetValue(PointId(name, each.point), point.unit, *span, getattr(section, each.step))


def _span(section: Amplifier, kind: SetPoint, point: Point | None) -> tuple[float, float] | None:
    """Return what both the file and the driver allow."""
    own: tuple[float, float] | None = getattr(section, kind.key)
    of_unit = point.limits if point is not None else None
    if own is None or of_unit is None:
        return own
    return max(own[0], of_unit[0]), min(own[1], of_unit[1])


def _title(device: Device) -> str:
    role = "amplifier" if device.role in (None, Role.LINE) else ROLE_WORDS.get(device.role, device.role.value)
    return f"{role} of fibre pair {device.fibre_pair}" if device.fibre_pair else role


# Points.


def _interlocks(section: PowerFeed | Amplifier) -> tuple[PointId, ...]:
    return () if isinstance(section.interlocks, str) else tuple(_point(each) for each in section.interlocks)


def _there(name: str, driver: Driver, point: str) -> PointId | None:
    row = driver.point(point)
    return None if row is None or isinstance(row.at, Missing) or "r" not in row.access else PointId(name, point)


def _settable(name: str, driver: Driver, point: str) -> PointId | None:
    return PointId(name, point) if settable(driver, point) is not None else None


def _all(name: str, driver: Driver, points: tuple[str, ...]) -> tuple[PointId, ...]:
    return tuple(found for each in points if (found := _there(name, driver, each)) is not None)


def _maybe(name: str | None) -> PointId | None:
    return None if name is None else _point(name)


def _point(name: str) -> PointId:
    device, _, point = name.partition(".")
    return PointId(device, point)
