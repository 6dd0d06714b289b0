"""The package goes without a trace, and comes again: after that the phase of other versions begins (inside.upgrade_lines)."""

from __future__ import annotations

import time
from pathlib import Path

from inside.journal_lines import DOOR
from inside.package_lines import the_package_installs
from inside.plant import let_people_in, standing, start_plant, until_polled, until_settled, write_credentials, write_station
from inside.systemctl import UNIT, run, state, systemctl, until

LEFT = ("/opt/stationd", "/var/lib/stationd", "/etc/stationd", "/run/stationd", "/usr/lib/systemd/system/stationd.service")


def removed_it_stops() -> None:
    """dpkg --remove ends the daemon; configuration and state stay."""
    run("dpkg", "--remove", "stationd", within_s=120)
    assert state() in ("inactive/dead", "failed/failed")
    assert Path("/etc/stationd/station.toml").exists()
    assert Path("/var/lib/stationd").exists()


def purged_nothing_stays() -> str:
    """dpkg --purge leaves no file, no user, no group, no unit."""
    begun = time.monotonic()
    run("dpkg", "--purge", "stationd", within_s=120)
    assert [path for path in LEFT if Path(path).exists()] == []
    assert "stationd" not in Path("/etc/passwd").read_text() + Path("/etc/group").read_text()
    assert "stationd" not in systemctl("list-unit-files", "--plain", "--no-legend")
    assert UNIT not in systemctl("list-units", "--all", "--plain", "--no-legend")
    return f"{time.monotonic() - begun:.1f} s"


def a_purged_machine_takes_it_again() -> None:
    """A new station: package, secrets, people, a plant that is polled, an alarm that stands."""
    the_package_installs()
    write_credentials()
    let_people_in()
    start_plant()
    write_station(door_raises=True)
    systemctl("restart", UNIT)
    until_polled()
    until(lambda: DOOR in standing(), "the alarm never came")
    until_settled()


PREPARATIONS = (a_purged_machine_takes_it_again,)
LINES = (removed_it_stops, purged_nothing_stays)
