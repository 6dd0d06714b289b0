"""stationd-rollback: keeps a copy of the installed package before another version takes its place, and goes back to it.

Three of its words are the package's own: `keep` (prerm, before an upgrade), `begin` (postinst, when a running version is replaced) and
`watch` (stationd-rollback.service, while the new version is on trial). It stands alone: nothing of the package that it replaces is loaded.

The copy lies below the daemon's own directory, and is installed as root. So it is trusted only where root alone could have made it: the
directory and the file are root's, nobody else may write them, the file is opened from the directory's descriptor, and what is installed
is a private copy of what was looked at.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from enum import Enum
from pathlib import Path

PACKAGE = "stationd"
STATE = Path("/var/lib/stationd")
PLACE, TRIAL = "rollback", "trial"
SCRIPTS = ("preinst", "postinst", "prerm", "postrm")
PROVEN_S = 60.0  # ready so long without a break (assumption: whatever a start does late is done by then)
TRIAL_S = 600.0  # five starts that hang until TimeoutStartSec=60s, and the pauses between them
FAILURES = 5
STOPPED_S = 15.0  # between two starts the unit is "activating"; inactive so long means that somebody stopped it
LOCK_S = 900.0  # dpkg may still be held by the very upgrade that brought the version on trial
WORDS = ("now", "show", "keep", "begin", "watch")


class Impossible(Exception):
    """It cannot be done; the text says why, and what would be right."""


class Verdict(Enum):
    """What is known of a version on trial."""

    OPEN = "open"
    PROVEN = "proven"
    FAILED = "failed"
    STOPPED = "stopped"  # by somebody: not the version's fault, and nothing to judge


@dataclass(frozen=True, slots=True)
class Seen:
    """What the service manager says of the daemon at one moment. `restarts` counts those that it made by itself (NRestarts)."""

    now_s: float
    state: str
    process: int
    restarts: int


@dataclass(frozen=True, slots=True)
class Trial:
    """A version on trial since `since_s`; all times of the monotonic clock."""

    since_s: float
    ready_since_s: float | None = None
    stopped_since_s: float | None = None
    process: int = 0
    restarts: int = 0
    failures: int = 0

    def after(self, seen: Seen) -> Trial:
        """Return the trial with one more look at the daemon. A counter that went back was set to 0 by a start by hand."""
        more = seen.restarts - self.restarts if seen.restarts >= self.restarts else seen.restarts
        ready = seen.state in ("active", "reloading")
        unbroken = ready and self.ready_since_s is not None and seen.process == self.process and not more
        stopped = seen.state == "inactive"
        return replace(
            self,
            ready_since_s=(self.ready_since_s if unbroken else seen.now_s) if ready else None,
            stopped_since_s=(self.stopped_since_s if self.stopped_since_s is not None else seen.now_s) if stopped else None,
            process=seen.process,
            restarts=seen.restarts,
            failures=FAILURES if seen.state == "failed" else self.failures + more,
        )

    def verdict(self, now_s: float) -> Verdict:
        """Say what is known by now."""
        if self.ready_since_s is not None and now_s - self.ready_since_s >= PROVEN_S:
            return Verdict.PROVEN
        if self.failures >= FAILURES:
            return Verdict.FAILED
        if self.stopped_since_s is not None and now_s - self.stopped_since_s >= STOPPED_S:
            return Verdict.STOPPED
        return Verdict.FAILED if now_s - self.since_s >= TRIAL_S else Verdict.OPEN


def main() -> int:
    """Carry out one word; 0 done, 1 it could not be."""
    words = sys.argv[1:] or ["show"]
    if words[0] not in WORDS or len(words) != (2 if words[0] == "begin" else 1):
        print("usage: stationd-rollback [now|show]", file=sys.stderr)
        return 1
    if os.geteuid() != 0:
        print("stationd-rollback: only root reads the copy and installs packages", file=sys.stderr)
        return 1
    os.environ["LC_ALL"] = "C.UTF-8"
    try:
        _carry_out(words)
    except (Impossible, OSError, subprocess.CalledProcessError) as error:
        said = (getattr(error, "stderr", None) or "").strip()
        print(f"stationd-rollback: {error}{': ' + said if said else ''}", file=sys.stderr)
        return 1
    return 0


def _carry_out(words: list[str]) -> None:
    match words:
        case ["keep"]:
            keep()
        case ["begin", version]:
            begin(version)
        case ["watch"]:
            watch()
        case ["now"]:
            install()
        case _:
            show()


# ---------------------------------------------------------------- the copy


def keep() -> None:
    """Make the package of its installed files, and put it in the place of the copy that was kept before.

    A version that is still on trial is not worth keeping: then the one that it replaced stays.
    """
    version = _installed()
    with _place(make=True) as place:
        if _kept(place) is not None and _on_trial(place) is not None:
            return
    with tempfile.TemporaryDirectory(prefix="stationd-rollback.", dir="/var/tmp") as scratch:
        tree, made = Path(scratch, "tree"), Path(scratch, "made.deb")
        tree.mkdir(mode=0o755)
        _copy_files(tree)
        _copy_control(tree / "DEBIAN")
        # Quick rather than small: it is done while somebody waits for the upgrade.
        _done(["dpkg-deb", "--root-owner-group", "-Zgzip", "-z1", "--build", str(tree), str(made)])
        with _place(make=True) as place:
            _put(place, f"{version}.deb", made)
            for name in os.listdir(place):
                if name.endswith(".deb") and name != f"{version}.deb":
                    os.unlink(name, dir_fd=place)


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


@contextlib.contextmanager
def _place(*, make: bool = False) -> Iterator[int]:
    """Yield a descriptor of the directory of the copy. Impossible where somebody but root could have written it."""
    path = STATE / PLACE
    if make:
        if not STATE.exists():  # never started: as the service manager would make it, so that it does not hand all of it to the user later
            STATE.mkdir(mode=0o750)
            shutil.chown(STATE, PACKAGE, PACKAGE)
        with contextlib.suppress(FileExistsError):
            path.mkdir(mode=0o700)
    try:
        place = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError as error:
        raise Impossible(f"there is no copy of an earlier version: {error}") from None
    try:
        _only_root_writes(place, str(path))
        yield place
    finally:
        os.close(place)


def _only_root_writes(descriptor: int, name: str) -> None:
    found = os.fstat(descriptor)
    if found.st_uid != 0 or found.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        raise Impossible(f"{name} is not root's alone, so that it is not trusted; remove it")


def _put(place: int, name: str, content: Path) -> None:
    """Put a file in its place, all or nothing, and on the disk when this returns."""
    part = f"{name}.part"
    with contextlib.suppress(FileNotFoundError):
        os.unlink(part, dir_fd=place)
    out = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600, dir_fd=place)
    with content.open("rb") as source, os.fdopen(out, "wb") as sink:
        shutil.copyfileobj(source, sink)
        sink.flush()
        os.fsync(sink.fileno())
    os.rename(part, name, src_dir_fd=place, dst_dir_fd=place)
    os.fsync(place)


def _kept(place: int) -> str | None:
    """Return the version of the copy."""
    return next((name.removesuffix(".deb") for name in sorted(os.listdir(place)) if name.endswith(".deb")), None)


# ---------------------------------------------------------------- the way back


def install() -> None:
    """Install the copy and hold the package at it."""
    with tempfile.TemporaryDirectory(prefix="stationd-rollback.", dir="/var/tmp") as scratch:
        copy = Path(scratch, f"{PACKAGE}.deb")
        version = _take(copy)
        print(f"going back from {_installed()} to {version}", flush=True)
        _install(copy)
        subprocess.run(["dpkg", "--set-selections"], input=f"{PACKAGE} hold\n", text=True, check=True)
        with _place() as place, contextlib.suppress(FileNotFoundError):
            os.unlink(TRIAL, dir_fd=place)
    print(f"{version} is installed and held; when another version is to come: apt-mark unhold {PACKAGE}", flush=True)


def _take(copy: Path) -> str:
    """Copy the kept package out of its place and return its version. Impossible where it is not ours, or not for this Python."""
    with _place() as place:
        version = _kept(place)
        if version is None:
            raise Impossible("there is no copy of an earlier version")
        source = os.open(f"{version}.deb", os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=place)
        with os.fdopen(source, "rb") as kept, copy.open("wb") as private:
            _only_root_writes(kept.fileno(), f"{version}.deb")
            shutil.copyfileobj(kept, private)
    named, inside = _done(["dpkg-deb", "--show", "--showformat", "${Package} ${Version}", str(copy)]).split()
    if (named, inside) != (PACKAGE, version):
        raise Impossible(f"the copy is {named} {inside} instead of {PACKAGE} {version}")
    wanted, here = version.rpartition("~py")[2], "{}.{}".format(*sys.version_info)
    if wanted != here:
        raise Impossible(f"the copy is for Python {wanted}, and this machine has {here}: it was kept before an upgrade of Debian")
    return version


def _install(package: Path) -> None:
    """Let dpkg install it; wait while another dpkg or apt is at work. The package's scripts know by the environment what this is."""
    signal.signal(signal.SIGTERM, lambda *_: None)  # a shutdown waits for dpkg; what is started does not inherit this
    words, until_s = ["dpkg", "--force-confold", "--install", str(package)], time.monotonic() + LOCK_S
    while True:
        done = subprocess.run(
            words, env={**os.environ, "STATIOND_ROLLBACK": "1", "DEBIAN_FRONTEND": "noninteractive"}, capture_output=True, text=True,
            check=False, stdin=subprocess.DEVNULL,
        )  # fmt: skip
        print(done.stdout, end="", flush=True)
        if done.returncode == 0:
            return
        if "lock" not in done.stderr or time.monotonic() > until_s:
            raise Impossible(f"dpkg failed: {done.stderr.strip()}")
        time.sleep(5.0)


# ---------------------------------------------------------------- the trial


def begin(replaced: str) -> None:
    """Put the version that is being installed on trial, where there is a copy of the one that it replaces, or of the last good one."""
    with _place() as place:
        kept = _kept(place)
        if kept is None or (kept != replaced and _on_trial(place) is None):
            raise Impossible(f"no copy of {replaced} was kept, so that the new version is not on trial")
        with tempfile.NamedTemporaryFile("w", prefix="stationd-rollback.", dir="/var/tmp") as said:
            json.dump({"from": kept}, said)
            said.flush()
            _put(place, TRIAL, Path(said.name))


def watch() -> None:
    """Watch the version on trial until there is a verdict, and go back where it failed."""
    with _place() as place:
        on_trial = _on_trial(place)
        verdict = _judged() if on_trial not in (None, _installed()) else Verdict.STOPPED
        print(f"{_installed()}, in the place of {on_trial}: {verdict.value}", flush=True)
        if verdict is not Verdict.FAILED:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(TRIAL, dir_fd=place)
    if verdict is Verdict.FAILED:
        install()


def _on_trial(place: int) -> str | None:
    """Return the version that the one on trial has replaced; None where none is on trial."""
    try:
        source = os.open(TRIAL, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=place)
    except FileNotFoundError:
        return None
    with os.fdopen(source, encoding="utf-8") as said:
        _only_root_writes(said.fileno(), TRIAL)
        return str(json.load(said)["from"])


def _judged() -> Verdict:
    trial = Trial(time.monotonic())
    while True:
        seen = _look()
        trial = trial.after(seen)
        verdict = trial.verdict(seen.now_s)
        if verdict is not Verdict.OPEN:
            return verdict
        time.sleep(1.0)


def _look() -> Seen:
    words = ["systemctl", "show", f"{PACKAGE}.service", "--property=ActiveState,MainPID,NRestarts"]
    said = dict(line.partition("=")[::2] for line in _done(words).splitlines())
    return Seen(time.monotonic(), said["ActiveState"], int(said["MainPID"]), int(said["NRestarts"]))


def show() -> None:
    """Say what is kept."""
    with _place() as place:
        kept, on_trial = _kept(place), _on_trial(place)
    print(f"installed {_installed()}\nkept      {kept or 'nothing'}")
    if on_trial is not None:
        print(f"on trial  the installed one, in the place of {on_trial}")


def _installed() -> str:
    return _done(["dpkg-query", "--show", "--showformat", "${Version}", PACKAGE])


def _done(words: list[str]) -> str:
    return subprocess.run(words, capture_output=True, text=True, check=True).stdout


if __name__ == "__main__":
    sys.exit(main())
