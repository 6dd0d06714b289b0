"""The first hour of a station: the package, the units as they are installed, and a machine that has no good station file yet."""

from __future__ import annotations

import json
import pwd
import re
import shutil
import time
from pathlib import Path

from inside.plant import STATION_FILE, let_people_in, start_plant, until_polled, write_credentials, write_station
from inside.systemctl import MEASURED, PATIENCE_S, UNIT, Journal, NotHere, changed, restored, run, shown, state, systemctl, until, version

UNITS = (UNIT, "stationd-witness.service", "stationd.slice")
OUT = Path("/out")
OPTIONAL = Path("/usr/share/doc/stationd/examples/optional")
# systemd-analyze counts to 10, from safe to unsafe. The gates are the figures that were promised; --threshold takes them times ten.
MOST_EXPOSED = {252: 15, 257: 14}
# What the daemon needs, each with its reason; everything else of the table has to stay off.
NEEDED = {
    "PrivateNetwork=": "it talks to equipment and a broker over TCP",
    "PrivateDevices=": "serial adapters come and go",
    "DeviceAllow=": "serial ports",
    "RestrictAddressFamilies=~AF_(INET|INET6)": "TCP",
    "RestrictAddressFamilies=~AF_UNIX": "the control socket, the manager, the journal",
    "IPAddressDeny=": "equipment and broker in private networks",
    "SystemCallFilter=~@resources": "the priority of the sampling thread",
    "RestrictRealtime=": "the priority of the sampling thread",
    "RootDirectory=/RootImage=": "one root for daemon and equipment files",
    "ProcSubset=": "the start of the machine, the consoles, the load",
    "PrivateUsers=": "252: people have to be seen as who they are",
}
REFUSED_S = 3.0  # so long nothing may be tried again


def the_package_installs() -> str:
    """Every dependency is there, and nothing of it needs a second attempt."""
    begun = time.monotonic()
    run("dpkg", "--install", *sorted(Path("/deb").glob("*.deb")), within_s=120)
    for unit in UNITS:
        assert shown("LoadState", unit) == "loaded", unit
    assert systemctl("is-enabled", UNIT) == "enabled"
    return f"{time.monotonic() - begun:.1f} s"


def the_units_are_verified_without_a_word() -> None:
    """systemd-analyze finds nothing to say about a single line of them; the manual pages that they name are there."""
    for page in ("man8/stationd.8.gz", "man1/stationctl.1.gz"):
        assert Path("/usr/share/man", page).exists(), page
    pages = f"--man={'yes' if shutil.which('man') else 'no'}"
    done = run("systemd-analyze", "verify", pages, *(f"/usr/lib/systemd/system/{unit}" for unit in UNITS), code=None)
    own = [line for line in (done.stdout + done.stderr).splitlines() if "stationd" in line]
    assert (done.returncode, own) == (0, []), done.stderr


def the_exposure_is_within_its_gate() -> str:
    """The score of the unit with its drop-ins, and no line of the table is given up that is not listed with its reason."""
    gate = MOST_EXPOSED[max(known for known in MOST_EXPOSED if known <= version())]
    table = run("systemd-analyze", "security", "--no-pager", f"--threshold={gate}", UNIT, code=None)
    (OUT / f"security-{version()}.txt").write_text(table.stdout, encoding="utf-8")
    lines = json.loads(run("systemd-analyze", "security", "--json=short", UNIT, code=None).stdout)
    exposed = {line["name"] for line in lines if line["exposure"] not in (None, "", "0", "0.0")}
    assert exposed <= set(NEEDED), f"given up without a reason: {sorted(exposed - set(NEEDED))}"
    found = re.search(r"exposure level for \S+: ([0-9.]+)", table.stdout)
    assert found is not None, table.stdout[-300:]
    MEASURED.append(("exposure", float(found[1]), gate / 10))
    assert table.returncode == 0, table.stdout.splitlines()[-1]
    return f"{found[1]} (gate {gate / 10})"


def no_optional_drop_in_costs_safety() -> str:
    """Each of the examples is verified without a word, and keeps the gate."""
    names = sorted(path.name for path in OPTIONAL.glob("*.conf"))
    assert len(names) >= 5, names
    gate = MOST_EXPOSED[max(known for known in MOST_EXPOSED if known <= version())]
    for name in names:
        changed(name.removesuffix(".conf"), (OPTIONAL / name).read_text().partition("[Service]\n")[2])
        try:
            run("systemd-analyze", "security", "--no-pager", f"--threshold={gate}", UNIT)
            done = run("systemd-analyze", "verify", "--man=no", f"/usr/lib/systemd/system/{UNIT}")
            assert "stationd" not in done.stdout + done.stderr, done.stderr
        finally:
            restored(name.removesuffix(".conf"))
    return ", ".join(names)


def the_witness_is_safer_than_the_daemon() -> str:
    """The one process that may ask the kernel's clock and see other processes can do next to nothing else."""
    done = run("systemd-analyze", "security", "--no-pager", "--threshold=10", "stationd-witness.service")
    return done.stdout.splitlines()[-1].partition(":")[2].split()[0]


def the_user_of_the_daemon_is_a_system_user_without_a_shell() -> None:
    """Nobody logs in as the daemon, and logind leaves what belongs to it alone (system users are below 1000)."""
    user = pwd.getpwnam("stationd")
    assert user.pw_uid < 1000
    assert user.pw_shell == "/usr/sbin/nologin"


def the_folder_of_the_control_socket_gives_its_group() -> None:
    """setgid and stationd-view: what the daemon makes there is the group's, without any right to change owners."""
    folder = Path("/run/stationd")
    assert (folder.owner(), folder.group(), oct(folder.stat().st_mode & 0o7777)) == ("stationd", "stationd-view", "0o2755")


def the_rules_of_udev_are_well_formed() -> None:
    """Checked by udevadm where it can."""
    if version() < 254:
        raise NotHere("udevadm verify came with systemd 254")
    run("udevadm", "verify", "--no-style", "/usr/lib/udev/rules.d/60-stationd.rules")


def nothing_waits_for_a_network_or_a_clock() -> None:
    """Neither network-online.target nor time-sync.target holds the start back, directly or through what it needs."""
    waited = run("systemctl", "list-dependencies", "--after", "--plain", UNIT).stdout + systemctl("list-dependencies", "--plain", UNIT)
    assert not re.search(r"network-online|time-sync|wait-online|chrony-wait", waited), waited


def without_a_station_file_the_service_refuses_politely() -> str:
    """It is no failure, nothing is tried again, and `systemctl status` says in one line what is missing."""
    assert not STATION_FILE.exists()
    systemctl("start", UNIT)
    assert state() == "inactive/dead"
    assert shown("NRestarts") == "0"
    assert UNIT not in systemctl("list-units", "--failed", "--plain")
    status = systemctl("status", UNIT, code=3)
    sentence = next(line.strip() for line in status.splitlines() if str(STATION_FILE) in line and "not met" in line)
    return sentence.lstrip("└─ ")


def a_faulty_station_file_is_said_and_not_tried_again() -> str:
    """Each mistake is in the journal, the status has the sum of them, and nothing starts until somebody starts it."""
    journal = Journal()
    STATION_FILE.parent.mkdir(exist_ok=True)
    STATION_FILE.write_text('[station]\nname = "aktau"\ntitel = "Aktau"\n', encoding="utf-8")
    systemctl("start", UNIT, code=1)
    assert (state(), shown("Result"), shown("ExecMainStatus")) == ("failed/failed", "exit-code", "2")
    assert "did you mean" in journal.until_said("station.titel")
    until_s = time.monotonic() + REFUSED_S
    while time.monotonic() < until_s:
        assert (state(), shown("NRestarts")) == ("failed/failed", "0")
        time.sleep(0.2)
    return shown("StatusText")


def with_a_good_file_it_starts_and_reads_the_plant() -> str:
    """`systemctl start` returns when it is ready; then every unit of the simulated plant answers."""
    write_credentials()
    let_people_in()
    start_plant()
    write_station()
    begun = time.monotonic()
    systemctl("start", UNIT)
    ready_s = time.monotonic() - begun
    assert state() == "active/running"
    until_polled()
    until(lambda: shown("ActiveState", "stationd-witness.service") == "active", "the witness does not run", PATIENCE_S)
    return f"ready {ready_s:.1f} s after the order"


LINES = (
    the_package_installs,
    the_units_are_verified_without_a_word,
    the_exposure_is_within_its_gate,
    no_optional_drop_in_costs_safety,
    the_witness_is_safer_than_the_daemon,
    the_user_of_the_daemon_is_a_system_user_without_a_shell,
    the_folder_of_the_control_socket_gives_its_group,
    the_rules_of_udev_are_well_formed,
    nothing_waits_for_a_network_or_a_clock,
    without_a_station_file_the_service_refuses_politely,
    a_faulty_station_file_is_said_and_not_tried_again,
    with_a_good_file_it_starts_and_reads_the_plant,
)
