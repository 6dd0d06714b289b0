"""`support summary` and `support bundle`: what to tell and what to send when something is wrong, with the daemon or without it.

The facts of a daemon that is gone are looked up in another process (`stationd support`), since a command that only asks is to start quickly
and knows nothing of files.
"""

from __future__ import annotations

import subprocess
import sys
import time

from stationd.shell.caller import Failed
from stationd.shell.daemon import Daemon
from stationd.shell.exits import Exit
from stationd.shell.glance import alarms_of
from stationd.shell.methods import STATUS
from stationd.shell.told import Asked, Told
from stationd.shell.wish import Ago, Wish

BUNDLE_S = 90.0  # the bundle itself gives up after 60 s


def told(wish: Wish, daemon: Daemon, asked: Asked) -> Told:
    """Carry one of the two out. The daemon is asked first where it is there; without it the files speak."""
    if wish.method == "bundle":
        return _from_files("bundle", daemon, _since(wish))
    try:
        with daemon.line() as line:
            status = line.call(f"{STATUS}.GetStatus", {})["status"]
            alarms = alarms_of(line, {})
    except Failed as failed:
        if failed.code is not Exit.NO_DAEMON:
            raise
        return _from_files("summary", daemon, ())
    from stationd.shell.screens import phone

    lines = phone.phone_lines(status, alarms)
    return Told(lines, lines, Exit.DONE, (), status)


def _since(wish: Wish) -> tuple[str, ...]:
    since = wish.parameters.get("since")
    if since is None:
        return ()
    return ("--since", f"{since.seconds}s" if isinstance(since, Ago) else f"{max(int(time.time() - _utc_s(str(since))), 1)}s")


def _utc_s(text: str) -> float:
    from datetime import datetime

    return datetime.fromisoformat(text).timestamp()


def _from_files(what: str, daemon: Daemon, more: tuple[str, ...]) -> Told:
    """Have another process look at the files; its lines and its code are the answer."""
    command = [sys.executable, "-m", "stationd", "support", what, "--socket", daemon.socket, *more]
    try:
        done = subprocess.run(  # noqa: S603  # our own program, each word by itself, no shell
            command, capture_output=True, text=True, timeout=BUNDLE_S, check=False, stdin=subprocess.DEVNULL
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise Failed(Exit.FAILED, f"the files could not be looked at: {error}") from None
    lines = done.stdout.splitlines()
    known = {int(code): code for code in Exit}
    return Told(lines, lines, known.get(done.returncode, Exit.FAILED), done.stderr.splitlines())
