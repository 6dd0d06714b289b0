"""The end of a station: the package goes, and nothing of it stays."""

from __future__ import annotations

import time
from pathlib import Path

from inside.manager import UNIT, run, state, systemctl

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


LINES = (removed_it_stops, purged_nothing_stays)
