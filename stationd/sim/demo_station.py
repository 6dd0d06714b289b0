"""The station files of the demonstration, and of everything else that puts real daemons on the simulated line.

What it is: for one end of a demonstration's rig the lines of the file that its daemon runs on. A simulated station may write:
read_only = false. What it is not: an example to start from; those are systemd/stations.
Operators and demarcation are those that the press names or that such stations usually have; [E] marks assumptions.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from secrets import token_hex

from stationd.driver import Protocol
from stationd.sim.cable import End
from stationd.sim.demo_rig import Route, station
from stationd.sim.device_io import ELECTRODING_RELAY, INTERLOCKS, Contact
from stationd.sim.light import station_lines
from stationd.sim.rig import Device, Rig

ZONES = {"aktau": "Asia/Aqtau", "siyazan": "Asia/Baku", "kuryk": "Asia/Aqtau", "buzovna": "Asia/Baku"}
OPERATORS = {End.A: "Kazakhtelecom", End.B: "AzerTelecom"}
DEMARCATION_KM = 4.0  # beach manhole: where the land cable of a station ends (assumption)
PAIR_TBPS = 400 / 24  # 24 pairs stand for the 400 Tb/s of the project (assumption)
MOST_V = 800.0  # the whole line from one end is about 500 V, and up to 35 V of earth potential
SOCKET = "io.stationd"
CONTACT_ALARMS = {  # an open contact raises it; those of the interlock loop are [pfe.pfe] interlocks and alarms by that
    Contact.EMERGENCY_STOP: ("EMERGENCY-STOP", "critical"),
    Contact.CONVERTER: ("CONVERTER-FAIL", "minor"),
    Contact.MAINS: ("MAINS-FAIL", "major"),
    Contact.FEED_TRIP: ("PFE-TRIP", "critical"),
}
NOMINAL_MA = 1000.0
# What may be set on the amplifiers of the simulated stations: round what they are delivered with (stationd.sim.amplifier).
OUTPUT_DBM = {"booster": "[5.0, 15.0]", "preamp": "[0.0, 12.0]"}
PUMP_MA = "[60.0, 500.0]"
READ_ONLY = ("edfa68",)  # nobody has published how such a module is set
FAR_KEY = token_hex(32)  # of this run
LINE_NAMES = {Route.MAIN: "s1", Route.RESERVE: "kb"}


def station_file(
    route: Route, end: End, rig: Rig, ports: Mapping[str, str], url: str, home: Path
) -> Iterator[str]:
    """Yield the lines of a station file for one end of a rig, which keeps everything in `home`.

    A simulated station may write: read_only = false.
    """
    name = station(route, end)
    cable = rig.cable.parameters()
    yield f'[station]\nname = "{name}"\ntitle = "{name.capitalize()}"\nmode = "sim"'
    yield f'time_zone = "{ZONES[name]}"\nread_only = false\noperator = "{OPERATORS[end]}"\nstate = "{home}/state"'
    yield f'local_switch = "io.di{Contact.LOCAL.value}"' if f"{name}-io" in rig.at(end) else ""
    profile = "repeatered" if cable.repeaters_km else "unrepeatered"
    yield f'[line]\nname = "{LINE_NAMES[route]}"\nprofile = "{profile}"\nlength_km = {cable.length_km}\nend = "{end.value}"'
    yield f'far_station = "{station(route, end.other)}"\nfibre_pairs = {rig.cable.fibre_pairs}'
    yield f"conductor_ohm_per_km = {cable.conductor_ohm_per_km}\nrepeaters_km = {list(cable.repeaters_km)}"
    yield f"sea_earth_ohm = {cable.sea_earth_ohm}"
    yield f"repeater_drop_v = {cable.repeater_drop_v}\ndemarcation_km = {DEMARCATION_KM}"
    yield f"capacity_tbps = {round(rig.cable.fibre_pairs * PAIR_TBPS, 1)}"
    yield f'[far_station]\nkey = "file:{_far_key(home)}"\nmax_v = {MOST_V}'
    for device, section in rig.device.items():
        if section.end is not end:
            continue
        short, port = device.removeprefix(f"{name}-"), rig.port[section.port]
        yield f'[bus.{short}]\nport = "{ports[section.port]}"\nprotocol = "{port.protocol.value}"'
        yield f"baud = {port.baud}" if port.protocol is not Protocol.MODBUS_TCP else ""
        yield f'[device.{short}]\ndriver = "{section.driver}"\nbus = "{short}"\naddress = {section.address}\nchannel = {section.channel}'
        yield f'role = "{section.role}"' if section.role else ""
        yield f"fibre_pair = {section.fibre_pair}" if section.fibre_pair else ""
        if section.ratings:
            yield f"[device.{short}.ratings]\n" + "\n".join(f"{rating} = {value}" for rating, value in section.ratings.items())
        yield from _amplifier(short, section)
    yield from _contacts(name, end, rig)
    yield f'[mqtt]\nurl = "{url}"\n[prometheus]\nlisten = "127.0.0.1:0"\n[control]\nsocket = "{home}/{SOCKET}"'
    yield '[[suppression]]\ncause = "AMP-LOS"\neffect = "AMP-FAULT"\nreach = "same"'  # a fault that sums up
    yield from station_lines(ports[rig.light[end]], rig.cable.fibre_pairs, home / "captures")


def _amplifier(name: str, section: Device) -> Iterator[str]:
    """Yield the limits of the set values of an amplifier, and what a pump of the watt class needs."""
    if section.role in OUTPUT_DBM and section.driver not in READ_ONLY:
        yield f"[amplifier.{name}]\noutput_dbm = {OUTPUT_DBM[section.role]}\npump1_ma = {PUMP_MA}"
    elif section.role in ("raman", "ropa-pump"):
        yield f'[amplifier.{name}]\ninterlocks = ["io.di{Contact.DOOR.value}"]'


def _far_key(home: Path) -> Path:
    """Write the secret of this run, which both ends have, and return where it is."""
    path = home / "far.key"
    path.touch(0o600)
    path.write_text(FAR_KEY)
    return path


def _contacts(name: str, end: End, rig: Rig) -> Iterator[str]:
    """Yield the limits of the power feed and what the contacts of the station mean."""
    here = {device.removeprefix(f"{name}-") for device in rig.at(end)}
    if "pfe" in here:
        interlocks = ", ".join(f'"io.di{each.value}"' for each in INTERLOCKS) if "io" in here else ""
        yield f"[pfe.pfe]\nnominal_ma = {NOMINAL_MA}\nmax_v = {MOST_V}\ninterlocks = [{interlocks}]"
        if "io" in here:
            yield f'electroding = "io.do{ELECTRODING_RELAY}"\nearthed = "io.di{Contact.EARTHED.value}"'
    for contact, (kind, severity) in CONTACT_ALARMS.items() if "io" in here else ():
        yield f'[[alarm]]\ntype = "{kind}"\npoint = "io.di{contact.value}"\nequals = false\nseverity = "{severity}"'
    if "io" in here:
        yield f'[[alarm]]\ntype = "ELECTRODING-ON"\npoint = "io.do{ELECTRODING_RELAY}"\nequals = true\nseverity = "warning"'
