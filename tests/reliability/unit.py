"""A unit of a line in a process of its own: it answers Modbus TCP and notes when it was asked.

    python -m tests.reliability.unit FILE [HOST] [SOCKET]

What it is: a blocking loop, so that what it notes is when the question came and nothing else; FILE gets eight bytes for each question,
the monotonic clock in nanoseconds. FILE.sleeps gets, ten times a second, when and how late a mere sleep ended: what the machine itself
does to everybody. With the daemon's control SOCKET its first register crosses the limit of an alarm with each question, up and down, each
time with another value (`shown_at`); FILE.decided gets each value with which the alarm is told there ("Monitor"), and when that was here.
It prints its port when it listens. What it is not: a simulated device (stationd.sim has those).
"""

from __future__ import annotations

import contextlib
import json
import socket
import struct
import sys
import threading
import time
from pathlib import Path
from typing import BinaryIO

REGISTERS = 8
HEADER = struct.Struct(">HHHB")
SHOWN = 1234
SLEEPS, DECIDED = ".sleeps", ".decided"
SLEEP_NS = 100_000_000
LIMIT, VALUES = 60_000, 5000  # the alarm stands above the limit; so many questions of each side are told apart
AGAIN_S = 0.1
MONITOR = {"method": "io.stationd.Alarm.Monitor", "parameters": {"filter": {"resource": "u1", "type": "CONTACT"}}, "more": True}


def shown_at(number: int) -> int:
    """Return what the first register shows when it is asked for the n-th time: above the limit and below it by turns."""
    return (LIMIT if number % 2 else SHOWN) + 1 + number // 2 % VALUES


def sleep(file: Path) -> None:
    """Note how late sleeps end, for ever."""
    with file.open("ab", buffering=0) as noted:
        due = time.monotonic_ns()
        while True:
            due = max(due + SLEEP_NS, time.monotonic_ns())
            time.sleep(max(0.0, (due - time.monotonic_ns()) / 1e9))
            now = time.monotonic_ns()
            noted.write(struct.pack("=qq", now, now - due))


def watch(file: Path, door: str) -> None:
    """Note what the daemon decides, for ever; where it has gone it is asked again."""
    with file.open("ab", buffering=0) as noted:
        while True:
            with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX) as asking:
                asking.connect(door)
                asking.sendall(json.dumps(MONITOR).encode() + b"\0")
                note_changes(asking, noted)
            time.sleep(AGAIN_S)


def note_changes(asking: socket.socket, noted: BinaryIO) -> None:
    """Note each change that is told, until there is an end of it."""
    rest = b""
    while piece := asking.recv(65536):
        t = time.monotonic_ns()
        *whole, rest = (rest + piece).split(b"\0")
        for each in whole:
            change = json.loads(each).get("parameters", {}).get("change", {})
            for alarm in change.get("alarms", []) if change.get("event") else []:
                if isinstance(value := alarm["value"]["v"], int | float):
                    noted.write(struct.pack("=qq", round(value), t))


def serve(file: Path, host: str, changing: bool) -> None:
    """Answer one client after the other, for ever."""
    with socket.create_server((host, 0)) as listener, file.open("ab", buffering=0) as noted:
        sys.stdout.write(f"{listener.getsockname()[1]}\n")
        sys.stdout.flush()
        while True:
            client, _ = listener.accept()
            with client, contextlib.suppress(OSError):
                client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                while (question := asked(client)) is not None:
                    noted.write(struct.pack("=q", time.monotonic_ns()))
                    client.sendall(answer(*question, shown_at(noted.tell() // 8 - 1) if changing else SHOWN))


def asked(client: socket.socket) -> tuple[bytes, bytes] | None:
    """Wait for a question and return its head and its rest; None when the client has gone."""
    head = _exactly(client, HEADER.size)
    question = head and _exactly(client, HEADER.unpack(head)[2] - 1)
    return (head, question) if head and question else None


def answer(head: bytes, question: bytes, first: int) -> bytes:
    """Return the answer: `first` in register 0, and in every other its number and a bit."""
    number, _, _, unit = HEADER.unpack(head)
    begin, count = struct.unpack(">HH", question[1:5])
    shown = (SHOWN + n if n else first for n in range(begin, begin + count))
    body = bytes((question[0], 2 * count)) + b"".join(each.to_bytes(2, "big") for each in shown)
    return HEADER.pack(number, 0, len(body) + 1, unit) + body


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
    if len(sys.argv) > 3:
        threading.Thread(target=watch, args=(Path(f"{sys.argv[1]}{DECIDED}"), sys.argv[3]), daemon=True).start()
    serve(Path(sys.argv[1]), sys.argv[2] if len(sys.argv) > 2 else "127.0.0.1", changing=len(sys.argv) > 3)
