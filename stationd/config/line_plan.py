"""From a checked configuration to the plan of the line watch: the cable, and which points tell of feeds and fibre pairs.

What the file says stands in stationd.config.model, what the watch does with it in stationd.core.watch. A station without [line]
has no plan: no verdict is given, and that is said once at the start.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

from stationd.config.machines import PowerFeed
from stationd.config.model import Device, Line, Profile, Role, StationConfig
from stationd.core.line.plan import AmplifierPoints, Contact, FeedPoints, LinePlan, PairPoints, PumpPoints
from stationd.core.line.uncertainty import HIGHEST_DROOP_S, Droop, Uncertainty
from stationd.core.line.words import Cable, End
from stationd.core.model import PointId
from stationd.driver import Driver, Missing

TRANSMIT = "-tx"  # a tap of that name watches what the station sends, as for the alarms
PUMPING = (Role.RAMAN, Role.ROPA_PUMP)
RECEIVING = (None, Role.PREAMP, Role.LINE)
CONTACTS = frozenset(
    {
        "CONVERTER-FAIL", "REDUNDANCY-LOST", "ELECTRODING-ON", "MAINS-FAIL", "EMERGENCY-STOP", "DOOR-OPEN", "COVER-OPEN",
        "KEY-REMOVED", "PFE-INTERLOCK-OPEN", "PFE-TRIP",
    }
)  # fmt: skip
REDUCED = ("apr_active", "alarm_apr")
REFLECTED = ("alarm_orl",)
DARK = ("loss_of_output", "output_alarm", "alarm_lop_1", "pumps_disabled", "key_off", "alarm_shutoff")
OVER_VOLTAGE = ("over_voltage_alarm", "over_voltage")


def line_plan(config: StationConfig, drivers: Mapping[str, Driver]) -> LinePlan | None:
    """Return the plan of the line that ends at this station, or None where the file has no [line]."""
    line = config.line
    if line is None:
        return None
    buses = {bus: tuple(name for name, device in config.device.items() if device.bus == bus) for bus in config.bus}
    return LinePlan(
        name=line.name,
        end=End(line.end.value),
        cable=cable_of(line),
        station=config.station.title or config.station.name,
        far_station=(line.far_station or "the far station").capitalize(),
        pairs=tuple(_pairs(config, drivers)),
        feeds=tuple(_feeds(config, drivers)),
        contacts=tuple(_contacts(config)),
        demarcation_km=line.demarcation_km,
        buses=buses,
        known=_known(line, tuple(config.pfe.values())),
    )


def cable_of(line: Line) -> Cable:
    """Return the cable of a [line] section."""
    return Cable(
        length_km=line.length_km,
        ohm_per_km=line.conductor_ohm_per_km,
        repeaters_km=line.repeaters_km,
        repeater_drop_v=line.repeater_drop_v,
        sea_earth_ohm=line.sea_earth_ohm,
        capacitance_uf_per_km=line.capacitance_uf_per_km,
        fed=line.profile is Profile.REPEATERED,
    )


def _known(line: Line, feeds: tuple[PowerFeed, ...]) -> Uncertainty:
    """Return what the file says of the line's uncertainty. The droop of the far end is in the far station's file."""
    known, droop = Uncertainty(sea_earth_ohm=line.sea_earth_doubt_ohm), _droop(feeds)
    return replace(known, droop_a=droop) if End(line.end.value) is End.A else replace(known, droop_b=droop)


def _droop(feeds: tuple[PowerFeed, ...]) -> Droop:
    """Return the bounds of all feeds of this station together: any of them may be the one in service."""
    told = [(feed.droop_ma_per_kv, feed.droop_doubt_ma_per_kv) for feed in feeds if feed.droop_ma_per_kv is not None]
    if not told:
        return Droop()
    low_s, high_s = min(droop - doubt for droop, doubt in told) * 1e-6, max(droop + doubt for droop, doubt in told) * 1e-6
    every = len(told) == len(feeds)
    return Droop(max(0.0, low_s) if every else 0.0, high_s if every else max(high_s, HIGHEST_DROOP_S), known=every)


def _pairs(config: StationConfig, drivers: Mapping[str, Driver]) -> Iterator[PairPoints]:
    taps = config.sampler.channel if config.sampler is not None else ()
    for number in range(1, (config.line.fibre_pairs if config.line else 0) + 1):
        units = {name: device for name, device in config.device.items() if device.fibre_pair == number}
        own = [tap.name for tap in taps if tap.fibre_pair == number]
        sends = [name for name in own if name.endswith(TRANSMIT)]
        receives = [name for name in own if not name.endswith(TRANSMIT)]
        yield PairPoints(
            number,
            transmit_tap=next(iter(sends), None),
            receive_tap=next(iter(receives), None),
            booster=_first(units, drivers, (Role.BOOSTER,)),
            preamp=_first(units, drivers, RECEIVING),
            pumps=tuple(_amplifier(name, drivers[unit.driver]) for name, unit in units.items() if unit.role in PUMPING),
        )


def _first(units: Mapping[str, Device], drivers: Mapping[str, Driver], roles: tuple[Role | None, ...]) -> AmplifierPoints | None:
    found = ((name, drivers[unit.driver]) for name, unit in units.items() if unit.role in roles)
    return next((_amplifier(name, driver) for name, driver in found if driver.kind.name == "amplifier"), None)


def _amplifier(name: str, driver: Driver) -> AmplifierPoints:
    """Return the points that tell of the line. `pump_on` is left to `dark`: a pump that is off makes the output dark."""
    currents = (("pump1_current", "pump1_end_of_life_current"), ("pump2_current", "pump2_end_of_life_current"))
    pumps = [(_there(name, driver, one), _there(name, driver, end)) for one, end in currents]
    return AmplifierPoints(
        device=name,
        input_dbm=_there(name, driver, "input_power"),
        output_dbm=_there(name, driver, "output_power"),
        lost=_there(name, driver, "los"),
        reduced=_all(name, driver, REDUCED),
        reflected=_all(name, driver, REFLECTED),
        returned_dbm=_there(name, driver, "return_power"),
        return_loss_db=_there(name, driver, "return_loss"),
        pump_on=_there(name, driver, "pump_on"),
        dark=_all(name, driver, DARK),
        pumps=tuple(PumpPoints(current, end) for current, end in pumps if current is not None),
    )


def _feeds(config: StationConfig, drivers: Mapping[str, Driver]) -> Iterator[FeedPoints]:
    for name, device in config.device.items():
        driver = drivers[device.driver]
        if driver.kind.name != "pfe":
            continue
        limits = config.pfe.get(name)
        yield FeedPoints(
            device=name,
            current_ma=_there(name, driver, "output_current"),
            voltage_v=_there(name, driver, "output_voltage"),
            setpoint_ma=_there(name, driver, "current_setpoint"),
            on=_there(name, driver, "output_on"),
            regulation=_there(name, driver, "regulation"),
            tripped=_all(name, driver, ("fault",)),
            over_voltage=_all(name, driver, OVER_VOLTAGE),
            mains_failed=_there(name, driver, "mains_failed"),
            interlocks=(*_all(name, driver, ("interlock",)), *_interlocks(limits)),
            nominal_ma=limits.nominal_ma if limits else None,
            max_v=limits.max_v if limits else None,
        )


def _interlocks(limits: PowerFeed | None) -> tuple[PointId, ...]:
    if limits is None or isinstance(limits.interlocks, str):
        return ()
    return tuple(_point(each) for each in limits.interlocks)


def _contacts(config: StationConfig) -> Iterator[Contact]:
    for entry in config.alarm:
        if entry.type in CONTACTS and entry.equals is not None:
            yield Contact(entry.type, _point(entry.point), entry.equals)


def _all(name: str, driver: Driver, points: tuple[str, ...]) -> tuple[PointId, ...]:
    return tuple(found for each in points if (found := _there(name, driver, each)) is not None)


def _there(name: str, driver: Driver, point: str) -> PointId | None:
    """Return the point of a unit, or None where the unit does not have it."""
    row = driver.point(point)
    if row is None or isinstance(row.at, Missing) or "r" not in row.access:
        return None
    return PointId(name, point)


def _point(name: str) -> PointId:
    device, _, point = name.partition(".")
    return PointId(device, point)
