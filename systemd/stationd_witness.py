"""Sees for the daemon what its sandbox keeps from it: the kernel's clock, and the terminals of people (stationd-witness.service).

Two answers, of what every user of the machine may know anyway:

    DIRECTORY/clock       a file, written anew once a second, whole or not at all: what adjtimex(2) says, asked with no mode:
                          MONOTONIC_S STATE STATUS LARGEST_ERROR_US ESTIMATED_ERROR_US     read by stationd.outputs.journal.wall
    DIRECTORY/terminals   a socket of packets: "PID UID" is answered by the number of the controlling terminal of that process,
                          0: it has none, it is gone, or it is not that user's               asked by stationd.console.witness

What it is not: a part of the daemon. It imports nothing of it, believes nothing that it is sent, and changes nothing.
"""

import contextlib
import ctypes
import re
import select
import socket
import sys
import time
from pathlib import Path

EVERY_S = 1.0
MOST_CLIENTS = 16  # assumption: the daemon asks one thing at a time; who comes too many is let go
LONGEST_S = 1.0  # a client that asks nothing for so long is let go
LONGEST_QUESTION = 64  # bytes
QUESTION = re.compile(rb"([1-9]\d{0,9}) (\d{1,10})")
ROOM = 512  # struct timex is 208 bytes on 64-bit Linux, less on 32-bit
LONG = ctypes.sizeof(ctypes.c_long)
LARGEST_ERROR_AT, ESTIMATED_ERROR_AT, STATUS_AT = 3 * LONG, 4 * LONG, 5 * LONG  # after modes, offset and freq, all as wide as a long
TERMINAL_FIELD, START_FIELD = 7, 22  # of /proc/PID/stat, counted from 1 as in proc(5)
PROCESSES = Path("/proc")


def clock() -> str:
    """Return what the kernel says of its clock at this moment, as a line."""
    timex = ctypes.create_string_buffer(ROOM)
    state = ctypes.CDLL(None).adjtimex(timex)
    status = ctypes.c_int.from_buffer(timex, STATUS_AT).value
    largest, estimated = (ctypes.c_long.from_buffer(timex, at).value for at in (LARGEST_ERROR_AT, ESTIMATED_ERROR_AT))
    return f"{time.monotonic():.6f} {state} {status} {largest} {estimated}\n"


def write_clock(file: Path) -> None:
    """Write it. What cannot be written is tried again a second later: the reader sees how old it is."""
    new = file.with_name(f"{file.name}.new")
    with contextlib.suppress(OSError):
        new.write_text(clock(), encoding="ascii")
        new.replace(file)


def terminal(pid: int, uid: int) -> int:
    """Return the number of the controlling terminal of a process of that user, or 0.

    Numbers of processes are used again: it counts only if the same process, by its start, is there before and after its owner was
    looked at.
    """
    place = PROCESSES / str(pid)
    try:
        before, owner, after = stat(place), place.stat().st_uid, stat(place)
    except (OSError, ValueError, IndexError):
        return 0
    return after[0] if before == after and owner == uid else 0


def stat(place: Path) -> tuple[int, int]:
    """Return the terminal and the start of a process. Its name, in brackets, may contain anything."""
    fields = (place / "stat").read_text(errors="replace").rpartition(")")[2].split()
    return int(fields[TERMINAL_FIELD - 3]), int(fields[START_FIELD - 3])


def attend(client: socket.socket) -> bool:
    """Answer the question that is there; return whether this client may ask again."""
    try:
        asked = QUESTION.fullmatch(client.recv(LONGEST_QUESTION))
        if asked is None:
            return False
        client.send(b"%d" % terminal(int(asked[1]), int(asked[2])))
    except OSError:
        return False
    return True


def serve(listener: socket.socket, file: Path) -> None:
    """Write and answer until somebody ends this process."""
    clients: dict[socket.socket, float] = {}
    due_t = 0.0
    while True:
        now = time.monotonic()
        if now >= due_t:
            write_clock(file)
            due_t = now + EVERY_S
        for client in [client for client, since in clients.items() if now - since > LONGEST_S]:
            del clients[client]
            client.close()
        ready = select.select([listener, *clients], [], [], max(0.0, due_t - now))[0]
        for each in ready:
            if each is listener:
                with contextlib.suppress(OSError):
                    welcome(listener, clients)
            elif attend(each):
                clients[each] = time.monotonic()
            else:
                del clients[each]
                each.close()


def welcome(listener: socket.socket, clients: dict[socket.socket, float]) -> None:
    """Take a client, unless there are too many."""
    client = listener.accept()[0]
    client.setblocking(False)
    if len(clients) < MOST_CLIENTS:
        clients[client] = time.monotonic()
    else:
        client.close()


def main(directory: Path) -> None:
    """Open the socket for whoever may enter the directory and is of its group, and serve."""
    place = directory / "terminals"
    place.unlink(missing_ok=True)
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as listener:
        listener.setblocking(False)
        listener.bind(str(place))
        place.chmod(0o660)
        listener.listen(MOST_CLIENTS)
        serve(listener, directory / "clock")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
