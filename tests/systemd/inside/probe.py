"""Tries, as the daemon would and inside its sandbox, what an intruder would do with it. Prints one JSON object: attempt and outcome.

An outcome is "done", or the name of the error by which the kernel refused. Started in the place of the daemon by a drop-in of the unit.
"""

from __future__ import annotations

import ctypes
import errno
import json
import mmap
import os
import signal
import socket
import sys
import time
from collections.abc import Callable
from pathlib import Path

LIBC = ctypes.CDLL(None, use_errno=True)
PTRACE_ATTACH, CLONE_NEWUSER, CLONE_NEWNS = 16, 0x10000000, 0x00020000
PRIORITY = 40
WITNESSED, WRITTEN_WITHIN_S = Path("/run/stationd-witness/clock"), 10.0


class TimeSpec(ctypes.Structure):
    """struct timespec."""

    _fields_ = (("seconds", ctypes.c_long), ("nanoseconds", ctypes.c_long))


def call(name: str, *words: object) -> None:
    """Call a function of the C library; OSError as the kernel says it."""
    if getattr(LIBC, name)(*words) == -1:
        raise OSError(ctypes.get_errno(), name)


def write(path: str) -> None:
    """Make a file."""
    place = Path(path)
    place.write_text("x")
    place.unlink()


def program(path: str) -> None:
    """Execute a program in a child; OSError as the child met it."""
    os.waitpid(os.posix_spawn(path, [path], {}), 0)


def own_program() -> None:
    """Execute a file that was written where the daemon may write."""
    place = Path("/var/lib/stationd/intruder")
    place.write_text("#!/bin/sh\nexit 0\n")
    place.chmod(0o700)
    try:
        program(str(place))
    finally:
        place.unlink()


def attach() -> None:
    """Look into another process of the same user."""
    child = os.fork()
    if not child:
        signal.pause()
    try:
        call("ptrace", PTRACE_ATTACH, child, None, None)
    finally:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)


def others() -> None:
    """See a process of somebody else."""
    if not [place for place in Path("/proc").iterdir() if place.name.isdigit() and place.stat().st_uid != os.getuid()]:
        raise OSError(errno.ESRCH, "no other process is seen")


def executable_memory() -> None:
    """Make memory that can be written and executed."""
    mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC).close()


def opened(path: str, flags: int = os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK) -> None:
    """Open a device."""
    os.close(os.open(path, flags))


def real_time() -> None:
    """Take the priority of the sampling thread, as an ordinary user may within LimitRTPRIO=."""
    os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(PRIORITY))
    os.sched_setscheduler(0, os.SCHED_OTHER, os.sched_param(0))


def witnessed() -> None:
    """Read what the witness of the clock wrote; it was started with us, and writes a moment later."""
    until = time.monotonic() + WRITTEN_WITHIN_S
    while not WITNESSED.exists() and time.monotonic() < until:
        time.sleep(0.05)
    WITNESSED.read_text()


def locked_memory() -> None:
    """Lock as much memory as the sampler may need."""
    room = mmap.mmap(-1, 4 << 20)
    call("mlock", ctypes.c_void_p(ctypes.addressof(ctypes.c_char.from_buffer(room))), ctypes.c_size_t(4 << 20))


def dialled(family: int, kind: int = socket.SOCK_DGRAM) -> None:
    """Make a socket of a family."""
    socket.socket(family, kind).close()


ATTEMPTS: dict[str, Callable[[], object]] = {
    "write /etc": lambda: write("/etc/stationd/intruder"),
    "write /usr": lambda: write("/usr/lib/intruder"),
    "write /opt": lambda: write("/opt/stationd/intruder"),
    "write /var": lambda: write("/var/lib/intruder"),
    "write /run": lambda: write("/run/intruder"),
    "write /root": lambda: write("/root/intruder"),
    "write /home": lambda: write("/home/intruder"),
    "write /sys": lambda: Path("/sys/kernel/mm/ksm/run").write_text("0"),
    "write /proc/sys": lambda: Path("/proc/sys/kernel/hostname").write_text("intruder"),
    "read /root": lambda: list(Path("/root").iterdir()),
    "read /etc/shadow": lambda: Path("/etc/shadow").read_text(),
    "read /etc/credstore": lambda: list(Path("/etc/credstore").iterdir()),
    "execute /usr/bin/id": lambda: program("/usr/bin/id"),
    "execute /bin/sh": lambda: program("/bin/sh"),
    "execute what it wrote": own_program,
    "make a device": lambda: os.mknod("/var/lib/stationd/intruder", 0o600 | 0o060000, os.makedev(254, 0)),
    "trace a process": attach,
    "see other processes": others,
    "signal the manager": lambda: os.kill(1, signal.SIGTERM),
    "open the console": lambda: opened("/dev/console"),
    "open another terminal": lambda: opened("/dev/tty1"),
    "open a disk": lambda: opened("/dev/vda", os.O_RDONLY),
    "open memory": lambda: opened("/dev/mem", os.O_RDONLY),
    "become root": lambda: os.setuid(0),
    "change an owner": lambda: os.chown("/var/lib/stationd", os.getuid(), 0),
    "set a setuid bit": lambda: Path("/var/lib/stationd").chmod(0o4750),
    "make a name space": lambda: call("unshare", CLONE_NEWUSER),
    "mount": lambda: call("mount", b"none", b"/tmp", b"tmpfs", 0, None),
    "set the clock": lambda: call("clock_settime", 0, ctypes.byref(TimeSpec(1_000_000_000, 0))),
    "ask the kernel's clock": lambda: call("adjtimex", ctypes.create_string_buffer(512)),
    "set the host's name": lambda: call("sethostname", b"intruder", 8),
    "executable memory": executable_memory,
    "another personality": lambda: call("personality", 0x0040000),
    "a packet socket": lambda: dialled(socket.AF_PACKET, socket.SOCK_RAW),
    "a netlink socket": lambda: dialled(socket.AF_NETLINK, socket.SOCK_RAW),
    "read the kernel's log": lambda: opened("/dev/kmsg", os.O_RDONLY),
    # What the daemon does live on.
    "write its state": lambda: write("/var/lib/stationd/own"),
    "write beside the control socket": lambda: write("/run/stationd/own"),
    "a TCP socket": lambda: dialled(socket.AF_INET, socket.SOCK_STREAM),
    "read the start of the machine": lambda: Path("/proc/sys/kernel/random/boot_id").read_text(),
    "read the consoles": lambda: Path("/proc/consoles").read_text(),
    "read its credential": lambda: Path(os.environ["CREDENTIALS_DIRECTORY"], "far.key").read_text(),
    "read what the witness wrote": witnessed,
    "real time": real_time,
    "lock memory": locked_memory,
}


def outcome(attempt: Callable[[], object]) -> str:
    """Try, and return what came of it."""
    try:
        attempt()
    except OSError as error:
        return errno.errorcode.get(error.errno or 0, str(error))
    except KeyError as error:
        return f"no {error}"
    return "done"


if __name__ == "__main__":
    json.dump({name: outcome(attempt) for name, attempt in ATTEMPTS.items()}, sys.stdout, indent=1)
    sys.stdout.flush()
