"""stationd-rollback: keeps the package of the version before, and goes back to it.

Three of its words are the package's own: `keep` (prerm, before an upgrade), `begin` (postinst, when a running version is replaced) and
`watch` (stationd-rollback.service, while the new version is on trial). It stands alone with
trial.py: nothing of the package that it replaces is loaded.

The package of the installed version (current.deb) is made by pack.py once that is installed; an upgrade only gives it another name
(previous.deb). Both are installed as root. So they lie in a directory of root's in one of root's, which the daemon's user cannot reach,
and are trusted only where root alone could have made them: directory and file are root's, nobody else may write them.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from trial import PROVEN_S, Seen, Trial, Verdict

PACKAGE = "stationd"
PLACE = Path("/var/lib/stationd-rollback")
CURRENT, PREVIOUS = "current.deb", "previous.deb"  # packages
PROVEN, TRIAL, BACK = "proven", "trial", "gone-back"  # what was seen: a version ready, one on trial, and why one was gone back from
STATION_FILE = Path("/etc/stationd/station.toml")
PROGRAM = Path("/opt/stationd/bin/stationd")
READY_AGAIN_S = 10.0  # of a version that was proven before (assumption: longer than a start that fails)
LOOK_S = 0.25  # the pause between two starts is 0.5 s, and only in it the manager tells how the last one ended
LOCK_S = 900.0  # dpkg may still be held by the very upgrade that brought the version on trial
ANSWER_S = 30.0  # no answer of the service manager takes so long (assumption)
ERROR = "<3>" if "JOURNAL_STREAM" in os.environ else ""  # sd-daemon(3): the priority err
WORDS = ("now", "show", "keep", "begin", "watch")


class Impossible(Exception):
    """It cannot be done, also not by trying again; the text says why, and what would be right."""


class Failed(Exception):
    """It was not done, and may be the next time."""


def main() -> int:
    """Carry out one word; 0 done, 1 it was not and may be the next time, 2 it cannot be."""
    words = sys.argv[1:] or ["show"]
    if words[0] not in WORDS or len(words) != (2 if words[0] == "keep" else 1):
        print("usage: stationd-rollback [now|show]", file=sys.stderr)
        return 2
    if os.geteuid() != 0:
        print("stationd-rollback: only root reads the copy and installs packages", file=sys.stderr)
        return 2
    os.environ["LC_ALL"] = "C.UTF-8"
    try:
        _carry_out(words)
    except (Impossible, Failed, OSError, subprocess.SubprocessError) as error:
        said = (getattr(error, "stderr", None) or "").strip()
        print(f"{ERROR}stationd-rollback: {error}{': ' + said if said else ''}", file=sys.stderr)
        return 2 if isinstance(error, Impossible) else 1
    return 0


def _carry_out(words: list[str]) -> None:
    match words:
        case ["keep", coming]:
            keep(coming)
        case ["begin"]:
            begin()
        case ["watch"]:
            watch()
        case ["now"]:
            now()
        case _:
            show()


# ---------------------------------------------------------------- what is kept


def keep(coming: str) -> None:
    """Give the copy of the installed version the place of the one before. A version that was never seen ready replaces none that was."""
    version = _installed()
    if coming == version:
        return
    with _place() as place:
        if _ready_s() >= PROVEN_S:
            _note(place, PROVEN, {"version": version, "file": _accepted()})
        current, previous, proven = _version_of(place, CURRENT), _version_of(place, PREVIOUS), _noted(place, PROVEN).get("version")
        if current is None and previous == version:  # done by an upgrade that was cut off
            return
        if current != version:
            raise Impossible(f"there is no copy of {version}")
        _forget(place, BACK)
        if previous is None or proven in (None, version) or proven != previous:
            os.rename(CURRENT, PREVIOUS, src_dir_fd=place, dst_dir_fd=place)
            os.fsync(place)


@contextlib.contextmanager
def _place() -> Iterator[int]:
    """Yield a descriptor of the directory of the copies. Impossible where somebody but root could have written it."""
    try:
        place = os.open(PLACE, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError as error:
        raise Impossible(f"there is no copy of an earlier version: {error}") from None
    try:
        _only_root_writes(place, str(PLACE))
        yield place
    finally:
        os.close(place)


def _only_root_writes(descriptor: int, name: str) -> None:
    found = os.fstat(descriptor)
    if found.st_uid != 0 or found.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        raise Impossible(f"{name} is not root's alone, so that it is not trusted; remove it")


def _opened(place: int, name: str) -> int | None:
    """Open a file of the place; None where there is none, Impossible where it is not root's."""
    try:
        descriptor = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=place)
    except FileNotFoundError:
        return None
    try:
        _only_root_writes(descriptor, name)
    except Impossible:
        os.close(descriptor)
        raise
    return descriptor


def _version_of(place: int, name: str) -> str | None:
    """Return the version of a copy; None where there is none. Impossible where it is no package of ours."""
    descriptor = _opened(place, name)
    if descriptor is None:
        return None
    with os.fdopen(descriptor, "rb"):
        words = ["dpkg-deb", "--show", "--showformat", "${Package} ${Version}", f"/proc/self/fd/{descriptor}"]
        said = subprocess.run(words, capture_output=True, text=True, check=True, pass_fds=[descriptor]).stdout
    package, _, version = said.partition(" ")
    if package != PACKAGE:
        raise Impossible(f"{name} is a package {package} instead of {PACKAGE}")
    return version


def _noted(place: int, name: str) -> dict[str, Any]:
    """Return a note; an empty one where there is none, or none that can be read."""
    descriptor = _opened(place, name)
    if descriptor is None:
        return {}
    with os.fdopen(descriptor, encoding="utf-8") as source, contextlib.suppress(ValueError):
        read = json.load(source)
        return read if isinstance(read, dict) else {}
    return {}


def _note(place: int, name: str, note: dict[str, Any]) -> None:
    """Write a note, all or nothing, and on the disk when this returns."""
    _forget(place, f"{name}.part")
    out = os.open(f"{name}.part", os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600, dir_fd=place)
    with os.fdopen(out, "w", encoding="utf-8") as sink:
        json.dump(note, sink)
        sink.flush()
        os.fsync(sink.fileno())
    os.rename(f"{name}.part", name, src_dir_fd=place, dst_dir_fd=place)
    os.fsync(place)


def _forget(place: int, name: str) -> None:
    with contextlib.suppress(FileNotFoundError):
        os.unlink(name, dir_fd=place)


# ---------------------------------------------------------------- the way back


def now() -> None:
    """Go back, as somebody has ordered."""
    with _place() as place:
        _note(place, BACK, {"from": _installed(), "why": "by order", "at": _date()})
    version = install()
    print(f"{version} is installed and held; when another version is to come: apt-mark unhold {PACKAGE}", flush=True)


def install() -> str:
    """Install the copy of the version before, and hold the package at it; return its version."""
    with _place() as place:
        version = _version_of(place, PREVIOUS)
        if version is None:
            raise Impossible("there is no copy of an earlier version")
        wanted, here = version.rpartition("~py")[2], "{}.{}".format(*sys.version_info)
        if wanted != here:
            raise Impossible(f"the copy is for Python {wanted}, and this machine has {here}: it was kept before an upgrade of Debian")
        print(f"going back from {_installed()} to {version}", flush=True)
        _install(PLACE / PREVIOUS)
        _select("hold")
        _forget(place, TRIAL)
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
            raise Failed(f"dpkg failed: {done.stderr.strip()}")
        time.sleep(5.0)


def _select(wish: str) -> None:
    subprocess.run(["dpkg", "--set-selections"], input=f"{PACKAGE} {wish}\n", text=True, check=True)


# ---------------------------------------------------------------- the trial


def begin() -> None:
    """Put the version that is being installed on trial, where there is a copy of one before it that was seen ready."""
    with _place() as place:
        _forget(place, TRIAL)
        previous, proven = _version_of(place, PREVIOUS), _noted(place, PROVEN)
        if previous is None or previous == _installed() or proven.get("version") != previous:
            raise Impossible("no version before this one was kept and seen ready for a minute: this one is never gone back from by itself")
        seen = _look()
        _note(place, TRIAL, {"from": previous, "file": proven.get("file"), "restarts": seen.restarts if seen else 0})


def watch() -> None:
    """Watch the version on trial until there is a verdict, and go back where it failed."""
    with _place() as place:
        version, note = _installed(), _noted(place, TRIAL)
        trial = Trial(time.monotonic(), restarts=int(note.get("restarts", 0)))
        verdict = _judged(trial) if note.get("from") not in (None, version) else Verdict.STOPPED
        # What the version before had read and accepted, and had run on, is not at fault.
        failed = verdict is Verdict.FAILED or (verdict is Verdict.REFUSED and note.get("file") in _digests())
        if not failed:
            if verdict is Verdict.PROVEN and _installed() == version:  # or another one was unpacked meanwhile, and not started
                _note(place, PROVEN, {"version": version, "file": _accepted()})
            _forget(place, TRIAL)
            ill = ERROR if verdict in (Verdict.REFUSED, Verdict.UNDECIDED) else ""
            print(f"{ill}{version}, in the place of {note.get('from')}: {verdict.value}; it stays", flush=True)
            return
    _go_back(version, verdict.value)


def _go_back(gone: str, why: str) -> None:
    """Install the version before. Where that does not become ready either, the fault is elsewhere, and nothing is held."""
    with _place() as place:
        _note(place, BACK, {"from": gone, "why": why, "at": _date()})
    version = install()
    seen = _look()
    verdict = _judged(Trial(time.monotonic(), READY_AGAIN_S, restarts=seen.restarts if seen else 0))
    if verdict in (Verdict.PROVEN, Verdict.STOPPED):
        end = f"which is held: no other version comes before apt-mark unhold {PACKAGE}"
    else:
        _select("install")
        end = f"and that one {verdict.value} too: the fault is not the version's, nothing is held; systemctl status {PACKAGE}"
    print(f"{ERROR}{gone} {why}; gone back to {version}, {end}", flush=True)


def _judged(trial: Trial) -> Verdict:
    """Look until there is a verdict. Who gives no answer is asked again."""
    while True:
        if (seen := _look()) is not None:
            trial = trial.after(seen)
        verdict = trial.verdict(time.monotonic())
        if verdict is not Verdict.OPEN:
            return verdict
        time.sleep(LOOK_S)


def _look() -> Seen | None:
    try:
        said = _shown("ActiveState", "MainPID", "NRestarts", "ExecMainCode", "ExecMainStatus")
        code, status = int(said["ExecMainCode"]), int(said["ExecMainStatus"])
        ended = None if code == 0 else status if code == os.CLD_EXITED else -status
        return Seen(time.monotonic(), said["ActiveState"], int(said["MainPID"]), int(said["NRestarts"]), ended)
    except (OSError, subprocess.SubprocessError, KeyError, ValueError):
        return None


def _ready_s() -> float:
    """Return for how long the daemon of the installed version has been ready; 0 where it is not, or is one of the version before."""
    try:
        said = _shown("ActiveState", "ActiveEnterTimestampMonotonic")
        ready = said["ActiveState"] in ("active", "reloading") and _started_s() > PROGRAM.stat().st_ctime
        return time.monotonic() - int(said["ActiveEnterTimestampMonotonic"]) / 1e6 if ready else 0.0
    except (OSError, subprocess.SubprocessError, KeyError, ValueError):
        return 0.0  # nobody manages services here


def _started_s() -> float:
    """Return when the daemon was started, as files have their times."""
    begun_s = int(_shown("ExecMainStartTimestampMonotonic")["ExecMainStartTimestampMonotonic"]) / 1e6
    return time.time() - (time.monotonic() - begun_s)


def _shown(*names: str) -> dict[str, str]:
    words = ["systemctl", "show", f"{PACKAGE}.service", f"--property={','.join(names)}"]
    said = subprocess.run(words, capture_output=True, text=True, check=True, timeout=ANSWER_S).stdout
    return dict(line.partition("=")[::2] for line in said.splitlines())


def _accepted() -> str | None:
    """Return the sum of the station file that the daemon was started with; None where the file was changed since."""
    try:
        if STATION_FILE.stat().st_ctime > _started_s():
            return None
    except (OSError, subprocess.SubprocessError, KeyError, ValueError):
        return None
    return next(iter(_digests()), None)


def _digests() -> list[str]:
    """Return the sum of the station file as the one element, none where it cannot be read."""
    try:
        return [hashlib.sha256(STATION_FILE.read_bytes()).hexdigest()]
    except OSError:
        return []


def show() -> None:
    """Say what is kept, what is on trial, and what is held."""
    with _place() as place:
        kept, proven = _version_of(place, PREVIOUS), _noted(place, PROVEN).get("version")
        trial, back = _noted(place, TRIAL), _noted(place, BACK)
    ready = ", seen ready" if kept is not None and kept == proven else ""
    print(f"installed {_installed()}\nkept      {kept or 'nothing'}{ready}")
    if trial:
        print(f"on trial  the installed one, in the place of {trial.get('from')}")
    if back and back.get("from") != _installed():
        print(f"gone back from {back.get('from')}, {back.get('at')}: {back.get('why')}")
    if _query("${db:Status-Want}") == "hold":
        print(f"held      no other version comes before: apt-mark unhold {PACKAGE}")


def _date() -> str:
    return f"{datetime.now(UTC):%Y-%m-%d %H:%M:%S} UTC"


def _installed() -> str:
    return _query("${Version}")


def _query(what: str) -> str:
    return subprocess.run(["dpkg-query", "--show", "--showformat", what, PACKAGE], capture_output=True, text=True, check=True).stdout


if __name__ == "__main__":
    sys.exit(main())
