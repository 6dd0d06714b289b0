"""`support summary` and `support bundle`: what to tell and what to send when something is wrong, with the daemon or without it.

All of it is done by another process (`stationd support`), which asks the daemon where it answers and reads the files where it does not: a
command that only asks is to start quickly and knows nothing of files.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import stationd
from stationd.shell.caller import Failed
from stationd.shell.daemon import Daemon
from stationd.shell.exits import Exit
from stationd.shell.told import Told
from stationd.shell.wish import Ago, Wish

LONGEST_S = 90.0  # the bundle itself gives up after 60 s


def told(wish: Wish, daemon: Daemon) -> Told:
    """Carry one of the two out; the lines and the code of that process are the answer. Failed when it cannot run."""
    command = [sys.executable, "-P", "-m", "stationd", "support", wish.method, *_since(wish), "--socket", daemon.socket]
    root = Path(stationd.__file__).parent.parent  # the same stationd, whatever directory this is typed in
    try:
        done = subprocess.run(  # noqa: S603  # our own program, each word by itself, no shell
            command, capture_output=True, text=True, timeout=LONGEST_S, check=False, stdin=subprocess.DEVNULL,
            env={**os.environ, "PYTHONPATH": str(root)},
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise Failed(Exit.FAILED, f"the files could not be looked at: {error}") from None
    lines = done.stdout.splitlines()
    known = {int(code): code for code in Exit}
    return Told(lines, lines, known.get(done.returncode, Exit.FAILED), done.stderr.splitlines())


def _since(wish: Wish) -> tuple[str, ...]:
    since = wish.parameters.get("since")
    if since is None:
        return ()
    return ("--since", f"{since.seconds if isinstance(since, Ago) else max(int(time.time() - _utc_s(str(since))), 1)}s")


def _utc_s(text: str) -> float:
    from datetime import datetime  # only here: few name a day

    return datetime.fromisoformat(text).timestamp()
