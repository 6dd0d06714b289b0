"""Another version in the place of a running one, with alarms standing: forth, back, cut off in the middle, and one that does not start.

The other versions are the package itself as other revisions, one of them spoiled: what is tried is the way, not what a version brings.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import time
from pathlib import Path

from inside.manager import UNIT, main_pid, run, shown, since_boot_s, state, systemctl, until, until_active
from inside.plant import STATE, STATION_FILE, asked, standing

GAP_S = 3.0  # R15: from the last of the old version to the first of the new one
BUSY = 1.5  # on a machine that is too busy for that: not much longer than a restart there takes
ROLLBACK = "stationd-rollback.service"
PLACE = STATE / "rollback"
SCRATCH = Path("/var/tmp/revisions")
BACK_S = 180.0  # five starts with their pauses, and dpkg; on a busy machine
EXAMPLE = STATION_FILE.with_name("station.toml.example")


def installed() -> str:
    """Return the version of the package."""
    return run("dpkg-query", "--show", "--showformat=${Version}", "stationd").stdout


def revision(number: int, *, spoiled: bool = False) -> Path:
    """Return the package in /deb as another revision. Spoiled, its daemon ends as soon as it is started."""
    (given,) = Path("/deb").glob("*.deb")
    tree, made = SCRATCH / "tree", SCRATCH / f"{number}.deb"
    run("dpkg-deb", "--raw-extract", given, tree)
    control = tree / "DEBIAN/control"
    control.write_text(control.read_text().replace("-1~py", f"-{number}~py"))
    if spoiled:
        program = tree / "opt/stationd/bin/stationd"
        program.write_text(program.read_text().replace("import sys\n", "import sys\nsys.exit(7)\n"))
    run("dpkg-deb", "--root-owner-group", "-Zgzip", "-z1", "--build", tree, made, within_s=120)
    shutil.rmtree(tree)
    return made


def install(package: Path) -> None:
    """Let dpkg install it."""
    run("dpkg", "--install", package, within_s=180)


def gap_s() -> float:
    """Return how long the last restart left the station without a daemon that is ready."""
    return since_boot_s("ActiveEnterTimestampMonotonic") - since_boot_s("ActiveExitTimestampMonotonic")


def until_as_before(letters: dict[str, str]) -> None:
    """Wait until every alarm that there was has its letter; others may have come, whose delay was running."""
    until_active()
    until(lambda: letters.items() <= standing().items(), f"the alarms were {letters}")


def the_next_version_takes_its_place_and_no_alarm_notices() -> str:
    """The old one runs until the new one starts; every alarm keeps its letter, what people wrote stays, a copy of the old one is kept."""
    letters, before, ours = standing(), installed(), STATION_FILE.read_text()
    assert letters
    systemctl("restart", UNIT)
    usual_s, pid = gap_s(), until_active()
    EXAMPLE.write_text("# mine\n")
    SCRATCH.mkdir(mode=0o755, exist_ok=True)
    install(revision(2))
    assert "-2~" in installed()
    assert main_pid() not in (0, pid)
    found_s = gap_s()
    assert found_s <= max(GAP_S, BUSY * usual_s), (found_s, usual_s)
    until_as_before(letters)
    assert (STATION_FILE.read_text(), EXAMPLE.read_text()) == (ours, "# mine\n")
    assert [path.name for path in PLACE.glob("*.deb")] == [f"{before}.deb"]
    assert shown("ActiveState", ROLLBACK) == "active", "the new version is not on trial"
    return f"{found_s:.2f} s without it ({usual_s:.2f} s in a restart), {len(letters)} alarms"


def cut_off_in_the_middle_the_old_one_runs_on() -> None:
    """dpkg killed while it unpacks an older version: nobody notices, and the next attempt brings it to its end."""
    letters, pid = standing(), main_pid()
    (given,) = Path("/deb").glob("*.deb")
    with subprocess.Popen(["dpkg", "--install", str(given)], stdin=subprocess.DEVNULL, start_new_session=True) as dpkg:
        until(lambda: any(Path("/opt/stationd/lib").rglob("*.dpkg-new")), "dpkg never unpacked")
        os.killpg(dpkg.pid, signal.SIGKILL)
    assert (main_pid(), state()) == (pid, "active/running")
    assert letters.items() <= standing().items()
    install(given)
    assert "-1~" in installed()
    assert not any(Path("/opt/stationd").rglob("*.dpkg-new"))
    until_as_before(letters)


def a_version_that_does_not_come_up_is_gone_back_from() -> str:
    """Nobody is there: after five starts that came to nothing the version before is installed again, and held."""
    letters, before = standing(), installed()
    with contextlib.suppress(FileNotFoundError):
        (PLACE / "trial").unlink()  # as after a minute: the version before has proven itself
    begun = time.monotonic()
    install(revision(3, spoiled=True))
    assert "-3~" in installed()
    until(lambda: shown("ActiveState", ROLLBACK) not in ("active", "deactivating"), "the trial never ended", BACK_S)
    assert (installed(), shown("Result", ROLLBACK)) == (before, "success")
    assert run("dpkg-query", "--show", "--showformat=${db:Status-Want}", "stationd").stdout == "hold"
    until_as_before(letters)
    return f"back after {time.monotonic() - begun:.0f} s"


def a_copy_that_the_daemon_could_have_made_is_never_installed() -> None:
    """Its folder lies in one of the daemon's; a package put there by anybody but root is refused."""
    before = installed()
    PLACE.rename(STATE / "away")
    run("install", "-d", "-o", "stationd", PLACE)
    shutil.copy(SCRATCH / "3.deb", PLACE / f"{before}.deb")
    done = run("/usr/sbin/stationd-rollback", "now", code=1)
    assert "not root's alone" in done.stderr, done.stderr
    assert installed() == before
    shutil.rmtree(PLACE)
    (STATE / "away").rename(PLACE)


def whoever_stopped_it_starts_it() -> None:
    """An upgrade of a stopped service leaves it stopped, and has nothing to judge."""
    systemctl("stop", UNIT)
    install(SCRATCH / "2.deb")
    assert state() == "inactive/dead"
    assert shown("ActiveState", ROLLBACK) == "inactive"
    systemctl("start", UNIT)
    assert asked("show", "status")
    shutil.rmtree(SCRATCH)


LINES = (
    the_next_version_takes_its_place_and_no_alarm_notices,
    cut_off_in_the_middle_the_old_one_runs_on,
    a_version_that_does_not_come_up_is_gone_back_from,
    a_copy_that_the_daemon_could_have_made_is_never_installed,
    whoever_stopped_it_starts_it,
)
