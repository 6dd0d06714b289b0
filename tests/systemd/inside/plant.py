"""The plant and the station of the suite: `stationd sim` as a unit, the station file that polls it, and people with accounts.

Serial lines are pseudo terminals of a simulation that runs as the daemon's own user, so that the daemon may open them as it may
a serial port of its group; the drop-in that lets it is the only change of the unit. The plant is that of stationd.sim; it is no adversary.
"""

from __future__ import annotations

import json
import re
import subprocess
import time
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from inside.systemctl import changed, run, systemctl, until, until_active

PROGRAMS = Path("/opt/stationd/bin")
STATION_FILE = Path("/etc/stationd/station.toml")
CREDENTIALS = Path("/etc/credstore")
STATE = Path("/var/lib/stationd")
SOCKET = Path("/run/stationd/io.stationd")
PORTS = Path("/run/plant/ports.json")
PAGES = 9464
SETTLED_S = 12.0  # assumption: longer than the delays of STALE and BUS-DOWN
OF_THE_LOAD = ("sampler/SAMPLES-MISSED",)
UNITS = ("pfe-a", "fp1-booster", "io1")
FAR_KEY = "7f" * 32
TERMINALS = "# The lines of the simulation are pseudo terminals.\nDeviceAllow=char-pts rw"
VIEWER, OPERATOR, SECOND, STRANGER = "aliyev", "bekov", "serik", "passerby"
ROLES = {VIEWER: "stationd-view", OPERATOR: "stationd-view,stationd-operate", SECOND: "stationd-operate", STRANGER: ""}
RIG = """
[cable]
test_set = "s1-341"
fibre_pairs = 2
[port.pfe]
protocol = "modbus-rtu"
baud = 19200
[port.booster]
protocol = "text"
baud = 19200
[port.io]
link = "tcp"
protocol = "modbus-tcp"
[device.pfe-a]
port = "pfe"
driver = "ea-ps10000"
role = "pfe"
ratings = { voltage_v = 1000.0, current_ma = 1500.0, power_w = 1500.0 }
[device.fp1-booster]
port = "booster"
driver = "keopsys-cefa"
role = "booster"
fibre_pair = 1
[device.io1]
port = "io"
driver = "modbus-io"
role = "io"
"""
UNIT = """
[Service]
Type=exec
User=stationd
Group=stationd
RuntimeDirectory=plant
ExecStart=/opt/stationd/bin/stationd sim /run/plant-rig.toml --ports-file /run/plant/ports.json
"""
STATION = """
[station]
name = "aktau"
title = "Aktau"
mode = "hil"
time_zone = "Asia/Aqtau"
[line]
name = "s1"
profile = "repeatered"
length_km = 341.0
end = "a"
far_station = "siyazan"
fibre_pairs = 2
repeaters_km = [68.2, 136.4, 204.6, 272.8]
[far_station]
key = "credential:far.key"
[bus.pfe]
port = "{pfe}"
protocol = "modbus-rtu"
baud = 19200
[device.pfe-a]
driver = "ea-ps10000"
bus = "pfe"
role = "pfe"
ratings = {{ voltage_v = 1000.0, current_ma = 1500.0, power_w = 1500.0 }}
[pfe.pfe-a]
nominal_ma = 1000.0
max_v = {max_v}
interlocks = ["io1.di1"]
[bus.booster]
port = "{booster}"
protocol = "text"
baud = 19200
[device.fp1-booster]
driver = "keopsys-cefa"
bus = "booster"
role = "booster"
fibre_pair = 1
[bus.io]
port = "{io}"
protocol = "modbus-tcp"
[device.io1]
driver = "modbus-io"
bus = "io"
[sampler]
source = "{light}"
rate_hz = 1000
[sampler.calibration.tap]
model = "log-amp"
volts_per_count = 7.8127e-05
volts_per_decade = 0.2
intercept_dbm = -70.0
tap_db = 20.0
valid_counts = [1, 65534]
[[sampler.channel]]
name = "fp1-rx"
index = 0
fibre_pair = 1
los_dbm = -38.0
clear_dbm = -36.0
calibration = "tap"
[[alarm]]
type = "DOOR-OPEN"
point = "io1.di8"
equals = {door}
severity = "major"
[mqtt]
url = "mqtt://127.0.0.1:1883"
username = "aktau"
password = "credential:mqtt.password"
[prometheus]
listen = "127.0.0.1:9464"
[control]
socket = "/run/stationd/io.stationd"
"""


def start_plant() -> None:
    """Start the simulated equipment and let the daemon open its terminals."""
    Path("/run/plant-rig.toml").write_text(RIG, encoding="utf-8")
    Path("/run/systemd/system/plant.service").write_text(UNIT, encoding="utf-8")
    changed("10-terminals", TERMINALS)
    systemctl("start", "plant.service")
    until(PORTS.exists, "the simulation never said where its ports are")


def write_station(max_v: float = 800.0, *, door_raises: bool = False) -> None:
    """Write the station file. `door_raises`: its one alarm stands, as the contact is closed and that is what raises it."""
    ports: Mapping[str, str] = json.loads(PORTS.read_text(encoding="utf-8"))
    named = {name: ports[name] for name in ("pfe", "booster", "io")}
    text = STATION.format(max_v=max_v, door=str(door_raises).lower(), light=ports["light-a"], **named)
    STATION_FILE.parent.mkdir(exist_ok=True)
    STATION_FILE.write_text(text, encoding="utf-8")


def write_credentials() -> None:
    """Write both secrets where the manager looks for them."""
    CREDENTIALS.mkdir(mode=0o700, exist_ok=True)
    for name, secret in (("far.key", FAR_KEY), ("mqtt.password", "correct horse")):
        file = CREDENTIALS / f"stationd.{name}"
        file.touch(mode=0o600)
        file.write_text(f"{secret}\n", encoding="utf-8")


def let_people_in() -> None:
    """Give each person an account and their role's groups; a second time the groups alone, which a purge has taken away."""
    for name, groups in ROLES.items():
        run("useradd", "--no-create-home", name, code=None)
        run("usermod", "--groups", groups, name)


def said(*words: str, person: str = VIEWER, code: int | None = 0) -> subprocess.CompletedProcess[str]:
    """Run stationctl as a person."""
    return run("runuser", "-u", person, "--", PROGRAMS / "stationctl", *words, code=code)


def asked(*words: str, person: str = VIEWER) -> Any:
    """Return the document of a one-shot command."""
    document = json.loads(said("--json", *words, person=person).stdout)
    return document.get("data", document)


def standing() -> dict[str, str]:
    """Return the alarms of the station, the shelved ones too: key and letter. Left out is what comes and goes with the machine's load."""
    listed = asked("show", "alarms", "all")
    return {alarm["key"]: alarm["state"] for alarm in listed["alarms"] if alarm["key"] not in OF_THE_LOAD}


def until_settled() -> None:
    """Wait until no letter has changed for a while: after faults some alarms still come and go by their delays."""
    before, since = standing(), time.monotonic()

    def settled() -> bool:
        nonlocal before, since
        now = standing()
        if now != before:
            before, since = now, time.monotonic()
        return time.monotonic() - since > SETTLED_S

    until(settled, "the alarms never settled", 120)


def until_polled() -> None:
    """Wait until the daemon runs and every unit of the plant answers it."""
    until_active()
    until(lambda: set(UNITS) <= answering(), "the plant never answered")


def answering() -> set[str]:
    """Return the units that answer, as /metrics says; none while nobody serves it."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{PAGES}/metrics", timeout=10) as page:
            return set(re.findall(r'(?m)^stationd_device_up\{device="([^"]+)"\} 1', page.read().decode()))
    except OSError:
        return set()
