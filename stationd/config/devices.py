"""Checks between buses, devices and the catalogue: that every device stands where its driver can be spoken to.

Each check looks only at keys that are sound, and one mistake gives one finding: a bus that many devices name and that is
not there is reported once, and a device of an unknown driver is not asked for its points.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from itertools import groupby

from stationd.config import values
from stationd.config.draft import Draft
from stationd.config.model import Bus, Device, Role
from stationd.config.plant import Plant
from stationd.config.problem import Finding, did_you_mean, listed, shown, written
from stationd.driver import Driver, Protocol

Catalogue = Mapping[str, Driver]
ROLES: Mapping[str, tuple[Role, ...]] = {
    "pfe": (Role.PFE,),
    "amplifier": (Role.LINE, Role.BOOSTER, Role.PREAMP, Role.RAMAN, Role.ROPA_PUMP),
    "io": (Role.IO,),
}
BROADCAST = 0  # MODBUS over Serial Line V1.02, 2.2; some units answer at it when they are alone on their port

def check_devices(plant: Plant, catalogue: Catalogue) -> list[Finding]:
    """Return what is wrong between the buses, the devices and the catalogue."""
    findings = [*_ports(plant), *_shared_ports(plant), *_missing_buses(plant), *_protocols(plant, catalogue)]
    for device in plant.device.values():
        findings += _device(device, catalogue)
    for _, devices in _by_bus(plant):
        findings += _neighbours(devices, catalogue)
    return findings


def driver_of(device: Draft[Device], catalogue: Catalogue) -> Driver | None:
    """Return a device's driver, or None where it is not known."""
    return catalogue.get(device.item.driver) if device.sound("driver") else None


def ratings_of(device: Draft[Device], catalogue: Catalogue) -> Mapping[str, float | None]:
    """Return what is known of a device's nameplate: the driver's defaults and over them what the file says."""
    driver = driver_of(device, catalogue)
    return {**(driver.ratings if driver else {}), **device.item.ratings}


# Buses.


def _ports(plant: Plant) -> Iterator[Finding]:
    for bus in plant.bus.values():
        if not bus.sound("port", "protocol"):
            continue
        scheme, separator, rest = bus.item.port.partition("://")
        match bus.item.protocol, scheme if separator else "":
            case Protocol.MODBUS_TCP, "socket":
                yield bus.finding("port", "modbus-tcp needs tcp://", f'write "tcp://{rest}"')
            case Protocol.MODBUS_TCP, "":
                yield bus.finding("port", 'modbus-tcp needs "tcp://host:502"', "on a serial port the protocol is modbus-rtu")
            case Protocol.MODBUS_RTU, "tcp":
                hint = f'write "socket://{rest}" for a serial gateway; Modbus TCP is protocol = "modbus-tcp"'
                yield bus.finding("port", "modbus-rtu does not go over tcp://", hint)


def _shared_ports(plant: Plant) -> Iterator[Finding]:
    first: dict[str, str] = {}
    for name, bus in plant.bus.items():
        if bus.sound("port"):
            owner = first.setdefault(_place(bus.item.port), name)
            if owner != name:
                reason = f"is already the port of [{written(('bus', owner))}]"
                yield bus.finding("port", reason, "one port is one bus: put its devices there")


def _place(port: str) -> str:
    """Return what two spellings of one port have in common."""
    _, separator, rest = port.partition("://")
    if not separator:
        return port
    host, number = values.endpoint(rest)
    return f"{host.lower()}:{number}"


# Devices and their buses.


def _missing_buses(plant: Plant) -> Iterator[Finding]:
    lost = [each for each in plant.device.values() if each.sound("bus") and each.item.bus not in plant.bus]
    if "bus" in plant.unread:
        return
    for name, devices in _grouped(lost):
        hint = did_you_mean(name, plant.bus)
        others = [written((*each.path, "bus")) for each in devices[1:]]
        yield devices[0].finding("bus", f"there is no [{written(('bus', name))}]", hint + also(others))


def also(others: list[str]) -> str:
    """Return the part of a hint that names other places of the same mistake."""
    return f"; also {listed(others, 4)}" if others else ""


def _grouped(devices: Iterable[Draft[Device]]) -> list[tuple[str, list[Draft[Device]]]]:
    ordered = sorted(devices, key=lambda each: each.item.bus)
    return [(bus, list(group)) for bus, group in groupby(ordered, key=lambda each: each.item.bus)]


def _by_bus(plant: Plant) -> list[tuple[Draft[Bus], list[Draft[Device]]]]:
    groups = _grouped(each for each in plant.device.values() if each.sound("bus"))
    return [(plant.bus[name], devices) for name, devices in groups if name in plant.bus]


def _protocols(plant: Plant, catalogue: Catalogue) -> Iterator[Finding]:
    """Find devices on a bus that speaks something else; when all its devices disagree, the bus is what is wrong."""
    for bus, devices in _by_bus(plant):
        if not bus.sound("protocol"):
            continue
        spoken = bus.item.protocol
        drivers = [(each, driver) for each in devices if (driver := driver_of(each, catalogue))]
        wrong = [(each, driver) for each, driver in drivers if spoken not in driver.protocols]
        if len(wrong) == len(drivers) > 1:
            common = [each for each in Protocol if all(each in driver.protocols for _, driver in drivers)]
            hint = f"all of them speak {_words(common)}" if common else _who_speaks(wrong)
            yield bus.finding("protocol", "none of the devices on this bus speaks it", hint)
            continue
        for device, driver in wrong:
            reason = f"[{written(bus.path)}] speaks {spoken.value}, {driver.model} does not"
            yield device.finding("bus", reason, f"{driver.model} speaks {_words(driver.protocols)}")


def _words(protocols: Iterable[Protocol]) -> str:
    return " or ".join(each.value for each in protocols)


def _who_speaks(wrong: list[tuple[Draft[Device], Driver]]) -> str:
    drivers = {driver.model: driver for _, driver in wrong}
    return ", ".join(f"{model} speaks {_words(driver.protocols)}" for model, driver in drivers.items())


# A device and its driver.


def _device(device: Draft[Device], catalogue: Catalogue) -> list[Finding]:
    if not device.sound("driver"):
        return []
    driver = catalogue.get(device.item.driver)
    if driver is None:
        return [device.finding("driver", "there is no such driver", did_you_mean(device.item.driver, catalogue))]
    checks = (_address, _channel, _role, _dialect, _points)
    return [*(finding for check in checks for finding in check(device, driver)), *_ratings(device, driver)]


def _address(device: Draft[Device], driver: Driver) -> Iterator[Finding]:
    lowest, highest = driver.addresses
    if not device.sound("address"):
        return
    if driver.addresses == (0, 0):
        if device.item.address > 1:
            yield device.finding("address", f"{driver.model} has no address on its line", "leave the key out")
    elif not lowest <= device.item.address <= highest:
        yield device.finding("address", f"{driver.model} has addresses {lowest} to {highest}")


def _channel(device: Draft[Device], driver: Driver) -> Iterator[Finding]:
    if device.sound("channel") and device.item.channel > driver.channels:
        has = f"channels 1 to {driver.channels}" if driver.channels > 1 else "one channel only"
        yield device.finding("channel", f"{driver.model} has {has}")


def _role(device: Draft[Device], driver: Driver) -> Iterator[Finding]:
    fitting = ROLES.get(driver.kind.name, ())
    if device.sound("role") and device.item.role is not None and device.item.role not in fitting:
        hint = f"one of: {listed(each.value for each in fitting)}"
        yield device.finding("role", f"{driver.model} is of kind {driver.kind.name}", hint)


def _dialect(device: Draft[Device], driver: Driver) -> Iterator[Finding]:
    dialect = device.item.dialect
    if device.sound("dialect") and dialect is not None and dialect not in driver.dialects:
        hint = did_you_mean(dialect, driver.dialects) if driver.dialects else "leave the key out"
        yield device.finding("dialect", f"{driver.model} has no such dialect", hint)


def _points(device: Draft[Device], driver: Driver) -> Iterator[Finding]:
    """Two points whose names differ only by case would be one metric to some readers."""
    names = sorted((point.name for point in driver.points), key=str.lower)
    for _, group in groupby(names, key=str.lower):
        twins = list(group)
        if len(twins) > 1:
            yield device.finding("driver", f"has points that differ only by case: {listed(twins)}", "rename them in the driver")


def _ratings(device: Draft[Device], driver: Driver) -> Iterator[Finding]:
    if not device.sound("ratings"):
        return
    given = device.item.ratings
    unknown = [name for name in given if name not in driver.ratings]
    missing = [name for name, default in driver.ratings.items() if default is None and name not in given]
    for name in unknown:
        hint = did_you_mean(name, missing or driver.ratings) if driver.ratings else "it has none: leave the key out"
        reason = f"{driver.model} has no such rating"
        yield Finding((*device.path, "ratings", name), shown(given[name]), reason, hint)
    for name in missing[len(unknown) :]:  # an unknown rating is a missing one misspelt
        reason = f"is missing: {driver.model} is scaled by it"
        yield Finding((*device.path, "ratings", name), "", reason, "copy it from the nameplate")


# Devices that share a bus.


def _neighbours(devices: list[Draft[Device]], catalogue: Catalogue) -> Iterator[Finding]:
    """Find devices that answer to the same address, or that stand on a line made for one unit."""
    placed: list[tuple[Draft[Device], Driver]] = []
    for device in devices:
        driver = driver_of(device, catalogue)
        if driver is None or not device.sound("address", "channel") or list(_address(device, driver)):
            continue
        clashes = (_clash(device, driver, other, its_driver) for other, its_driver in placed)
        finding = next((each for each in clashes if each is not None), None)
        if finding is not None:
            yield finding
        placed.append((device, driver))


def _broadcast(device: Draft[Device], driver: Driver, other: Draft[Device], its_driver: Driver) -> Finding | None:
    """Find a unit at the Modbus broadcast address beside another one: a write to it would reach every unit of the line."""
    for each, its, neighbour in ((device, driver, other), (other, its_driver, device)):
        if each.item.address == BROADCAST and Protocol.MODBUS_RTU in its.protocols:
            reason = f"is the broadcast address, and [{written(neighbour.path)}] is on the same bus"
            return each.finding("address", reason, "give it an address of its own, or a bus of its own")
    return None


def _clash(device: Draft[Device], driver: Driver, other: Draft[Device], its_driver: Driver) -> Finding | None:
    same_driver = driver.model == its_driver.model
    lone = next((each for each in (driver, its_driver) if each.addresses == (0, 0)), None)
    name = written(other.path)
    if lone and not same_driver:
        reason = f"{lone.model} has no addresses, so its line carries one unit; [{name}] is on it"
        return device.finding("bus", reason, "give it a bus of its own")
    if not lone and device.item.address != other.item.address:
        return _broadcast(device, driver, other, its_driver)
    if not same_driver:
        return device.finding("address", f"is already the address of [{name}], which is another unit")
    if device.item.channel != other.item.channel:
        return None
    if lone and driver.channels == 1:
        reason = f"{lone.model} has no addresses, so its line carries one unit; [{name}] is on it"
        return device.finding("bus", reason, "give it a bus of its own")
    hint = "another channel or address" if driver.channels > 1 and not lone else "another channel"
    key = "channel" if lone else "address"
    taken = f"[{name}] is already {'channel' if lone else 'address'} {getattr(device.item, key)} of this bus"
    return device.finding(key, taken, hint if driver.channels > 1 else "give it another address")
