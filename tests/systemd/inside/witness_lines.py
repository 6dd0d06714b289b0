"""What the sandbox hides from the daemon, and its witness says: whether the clock is synchronised, and at which terminal a person is."""

from __future__ import annotations

import json
import shlex
import time
from pathlib import Path

from inside.plant import PROGRAMS, VIEWER, asked
from inside.systemctl import main_pid, run, shown, systemctl, until

WITNESS = "stationd-witness.service"
PLACE = Path("/run/stationd-witness")
SYNCHRONISED = "{:.6f} 0 8193 2500 120\n"  # TIME_OK, the clock is disciplined, largest error 2.5 ms


def said_to_be_synchronised() -> bool:
    """Return what the daemon says of the clock."""
    return bool(asked("show", "clock")["clock"]["synchronised"])


def the_witness_runs_for_the_daemon_alone() -> None:
    """A user of its own that comes and goes; nobody but the daemon's group gets into its folder."""
    assert shown("ActiveState", WITNESS) == "active"
    assert (PLACE.group(), oct(PLACE.stat().st_mode & 0o777)) == ("stationd", "0o750")
    assert run("runuser", "-u", VIEWER, "--", "ls", PLACE, code=None).returncode != 0


def the_daemon_believes_what_the_kernel_told_its_witness() -> str:
    """The daemon, which may not ask, says what the kernel says."""
    assert not (PLACE / "clock").read_text().split()[1].startswith("-"), "the witness may not ask either"
    state, status = (PLACE / "clock").read_text().split()[1:3]
    synchronised = int(state) in range(5) and not int(status) & 0x40  # TIME_OK to TIME_WAIT, not STA_UNSYNC
    until(lambda: said_to_be_synchronised() is synchronised, "the daemon says something else")
    return "synchronised" if synchronised else "not synchronised"


def a_synchronised_clock_is_known_inside_the_sandbox() -> None:
    """With a witness that says so; this machine's own clock may be no better than it is."""
    before = said_to_be_synchronised()
    systemctl("stop", WITNESS)
    PLACE.mkdir(exist_ok=True)
    try:
        until(_told_to_be_synchronised, "the daemon never believed it")
    finally:
        (PLACE / "clock").unlink()
        PLACE.rmdir()
        systemctl("start", WITNESS)
    until(lambda: said_to_be_synchronised() is before, "a witness that is gone is still believed")


def _told_to_be_synchronised() -> bool:
    (PLACE / "clock").write_text(SYNCHRONISED.format(time.monotonic()), encoding="ascii")
    return said_to_be_synchronised()


def the_terminal_of_a_person_is_known_inside_the_sandbox() -> str:
    """Without the witness every place would be unknown, and nobody ever at the station."""
    words = shlex.join([str(PROGRAMS / "stationctl"), "--json", "show", "sessions"])
    shown_there = run("runuser", "-u", VIEWER, "--", "script", "--quiet", "--command", words, "/dev/null").stdout
    assert "pts/" in shown_there, shown_there
    sessions = json.loads(shown_there)
    return next(part for part in json.dumps(sessions).split('"') if part.startswith("pts/"))


def a_restart_of_the_daemon_leaves_the_witness_alone() -> None:
    """It has seen the clock all the time; it ends only with the daemon."""
    witness, before = shown("MainPID", WITNESS), main_pid()
    systemctl("restart", "stationd.service")
    assert main_pid() != before
    assert shown("MainPID", WITNESS) == witness
    systemctl("stop", "stationd.service")
    until(lambda: shown("ActiveState", WITNESS) == "inactive", "the witness stays without anybody to see for")
    systemctl("start", "stationd.service")
    until(lambda: shown("ActiveState", WITNESS) == "active", "the witness did not come back")


LINES = (
    the_witness_runs_for_the_daemon_alone,
    the_daemon_believes_what_the_kernel_told_its_witness,
    a_synchronised_clock_is_known_inside_the_sandbox,
    the_terminal_of_a_person_is_known_inside_the_sandbox,
    a_restart_of_the_daemon_leaves_the_witness_alone,
)
