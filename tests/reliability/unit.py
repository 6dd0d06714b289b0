"""A unit of a line in a process of its own: it answers Modbus TCP and notes when it was asked.

    python -m tests.reliability.unit FILE [HOST]

What it is: a blocking loop, so that what it notes is when the question came and nothing else; FILE gets eight bytes for each question,
the monotonic clock in nanoseconds. FILE.sleeps gets, ten times a second, when and how late a mere sleep ended: what the machine itself
does to everybody. It prints its port when it listens. What it is not: a simulated device (stationd.sim has those).
"""

from __future__ import annotations

import contextlib
import socket
import struct
import sys
import threading
import time
from pathlib import Path

REGISTERS = 8
HEADER = struct.Struct(">HHHB")
SHOWN = 1234
SLEEPS = ".sleeps"
SLEEP_NS = 100_000_000


def sleep(file: Path) -> None:
    """Note how late sleeps end, for ever."""
    with file.open("ab", buffering=0) as noted:
        due = time.monotonic_ns()
        while True:
            due = max(due + SLEEP_NS, time.monotonic_ns())
            time.sleep(max(0.0, (due - time.monotonic_ns()) / 1e9))
            now = time.monotonic_ns()
            noted.write(struct.pack("=qq", now, now - due))


def serve(file: Path, host: str) -> None:
    """Answer one client after the other, for ever."""
    with socket.create_server((host, 0)) as listener, file.open("ab", buffering=0) as noted:
        sys.stdout.write(f"{listener.getsockname()[1]}\n")
        sys.stdout.flush()
        while True:
            client, _ = listener.accept()
            with client, contextlib.suppress(OSError):
                client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                while answered(client):
                    noted.write(struct.pack("=q", time.monotonic_ns()))


def answered(client: socket.socket) -> bool:
    """Answer one question; False when the client has gone."""
    head = _exactly(client, HEADER.size)
    if head is None:
        return False
    number, _, length, unit = HEADER.unpack(head)
    question = _exactly(client, length - 1)
    if question is None:
        return False
    count = int.from_bytes(question[3:5], "big")
    body = bytes((question[0], 2 * count)) + b"".join((SHOWN + n).to_bytes(2, "big") for n in range(count))
    client.sendall(HEADER.pack(number, 0, len(body) + 1, unit) + body)
    return True


def _exactly(client: socket.socket, size: int) -> bytes | None:
    data = b""
    while len(data) < size:
        piece = client.recv(size - len(data))
        if not piece:
            return None
        data += piece
    return data


if __name__ == "__main__":
    threading.Thread(target=sleep, args=(Path(f"{sys.argv[1]}{SLEEPS}"),), daemon=True).start()
    serve(Path(sys.argv[1]), sys.argv[2] if len(sys.argv) > 2 else "127.0.0.1")
