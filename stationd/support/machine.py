"""What the machine itself tells: is there a daemon, who holds the state directory, what systemd says, the disk, the versions.

Everything is looked at and nothing is touched: whether the state directory is held is read from /proc/locks, since trying the
lock could keep a daemon that starts just then from taking it. Follows proc(5) and systemctl(1).
"""

from __future__ import annotations

import os
import platform
import shutil
import socket
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

import stationd
from stationd.support.within import TooSlow, printed

PROC = Path("/proc")
UNIT = "stationd.service"
UNIT_FACTS = ("LoadState", "ActiveState", "SubState", "Result", "ExecMainStatus", "NRestarts", "StateChangeTimestamp")
ANSWER_S = 3.0
SECONDS_OF_UNIT = 5.0
MEGA = 1_000_000


@dataclass(frozen=True, slots=True)
class Process:
    """A process that looks like the daemon; `age_s` is None where that cannot be told."""

    pid: int
    command: str
    age_s: float | None


@dataclass(frozen=True, slots=True)
class Disk:
    """The file system of a path, in bytes."""

    free: int
    size: int


def processes(proc: Path = PROC) -> list[Process]:
    """Return the processes that were started as `stationd run`."""
    return sorted(_processes(proc), key=lambda process: process.pid)


def _processes(proc: Path) -> Iterator[Process]:
    for entry in proc.iterdir():
        if not entry.name.isdigit():
            continue
        try:
            words = (entry / "cmdline").read_bytes().decode("utf-8", "replace").split("\0")
        except OSError:  # it has ended
            continue
        if "run" in words and any(Path(word).name == "stationd" for word in words[: words.index("run")]):
            yield Process(int(entry.name), " ".join(words).strip(), _age_s(entry))


def _age_s(entry: Path) -> float | None:
    """Return how long a process runs: field 22 of /proc/PID/stat, in ticks since the start of the machine."""
    try:
        ticks = int((entry / "stat").read_text().rpartition(")")[2].split()[19])
        return max(uptime_s(entry.parent) - ticks / os.sysconf("SC_CLK_TCK"), 0.0)
    except (OSError, ValueError, IndexError):
        return None


def uptime_s(proc: Path = PROC) -> float:
    """Return how long the machine runs."""
    return float((proc / "uptime").read_text().split()[0])


def holder(directory: Path, locks: Path = PROC / "locks") -> int | None:
    """Return the process that holds the lock of a state directory; None where nobody does, or it cannot be seen. OSError."""
    stat = directory.stat()
    wanted = f"{os.major(stat.st_dev):02x}:{os.minor(stat.st_dev):02x}:{stat.st_ino}"
    for line in locks.read_text().splitlines():
        words = line.split()
        if "FLOCK" in words and wanted in words:
            return int(words[words.index(wanted) - 1])
    return None


def socket_state(path: Path) -> str:
    """Return in words whether somebody listens at a socket."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.settimeout(ANSWER_S)
        try:
            probe.connect(str(path))
        except TimeoutError:
            return "the socket does not answer"
        except ConnectionRefusedError:
            return "nobody listens at the socket"
        except FileNotFoundError:
            return "there is no socket"
        except PermissionError:
            return "this user may not use the socket"
        except (OSError, ValueError) as error:
            return f"the socket cannot be used, {getattr(error, 'strerror', None) or error}"
    return "somebody listens at the socket"


def unit_facts(limit_s: float = SECONDS_OF_UNIT) -> dict[str, str]:
    """Return what systemd says of the service; OSError or TooSlow where it says nothing."""
    text = printed(["systemctl", "show", UNIT, "--no-pager", f"--property={','.join(UNIT_FACTS)}"], limit_s)
    pairs = (line.partition("=") for line in text.splitlines())
    return {name: value for name, mark, value in pairs if mark and name in UNIT_FACTS}


def unit_words() -> list[str]:
    """Return in words how the service stands; nothing where systemd does not say."""
    try:
        facts = unit_facts()
    except (OSError, TooSlow):
        return []
    if not facts or facts.get("LoadState") == "not-found":
        return ["no service is installed"] if facts else []
    words = [f"service {facts.get('ActiveState')} {facts.get('SubState')}"]
    if facts.get("Result", "success") != "success":
        words.append(f"{facts['Result']} {facts.get('ExecMainStatus', '')}".strip())
    return words + ([f"{facts['NRestarts']} restarts"] if facts.get("NRestarts", "0") != "0" else [])


def disk(path: Path) -> Disk:
    """Return the file system on which a path stands, or would stand. OSError."""
    while not path.exists() and path != path.parent:
        path = path.parent
    usage = shutil.disk_usage(path)
    return Disk(usage.free, usage.total)


def software() -> list[str]:
    """Return the versions that everything else depends on."""
    return [f"stationd {stationd.__version__}", f"Python {platform.python_version()}", system(), f"kernel {platform.release()}"]


def system() -> str:
    """Return the name of the distribution."""
    try:
        release = platform.freedesktop_os_release()
        return f"{release['ID']} {release.get('VERSION_ID', '')}".strip()
    except (OSError, KeyError):
        return platform.system()


def packages() -> str:
    """Return every Python package that this program can see, one a line."""
    found = sorted({f"{each.metadata['Name']} {each.version}" for each in metadata.distributions()}, key=str.lower)
    head = [*software(), f"at {Path(stationd.__file__).parent}", f"interpreter {sys.executable}"]
    return "\n".join([*head, "", *found]) + "\n"


def proc_facts() -> str:
    """Return memory, load, mounts with their room, uptime and the serial lines, each as the kernel says it."""
    blocks = [_block(name, PROC / name) for name in ("uptime", "loadavg", "meminfo", "tty/drivers", "tty/driver/serial", "locks")]
    return "\n".join([" ".join(platform.uname()), "", *blocks, _mounts()])


def _block(name: str, path: Path) -> str:
    try:
        text = path.read_text(errors="replace")
    except OSError as error:
        text = f"cannot be read: {error.strerror}\n"
    return f"== /proc/{name}\n{text}"


def _mounts() -> str:
    """Return the mounted file systems that stand on something, with free and whole size in MB, also of their inodes."""
    lines = ["== mounts: place, kind, options, MB free of MB, inodes free of inodes"]
    for line in (PROC / "self/mounts").read_text(errors="replace").splitlines():
        _, place, kind, options, *_ = [*line.split(), "", "", "", ""]
        if kind in ("ext2", "ext3", "ext4", "btrfs", "xfs", "tmpfs", "overlay", "vfat", "f2fs", "zfs", "nfs", "nfs4"):
            lines.append(f"{place} {kind} {options} {_room(place)}")
    return "\n".join(lines) + "\n"


def _room(place: str) -> str:
    try:
        room = os.statvfs(place.encode().decode("unicode_escape"))
    except (OSError, ValueError) as error:
        return f"cannot be looked at: {error}"
    mega = room.f_frsize / MEGA
    return f"{room.f_bavail * mega:.0f} of {room.f_blocks * mega:.0f} MB, {room.f_favail} of {room.f_files} inodes"
