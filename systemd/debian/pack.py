"""Makes a package of the installed files of stationd, so that a later version can be gone back from: the last step of postinst, as root.

What it is not: the way back (rollback.py). It is done after the version is configured and its daemon ready, and no more while another one
is unpacked: killed there it would leave dpkg's notes broken. Killed here it leaves a folder that the next run and a purge take away.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import stat
import subprocess
import sys
from pathlib import Path

PACKAGE = "stationd"
PLACE = Path("/var/lib/stationd-rollback")
WORK, CURRENT = PLACE / "work", PLACE / "current.deb"
SCRIPTS = ("preinst", "postinst", "prerm", "postrm")


class Impossible(Exception):
    """There can be no copy; the text says why."""


def main() -> int:
    """Make the copy; 0 done, 1 it could not be."""
    os.environ["LC_ALL"] = "C.UTF-8"
    try:
        _pack()
    except (Impossible, OSError, subprocess.CalledProcessError) as error:
        said = (getattr(error, "stderr", None) or "").strip()
        print(f"stationd: {error}{': ' + said if said else ''}", file=sys.stderr)
        return 1
    return 0


def _pack() -> None:
    """Make the package and put it in the place of the last one, all or nothing."""
    PLACE.mkdir(mode=0o700, exist_ok=True)
    found = PLACE.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != 0 or found.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        raise Impossible(f"{PLACE} is not root's alone, so that no copy is kept there; remove it")
    shutil.rmtree(WORK, ignore_errors=True)  # of a run that was killed
    tree, made = WORK / "tree", WORK / "made.deb"
    try:
        tree.mkdir(parents=True)
        tree.chmod(0o755)
        _copy_files(tree)
        _copy_control(tree / "DEBIAN")
        # Quick rather than small: it is done beside a daemon at work.
        _done(["dpkg-deb", "--root-owner-group", "-Zgzip", "-z1", "--build", str(tree), str(made)])
        _synced(made)
        made.rename(CURRENT)
        _synced(PLACE)
    finally:
        shutil.rmtree(WORK, ignore_errors=True)


def _synced(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _copy_files(tree: Path) -> None:
    for line in _done(["dpkg-query", "--listfiles", PACKAGE]).splitlines():
        path, copy = Path(line), tree / line.lstrip("/")
        if path.is_symlink():
            copy.symlink_to(path.readlink())
        elif path.is_dir():
            copy.mkdir(exist_ok=True)
            shutil.copystat(path, copy)
        elif path.exists():  # a file of /etc may have been taken away
            shutil.copy2(path, copy)
    for name, digest in _configuration().items():
        _as_packaged(tree, name, digest)


def _configuration() -> dict[str, str]:
    """Return the package's files of /etc, each with the sum of what the package had brought."""
    listed = _done(["dpkg-query", "--show", "--showformat", "${Conffiles}", PACKAGE])
    return dict(re.findall(r"^ (/\S+) ([0-9a-f]{32})$", listed, re.MULTILINE))


def _as_packaged(tree: Path, name: str, digest: str) -> None:
    """Put a file of /etc as the package had brought it: what somebody made of it is not the package's, and stays where it is.

    The package holds each of them a second time, elsewhere (the example is one of the stations of its documentation).
    """
    again = (path for path in sorted(tree.rglob("*")) if path.is_file() and not path.is_symlink())
    found = next((path for path in again if hashlib.md5(path.read_bytes(), usedforsecurity=False).hexdigest() == digest), None)
    if found is None:
        raise Impossible(f"{name} was changed, and nothing in the package is as it came")
    copy = tree / name.lstrip("/")
    copy.parent.mkdir(parents=True, exist_ok=True)
    if found != copy:
        shutil.copy2(found, copy)


def _copy_control(control: Path) -> None:
    control.mkdir(mode=0o755)
    for name in _done(["dpkg-query", "--control-list", PACKAGE]).split():
        (control / name).write_text(_done(["dpkg-query", "--control-show", PACKAGE, name]))
        (control / name).chmod(0o755 if name in SCRIPTS else 0o644)
    (control / "conffiles").write_text("".join(f"{name}\n" for name in _configuration()))  # which dpkg keeps to itself
    fields = _done(["dpkg-query", "--status", PACKAGE])
    (control / "control").write_text(re.sub(r"^(Status|Conffiles|Config-Version):.*\n(?: .*\n)*", "", fields, flags=re.MULTILINE))


def _done(words: list[str]) -> str:
    return subprocess.run(words, capture_output=True, text=True, check=True).stdout


if __name__ == "__main__":
    sys.exit(main())
