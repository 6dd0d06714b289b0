"""One run at a time on a rig, and none on a rig that failed until somebody has looked.

What it is: a lock file with flock(2) for a single box, a labgrid place for a rig that several machines share, and the latch: a file with
the reason, which only a person takes away, by name:

    python -m hil.lock clear NAME --who "A. Bekov" --found "fuse F3 of the load replaced"

What it is not: safety. Power is off by then (hil.safety).
"""

from __future__ import annotations

import argparse
import contextlib
import fcntl
import json
import os
import secrets
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

DIRECTORIES = (Path("/run/lock"), Path(tempfile.gettempdir()))
FOLDER = "stationd-hil"
LABGRID_S = 20.0


class Busy(Exception):
    """Somebody else has the rig; the text says who."""


class Latched(Exception):
    """The rig has failed and nobody has looked yet; the text says why, and what to type."""


def usual_folder() -> Path:
    """Return where locks and latches are: of the machine where it may be written, else of this user."""
    named = os.environ.get("STATIOND_HIL_LOCKS")
    if named:
        return Path(named)
    return next(each for each in DIRECTORIES if os.access(each, os.W_OK)) / FOLDER


class Rack:
    """The locks and latches of all rigs of this machine."""

    def __init__(self, folder: Path | None = None) -> None:
        self.folder = folder or usual_folder()
        self.folder.mkdir(parents=True, exist_ok=True)

    @contextlib.contextmanager
    def held(self, rig: str, who: str, place: str = "") -> Iterator[str]:
        """Hold a rig for the block; gives the token of the lock. Busy says who has it."""
        token = secrets.token_hex(8)
        with (self.folder / f"{rig}.lock").open("a+", encoding="utf-8") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                file.seek(0)
                raise Busy(f"rig {rig} is in use: {file.read().strip() or 'nobody says by whom'}") from None
            file.truncate(0)
            file.write(json.dumps({"who": who, "process": os.getpid(), "since_utc_s": time.time(), "token": token}) + "\n")
            file.flush()
            with labgrid_place(place):
                yield token
            file.truncate(0)

    def latch(self, rig: str, reason: str, token: str) -> None:
        """Let nobody use a rig until somebody has looked. The first reason stays."""
        path = self._latch(rig)
        if not path.exists():
            fresh = path.with_suffix(".new")
            fresh.write_text(json.dumps({"rig": rig, "reason": reason, "utc_s": time.time(), "token": token}) + "\n", encoding="utf-8")
            fresh.replace(path)

    def check(self, rig: str) -> None:
        """Raise Latched when the rig waits for somebody to look."""
        path = self._latch(rig)
        if path.exists():
            why = _read(path)
            at = time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(why.get("utc_s", 0.0)))
            raise Latched(
                f"rig {rig} failed at {at}: {why.get('reason', 'its latch file cannot be read')}\n"
                f'look at it, then: python -m hil.lock clear {rig} --who "YOUR NAME" --found "WHAT YOU FOUND"'
            )

    def clear(self, rig: str, who: str, found: str) -> str:
        """Take the latch away and keep who did it and what was found; return the reason. ValueError without a name, or without a latch."""
        if len(who.split()) < 1 or not found.strip():
            raise ValueError("a latch is taken away by a person, who says his name and what he found")
        path = self._latch(rig)
        if not path.exists():
            raise ValueError(f"rig {rig} has no latch")
        why = _read(path)
        with (self.folder / f"{rig}.latches.jsonl").open("a", encoding="utf-8") as file:
            file.write(json.dumps({**why, "cleared_utc_s": time.time(), "who": who, "found": found}) + "\n")
        path.unlink()
        return str(why.get("reason", ""))

    def _latch(self, rig: str) -> Path:
        return self.folder / f"{rig}.latched"


@contextlib.contextmanager
def labgrid_place(place: str) -> Iterator[None]:
    """Have a place of labgrid's coordinator for the block; none if it is empty. Busy with what labgrid says."""
    if not place:
        yield
        return
    _labgrid(place, "acquire")
    try:
        yield
    finally:
        _labgrid(place, "release")


def _labgrid(place: str, verb: str) -> None:
    try:
        words = ["labgrid-client", "-p", place, verb]
        said = subprocess.run(words, capture_output=True, text=True, timeout=LABGRID_S, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise Busy(f"labgrid-client cannot {verb} the place {place}: {error}") from error
    if said.returncode != 0:
        raise Busy(f"labgrid: place {place}: {(said.stderr or said.stdout).strip()}")


def _read(path: Path) -> dict[str, Any]:
    with contextlib.suppress(ValueError, OSError):
        found = json.loads(path.read_text(encoding="utf-8"))
        if isinstance(found, dict):
            return found
    return {}


def main() -> int:
    """The command line; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m hil.lock", description="The latches of test rigs.")
    commands = parser.add_subparsers(dest="command", required=True)
    clear = commands.add_parser("clear", help="take the latch of a rig away, after somebody has looked at it")
    clear.add_argument("rig")
    clear.add_argument("--who", required=True, help="your name")
    clear.add_argument("--found", required=True, help="what you found and did")
    commands.add_parser("show", help="say which rigs wait for somebody to look")
    arguments, rack = parser.parse_args(), Rack()
    if arguments.command == "show":
        for path in sorted(rack.folder.glob("*.latched")):
            print(f"{path.stem}: {_read(path).get('reason', '')}")
        return 0
    try:
        reason = rack.clear(arguments.rig, arguments.who, arguments.found)
    except ValueError as error:
        print(error, file=sys.stderr)
        return 1
    print(f"rig {arguments.rig} may be used again; it had failed with: {reason}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
