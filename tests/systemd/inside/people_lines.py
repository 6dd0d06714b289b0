"""The control socket inside the sandbox: who comes in, as whom, and what the record says of it."""

from __future__ import annotations

import json
import pwd
import shutil
import socket
from pathlib import Path

from inside.journal_lines import DOOR
from inside.plant import OPERATOR, SECOND, SOCKET, STRANGER, VIEWER, asked, said, standing
from inside.systemctl import NotHere, main_pid, run, shown, until, until_active, version

NOT_PERMITTED, NO_DAEMON = 4, 3


def the_socket_is_for_its_group() -> None:
    """stationd-view may connect, nobody else."""
    assert (SOCKET.owner(), SOCKET.group(), oct(SOCKET.stat().st_mode & 0o777)) == ("stationd", "stationd-view", "0o660")


def who_views_sees_the_station() -> None:
    """A member of stationd-view gets the status."""
    assert "AKTAU" in said("show", "status", person=VIEWER).stdout.upper()


def who_views_cannot_acknowledge() -> None:
    """Exit code 4: not permitted; and the alarm stays unacknowledged."""
    before = standing()[DOOR]
    said("ack", DOOR, person=VIEWER, code=NOT_PERMITTED)
    assert standing()[DOOR] == before


def who_operates_acknowledges_under_his_own_name() -> str:
    """The audit has the user's own number: the sandbox hides nobody from the daemon (PrivateUsers=identity or no)."""
    before = standing()[DOOR]
    said("ack", DOOR, "seen by the suite", person=OPERATOR)
    until(lambda: standing()[DOOR] != before, "the alarm was never acknowledged")
    record = json.dumps(asked("show", "audit", "last", "5", person=OPERATOR))
    assert OPERATOR in record, record
    assert str(pwd.getpwnam(OPERATOR).pw_uid) in record, record
    return f"PrivateUsers={shown('PrivateUsersEx') if version() >= 257 else shown('PrivateUsers')}"


def a_stranger_is_not_let_in() -> None:
    """Whoever is in no group of the station cannot even connect."""
    answer = said("show", "status", person=STRANGER, code=None)
    assert answer.returncode in (NOT_PERMITTED, NO_DAEMON), answer
    assert "AKTAU" not in answer.stdout.upper()


def who_operates_without_viewing_cannot_reach_the_socket() -> None:
    """The file is for stationd-view; a member of stationd-operate alone is told what he lacks, not that there is no daemon."""
    answer = said("show", "status", person=SECOND, code=None)
    assert answer.returncode == NOT_PERMITTED, answer
    assert "stationd-view" in answer.stdout + answer.stderr, answer


def root_looks_and_is_nobody_in_particular() -> None:
    """root sees the station; what only a person answers for it may not do (that is for the tests of the console)."""
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(str(SOCKET))
    run("/opt/stationd/bin/stationctl", "show", "status")


def the_log_out_of_the_daemons_user_takes_nothing_away() -> None:
    """logind's RemoveIPC= leaves system users alone, and a session of that user that ends leaves the daemon as it was."""
    if not list(Path("/usr/lib").glob("*/security/pam_systemd.so")):
        raise NotHere("sessions are made by pam_systemd: apt install libpam-systemd")
    until_active()
    pid, shared = main_pid(), Path("/dev/shm/of-the-daemon")
    run("runuser", "-u", "stationd", "--", "/bin/sh", "-c", f"echo x > {shared}")
    run("systemd-run", "--wait", "--quiet", "--property=PAMName=login", "--property=User=stationd", "/bin/true")
    until(lambda: not _sessions("stationd"), "the session never ended")
    assert shared.exists()
    shared.unlink()
    assert main_pid() == pid


def _sessions(user: str) -> list[str]:
    if shutil.which("loginctl") is None:
        raise NotHere("loginctl is missing")
    return [line for line in run("loginctl", "list-sessions", "--no-legend", code=None).stdout.splitlines() if f" {user} " in line]


LINES = (
    the_socket_is_for_its_group,
    who_views_sees_the_station,
    who_views_cannot_acknowledge,
    who_operates_acknowledges_under_his_own_name,
    a_stranger_is_not_let_in,
    who_operates_without_viewing_cannot_reach_the_socket,
    root_looks_and_is_nobody_in_particular,
    the_log_out_of_the_daemons_user_takes_nothing_away,
)
