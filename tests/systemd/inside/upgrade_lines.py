"""Another version in the place of a running one, with alarms standing: forth, back, cut off in the middle, refusing, and not starting.

The other versions are the package itself as other revisions, one of them spoiled: what is tried is the way, not what a version brings.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

from inside.plant import STATION_FILE, asked, standing
from inside.systemctl import MEASURED, UNIT, Journal, main_pid, run, shown, since_boot_s, state, systemctl, until, until_active

GAP_S = 3.0  # R15: from the last of the old version to the first of the new one
BUSY = 1.5  # on a machine that is too busy for that: not much longer than a restart there takes
ROLLBACK = "stationd-rollback.service"
PLACE = Path("/var/lib/stationd-rollback")
SCRATCH = Path("/var/tmp/revisions")
BACK_S = 180.0  # five starts with their pauses, and dpkg; on a busy machine
EXAMPLE = STATION_FILE.with_name("station.toml.example")


def installed() -> str:
    """Return the version of the package."""
    return run("dpkg-query", "--show", "--showformat=${Version}", "stationd").stdout


def revision(number: int, spoilt: str = "") -> Path:
    """Return the package in /deb as another revision. `spoilt`: what its program does as soon as it is started."""
    (given,) = Path("/deb").glob("*.deb")
    tree, made = SCRATCH / "tree", SCRATCH / f"{number}.deb"
    run("dpkg-deb", "--raw-extract", given, tree)
    control = tree / "DEBIAN/control"
    control.write_text(control.read_text().replace("-1~py", f"-{number}~py"))
    program = tree / "opt/stationd/bin/stationd"
    program.write_text(program.read_text().replace("import sys\n", f"import sys\n{spoilt}\n"))
    run("dpkg-deb", "--root-owner-group", "-Zgzip", "-z1", "--build", tree, made, within_s=120)
    shutil.rmtree(tree)
    return made


def install(package: Path) -> None:
    """Let dpkg install it."""
    run("dpkg", "--install", package, within_s=180)


def seen_ready() -> None:
    """Note that the installed version was ready for a minute, without waiting for it."""
    assert state() == "active/running"
    (PLACE / "trial").unlink(missing_ok=True)
    (PLACE / "proven").write_text(json.dumps({"version": installed(), "file": None}))


def gap_s() -> float:
    """Return how long the last restart left the station without a daemon that is ready."""
    return since_boot_s("ActiveEnterTimestampMonotonic") - since_boot_s("ActiveExitTimestampMonotonic")


def until_as_before(letters: dict[str, str]) -> None:
    """Wait until every alarm that there was has its letter; others may have come, whose delay was running."""
    until_active()
    differing: dict[str, tuple[str, str | None]] = {}

    def as_before() -> bool:
        now = standing()
        differing.clear()
        differing.update({key: (letter, now.get(key)) for key, letter in letters.items() if now.get(key) != letter})
        return not differing

    try:
        until(as_before, "an alarm noticed")
    except AssertionError as error:
        raise AssertionError(f"{error}; was and is: {differing}") from None


def the_next_version_takes_its_place_and_no_alarm_notices() -> str:
    """The old one runs until the new one starts; every alarm keeps its letter, what people wrote stays, a copy of the old one is kept."""
    letters, before, ours = standing(), installed(), STATION_FILE.read_text()
    assert letters
    systemctl("restart", UNIT)
    usual_s, pid = gap_s(), until_active()
    EXAMPLE.write_text("# mine\n")
    SCRATCH.mkdir(mode=0o755, exist_ok=True)
    seen_ready()
    install(revision(2))
    assert "-2~" in installed()
    assert main_pid() not in (0, pid)
    found_s = gap_s()
    MEASURED.append(("without a daemon in an upgrade", found_s, GAP_S))
    assert found_s <= max(GAP_S, BUSY * usual_s), (found_s, usual_s)
    until_as_before(letters)
    assert (STATION_FILE.read_text(), EXAMPLE.read_text()) == (ours, "# mine\n")
    assert f"kept      {before}, seen ready" in run("/usr/sbin/stationd-rollback").stdout
    assert shown("ActiveState", ROLLBACK) == "active", "the new version is not on trial"
    systemctl("kill", "--signal=KILL", ROLLBACK)
    until(lambda: (shown("NRestarts", ROLLBACK), shown("ActiveState", ROLLBACK)) == ("1", "active"), "nobody watches it any more")
    return f"{found_s:.2f} s without it ({usual_s:.2f} s in a restart), {len(letters)} alarms"


def cut_off_anywhere_the_station_goes_on() -> str:
    """dpkg killed downwards and upwards: no alarm notices, what is there starts, and the next attempt ends it.

    Two places of five: each takes half a minute here. Not tried each time: while it unpacks, compiles the modules, or packs the copy.
    """
    letters, took = standing(), []
    (given,) = Path("/deb").glob("*.deb")
    for name, package, reached in (
        ("unpacked", given, lambda: dpkg_says("unpacked") or dpkg_says("half-configured")),  # the one may be too short to be seen
        ("restarting", SCRATCH / "2.deb", lambda: dpkg_says("half-configured") and state() != "active/running"),
    ):
        begun = time.monotonic()
        killed_when(package, name, reached)
        if name == "unpacked":
            systemctl("restart", UNIT)  # as after a power cut
        until_as_before(letters)
        install(package)
        until_as_before(letters)
        assert dpkg_says("installed")
        assert not any(Path("/opt/stationd").rglob("*.dpkg-new"))
        assert not (PLACE / "work").exists()
        took.append(f"{name} {time.monotonic() - begun:.0f} s")
    return ", ".join(took)


def dpkg_says(status: str) -> bool:
    """Tell whether the package is in a state of dpkg."""
    return run("dpkg-query", "--show", "--showformat=${db:Status-Status}", "stationd").stdout == status


def killed_when(package: Path, name: str, reached: Callable[[], bool]) -> None:
    """Install a package and kill all of it, the package's scripts too, at a moment."""
    with subprocess.Popen(["dpkg", "--install", str(package)], stdin=subprocess.DEVNULL, start_new_session=True) as dpkg:
        try:
            until(lambda: reached() or dpkg.poll() is not None, f"it was never {name}")
            assert dpkg.poll() is None, f"dpkg ended before it was {name}"
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(dpkg.pid, signal.SIGKILL)


def a_version_that_refuses_the_station_file_is_not_started() -> None:
    """The running daemon is left running, dpkg is content, and what to do is said."""
    seen_ready()
    seen_ready()
    systemctl("stop", ROLLBACK)
    pid, journal = main_pid(), Journal("")
    refuses = "if sys.argv[1] == 'check':\n    print('station.name: refused')\n    sys.exit(1)"
    said = run("dpkg", "--install", revision(3, refuses), within_s=180)
    assert "station.name: refused" in said.stdout
    assert "systemctl restart stationd" in said.stderr
    journal.until_said("left running", "PRIORITY=3")
    assert (main_pid(), state()) == (pid, "active/running")
    assert not (PLACE / "trial").exists()
    (given,) = Path("/deb").glob("*.deb")
    install(given)


def a_version_that_does_not_come_up_is_gone_back_from() -> str:
    """Nobody is there: after five starts that came to nothing the version before is installed again, and held, and that is said."""
    letters, before, journal = standing(), installed(), Journal("")
    until_active()
    seen_ready()
    begun = time.monotonic()
    install(revision(4, "sys.exit(7)"))
    assert "-4~" in installed()
    until(lambda: shown("ActiveState", ROLLBACK) == "inactive", "the trial never ended", BACK_S)
    assert (installed(), shown("Result", ROLLBACK)) == (before, "success")
    assert run("dpkg-query", "--show", "--showformat=${db:Status-Want}", "stationd").stdout == "hold"
    assert "held" in journal.until_said(f"gone back to {before}", "PRIORITY=3")
    told = run("/usr/sbin/stationd-rollback", "show").stdout
    assert "gone back from" in told
    assert "apt-mark unhold" in told
    until_as_before(letters)
    return f"back after {time.monotonic() - begun:.0f} s"


def where_no_version_comes_up_nothing_is_held() -> str:
    """The fault is elsewhere: the way back is gone once, is of no use, and that is said."""
    journal = Journal("")
    systemctl("stop", UNIT)
    install(revision(5, "sys.exit(7)"))
    seen = {"version": installed(), "file": None}
    shutil.copy(SCRATCH / "5.deb", PLACE / "previous.deb")
    (PLACE / "proven").write_text(json.dumps(seen))
    begun = time.monotonic()
    systemctl("--no-block", "start", UNIT)
    install(revision(6, "sys.exit(7)"))
    until(lambda: shown("ActiveState", ROLLBACK) == "inactive", "the trial never ended", BACK_S)
    assert "nothing is held" in journal.until_said("gone back to", "PRIORITY=3")
    assert run("dpkg-query", "--show", "--showformat=${db:Status-Want}", "stationd").stdout == "install"
    (given,) = Path("/deb").glob("*.deb")
    install(given)
    until_active()
    systemctl("stop", ROLLBACK)
    seen_ready()
    return f"said after {time.monotonic() - begun:.0f} s"


def a_copy_is_nothing_that_the_daemon_can_reach() -> None:
    """It is installed as root: the daemon's user can neither read nor write where it is, and one that is not root's is refused."""
    before = installed()
    for words in (("ls", PLACE), ("touch", PLACE / "previous.deb"), ("mv", PLACE, "/var/lib/stationd/away")):
        assert run("runuser", "-u", "stationd", "--", *words, code=None).returncode != 0, words
    os.chown(PLACE / "previous.deb", 1, 1)
    done = run("/usr/sbin/stationd-rollback", "now", code=2)
    assert "not root's alone" in done.stderr, done.stderr
    assert installed() == before
    os.chown(PLACE / "previous.deb", 0, 0)


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
    cut_off_anywhere_the_station_goes_on,
    a_version_that_refuses_the_station_file_is_not_started,
    a_version_that_does_not_come_up_is_gone_back_from,
    where_no_version_comes_up_nothing_is_held,
    a_copy_is_nothing_that_the_daemon_can_reach,
    whoever_stopped_it_starts_it,
)
