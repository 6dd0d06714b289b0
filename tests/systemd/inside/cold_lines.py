"""A machine that starts and finds nothing: no network, no broker, no ports, no clock, no converter, a journal that is no journal.

The preparations are the last lines of the phase before; the lines are the first of the next, after a start of the whole system.
"""

from __future__ import annotations

import time

from inside.plant import STATE, STATION_FILE, asked, standing
from inside.systemctl import UNIT, kept_within, run, shown, since_boot_s, systemctl, until, until_active

SCANNING_S = 15.0  # R14: after the kernel
READY_S = 5.0  # R14: after exec, with a corrupt journal
STATION = """
[station]
name = "aktau"
mode = "hil"
time_zone = "Asia/Aqtau"
[bus.pfe]
port = "/dev/serial/by-id/usb-nothing-here"
protocol = "modbus-rtu"
[device.pfe-a]
driver = "ea-ps10000"
bus = "pfe"
role = "pfe"
ratings = { voltage_v = 1000.0, current_ma = 1500.0, power_w = 1500.0 }
[pfe.pfe-a]
nominal_ma = 1000.0
max_v = 800.0
interlocks = ["io1.di1"]
[bus.io]
port = "tcp://10.99.99.99:502"
protocol = "modbus-tcp"
[device.io1]
driver = "modbus-io"
bus = "io"
[sampler]
source = "iio:iio:device7"
rate_hz = 1000
[sampler.calibration.tap]
model = "log-amp"
volts_per_count = 7.8127e-05
volts_per_decade = 0.2
intercept_dbm = -70.0
valid_counts = [1, 65534]
[[sampler.channel]]
name = "fp1-rx"
index = 0
fibre_pair = 1
los_dbm = -38.0
clear_dbm = -36.0
[mqtt]
url = "mqtts://broker.nowhere.example:8883"
password = "credential:mqtt.password"
username = "aktau"
[prometheus]
listen = "127.0.0.1:9464"
[control]
socket = "/run/stationd/io.stationd"
"""


def everything_is_taken_away() -> None:
    """The station file names what is not there, and the journal is no journal any more."""
    systemctl("stop", UNIT, "plant.service")
    STATION_FILE.write_text(STATION, encoding="utf-8")
    run("/opt/stationd/bin/stationd", "check", STATION_FILE)
    for rest in STATE.glob("journal.sqlite-*"):  # what SQLite could mend it with
        rest.unlink()
    (STATE / "journal.sqlite").write_bytes(b"this is no journal\n" * 4096)


def it_starts_with_the_machine() -> str:
    """Active soon after the kernel, without a restart, and ready soon after exec although the journal had to be set aside."""
    until_active()
    assert shown("NRestarts") == "0"
    kernel_s = since_boot_s("ActiveEnterTimestampMonotonic") - _userspace_s()
    exec_s = since_boot_s("ActiveEnterTimestampMonotonic") - since_boot_s("ExecMainStartTimestampMonotonic")
    kept_within(kernel_s, SCANNING_S, "to be active after the start of the machine")
    kept_within(exec_s, READY_S, "to be ready after exec")
    return f"active {kernel_s:.1f} s after the manager began, ready {exec_s:.2f} s after exec"


def _userspace_s() -> float:
    """Return when this system's own manager began, seconds of the monotonic clock: in a container the kernel is older."""
    words = ("systemctl", "show", "--value", "--property=UserspaceTimestampMonotonic")
    return int(run(*words).stdout) / 1e6


def its_essential_function_runs() -> None:
    """Alarms are looked at and told: the journal and the control socket are alive, and go on being."""
    first = asked("show", "health")
    until(lambda: asked("show", "health") != first, "nothing moved within a few seconds")


def each_missing_thing_is_an_alarm() -> str:
    """Both ports, the units behind them, the converter, the broker, the journal that was set aside."""
    wanted = ("pfe/BUS-DOWN", "io/BUS-DOWN", "sampler/SAMPLER-LOST", "station/BROKER-LOST", "JOURNAL")
    keys: list[str] = []

    def all_there() -> bool:
        keys[:] = sorted(standing())
        return all(any(word in key for key in keys) for word in wanted)

    begun = time.monotonic()
    try:
        until(all_there, "not each missing thing is an alarm", 60)
    except AssertionError as error:
        raise AssertionError(f"{error}; there are {keys}") from None
    return f"{', '.join(keys)} after {time.monotonic() - begun:.0f} s"


def no_missing_thing_is_a_crash() -> None:
    """Still the first process, and no traceback in its journal."""
    assert shown("NRestarts") == "0"
    said = run("journalctl", "--namespace=stationd", "--boot", "--no-pager", "--output=cat", code=None).stdout
    assert "Traceback" not in said, said[said.index("Traceback") :][:2000]


def the_torn_journal_was_kept_for_whoever_looks() -> str:
    """What could not be read is set aside, not overwritten."""
    aside = sorted(path.name for path in STATE.iterdir() if path.is_file() and path.read_bytes().startswith(b"this is no journal"))
    assert aside
    return ", ".join(aside)


PREPARATIONS = (everything_is_taken_away,)
LINES = (
    it_starts_with_the_machine,
    its_essential_function_runs,
    each_missing_thing_is_an_alarm,
    no_missing_thing_is_a_crash,
    the_torn_journal_was_kept_for_whoever_looks,
)
