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
from typing import Any, TextIO

MACHINE = Path("/var/lib/stationd-hil")  # latches outlast a reboot there (hier(7): state information)
MODE = 0o1777  # everybody may lock and latch, nobody may take away what another has put there
LABGRID_S = 20.0


class NoPlace(Exception):
    """There is nowhere to keep locks and latches of a bench; the text says what makes such a place."""


class Busy(Exception):
    """Somebody else has the rig; the text says who."""


class Latched(Exception):
    """The rig has failed and nobody has looked yet; the text says why, and what to type."""


def usual_folder(*, real: bool, machine: Path = MACHINE) -> Path:
    """Return where locks and latches are: of the machine for a bench, of this user for simulated equipment.

    NoPlace when the machine has no such folder and this user cannot make it: two places would be two locks.
    """
    named = os.environ.get("STATIOND_HIL_LOCKS")
    if named:
        return Path(named)
    if not real:
        return Path(tempfile.gettempdir()) / f"stationd-hil-{os.geteuid()}"
    if os.geteuid() == 0:
        machine.mkdir(parents=True, exist_ok=True)
        machine.chmod(MODE)
    there = machine.stat() if machine.is_dir() else None
    if there is None or there.st_uid != 0 or there.st_mode & MODE != MODE:
        raise NoPlace(f"{machine} must be a folder of root with mode 1777: latches outlast a reboot there; install -d -m 1777 {machine}")
    return machine


class Rack:
    """The locks and latches of all rigs of a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.folder.mkdir(parents=True, exist_ok=True)

    @contextlib.contextmanager
    def held(self, rig: str, who: str, place: str = "") -> Iterator[str]:
        """Hold a rig for the block; gives the token of the lock. Busy says who has it."""
        token = secrets.token_hex(8)
        with _shared(self.folder / f"{rig}.lock") as file:
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
        """Let nobody use a rig until somebody has looked. The first reason stays; what was only under way gives way to it."""
        path = self._latch(rig)
        if not path.exists() or _read(path).get("under_way") == token:
            self._put(path, {"rig": rig, "reason": reason, "utc_s": time.time(), "token": token})

    def under_way(self, rig: str, what: str, token: str) -> None:
        """Latch a rig beforehand: whoever is killed from now on has not taken it away."""
        path = self._latch(rig)
        if not path.exists():
            reason = f"{what} was under way and never ended: the run was killed, or the machine went down"
            self._put(path, {"rig": rig, "reason": reason, "utc_s": time.time(), "token": token, "under_way": token})

    def well_over(self, rig: str, token: str) -> None:
        """Take such a latch of this very run away. One with another reason stays."""
        path = self._latch(rig)
        if path.exists() and _read(path).get("under_way") == token:
            path.unlink()

    def _put(self, path: Path, said: dict[str, Any]) -> None:
        """Write a latch so that it is there whole after whatever happens next."""
        fresh = path.with_suffix(f".{secrets.token_hex(8)}")
        with fresh.open("x", encoding="utf-8") as file:
            file.write(json.dumps(said) + "\n")
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(path)
        folder = os.open(self.folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)

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
        with _shared(self.folder / f"{rig}.latches.jsonl") as file:
            file.write(json.dumps({**why, "cleared_utc_s": time.time(), "who": who, "found": found}) + "\n")
        try:
            path.unlink()
        except PermissionError as error:
            raise ValueError(f"this latch belongs to user {path.stat().st_uid}: let him, or root, take it away") from error
        return str(why.get("reason", ""))

    def latched(self, rig: str) -> bool:
        """Whether a rig waits for somebody to look."""
        return self._latch(rig).exists()

    def _latch(self, rig: str) -> Path:
        return self.folder / f"{rig}.latched"


def _shared(path: Path) -> TextIO:
    """Open a file that every user may write, at its end; it is made where it is not there.

    In a folder with mode 1777 the kernel lets nobody open another's file with O_CREAT (proc(5), protected_regular), so first without.
    """
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CLOEXEC | os.O_NOFOLLOW)
    except FileNotFoundError:
        descriptor = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o666)
        os.fchmod(descriptor, 0o666)
    return os.fdopen(descriptor, "a+", encoding="utf-8")


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


def _racks() -> list[Rack]:
    """Return the places where this user's runs may have latched something."""
    named = os.environ.get("STATIOND_HIL_LOCKS")
    folders = [Path(named)] if named else [MACHINE, usual_folder(real=False)]
    return [Rack(folder) for folder in folders if folder.is_dir()]


def main() -> int:
    """The command line; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m hil.lock", description="The latches of test rigs.")
    commands = parser.add_subparsers(dest="command", required=True)
    clear = commands.add_parser("clear", help="take the latch of a rig away, after somebody has looked at it")
    clear.add_argument("rig")
    clear.add_argument("--who", required=True, help="your name")
    clear.add_argument("--found", required=True, help="what you found and did")
    commands.add_parser("show", help="say which rigs wait for somebody to look")
    arguments, racks = parser.parse_args(), _racks()
    if arguments.command == "show":
        for path in sorted(path for rack in racks for path in rack.folder.glob("*.latched")):
            print(f"{path.stem}: {_read(path).get('reason', '')}")
        return 0
    try:
        rack = next((each for each in racks if each.latched(arguments.rig)), None)
        if rack is None:
            raise ValueError(f"rig {arguments.rig} has no latch")
        reason = rack.clear(arguments.rig, arguments.who, arguments.found)
    except ValueError as error:
        print(error, file=sys.stderr)
        return 1
    print(f"rig {arguments.rig} may be used again; it had failed with: {reason}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
