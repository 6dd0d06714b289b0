"""Those who mean no good, in processes of their own: python -m stationd.bench.shell_attack WAY SOCKET SEED COUNT.

What it is: three ways to be a bad client of the control socket, each over many connections at once, as fast as they come.
  malformed  COUNT messages of stationd.bench.malformed over sixteen connections, from two who look and one who may act
  readers    COUNT connections that subscribe to a Monitor and never read a byte, and connect anew when they lose their place
  strangers  COUNT connections at a time from users that this station does not know, or that the kernel does not name, again and again
When it is done, or SIGINT comes to the last two, it prints what it was answered as one JSON object. The benchmark gives it the lowest
priority, for it is the daemon that is measured and not who gets the machine's cores. What it is not: a client that knows of the
daemon's inside.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import random
import select
import signal
import socket
import sys
import threading
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, fields

from stationd.bench.malformed import Malformed, Method, malformed, methods
from stationd.bench.shell_users import END, Who, asked, connected
from stationd.console.peer import Role

ACTS, LOOKS, LOOKS_TOO = Who(Role.OPERATE, 6001), Who(Role.VIEW, 6002), Who(Role.VIEW, 6003)
SENDERS = (*(ACTS,) * 4, *(LOOKS, LOOKS_TOO) * 6)
READERS = (Who(Role.VIEW, 6004), Who(Role.VIEW, 6005), Who(Role.VIEW, 6006))  # two of them could take all thirty places
STRANGERS = (Who(Role.NONE, 6008), Who(None, 6009))
MONITORS = ("Status", "Alarm", "Operation", "Session")
ANSWER_S = 60.0  # much longer than anything should take; who waits longer says so
RECEIVE_BYTES = 4096
LOOK_S = 0.2


@dataclass(slots=True)
class Answered:
    """What came back. `let_in` are beginnings of answers that are no error; `errors` count each name."""

    sent: int = 0
    connections: int = 0
    unanswered: int = 0
    errors: Counter[str] = field(default_factory=Counter)
    let_in: list[str] = field(default_factory=list)

    def note(self, answer: bytes) -> str:
        """Count an answer; return its error."""
        error = str(json.loads(answer).get("error", ""))
        if error:
            self.errors[error] += 1
        else:
            self.let_in.append(answer[:200].decode(errors="replace"))
        return error


class Sender:
    """One who sends malformed messages, one after the other, and reads what he is answered."""

    def __init__(self, path: str, who: Who, known: Sequence[Method], seed: int, answered: Answered) -> None:
        self._path, self._who, self._known, self._answered = path, who, known, answered
        self._draw = random.Random(seed)
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def send(self, count: int) -> None:
        """Send so many messages."""
        for _ in range(count):
            message = malformed(self._draw, self._known)
            self._answered.sent += 1
            try:
                async with asyncio.timeout(ANSWER_S):
                    await self._exchange(message)
            except TimeoutError:
                self._answered.unanswered += 1
                self._hang_up()
            except (ConnectionError, asyncio.IncompleteReadError):
                self._hang_up()
        self._hang_up()

    async def _exchange(self, message: Malformed) -> None:
        reader, writer = await self._connection()
        for piece in message.pieces():
            writer.write(piece)
            await writer.drain()
        if not message.finished:
            writer.write_eof()
            for answer in (await reader.read()).split(END):
                if answer:
                    self._answered.note(answer)
            self._hang_up()
        elif self._answered.note((await reader.readuntil(END))[:-1]).endswith(".NotServed"):
            self._hang_up()

    async def _connection(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        if self._streams is None:
            self._answered.connections += 1
            own = await asyncio.to_thread(connected, self._path, self._who)
            own.setblocking(False)
            self._streams = await asyncio.open_unix_connection(sock=own, limit=2**24)
        return self._streams

    def _hang_up(self) -> None:
        if self._streams is not None:
            self._streams[1].close()
        self._streams = None


async def send_malformed(path: str, seed: int, count: int) -> Answered:
    """Send so many malformed messages over all connections."""
    known, answered = described(path), Answered()
    senders = [Sender(path, who, known, seed + number, answered) for number, who in enumerate(SENDERS)]
    shares = [count // len(senders) + (number < count % len(senders)) for number in range(len(senders))]
    async with asyncio.TaskGroup() as tasks:
        for sender, share in zip(senders, shares, strict=True):
            tasks.create_task(sender.send(share))
    return answered


def described(path: str) -> list[Method]:
    """Return every method of the daemon, from its own description."""
    with connected(path, LOOKS) as own:
        names = asked(own, "org.varlink.service.GetInfo", {})["interfaces"]
        texts = [asked(own, "org.varlink.service.GetInterfaceDescription", {"interface": name})["description"] for name in names]
    return [method for text in texts for method in methods(text)]


# ---------------------------------------------------------------------- who never reads


def never_read(path: str, count: int, ended: threading.Event) -> Answered:
    """Keep so many subscriptions alive, or try to, without reading any."""
    answered, lost, held, number = Answered(), select.poll(), dict[int, socket.socket](), 0
    while not ended.wait(LOOK_S):
        while len(held) < count:
            own = subscribed(path, READERS[number % len(READERS)], MONITORS[number % len(MONITORS)])
            number += 1
            if own is None:
                break
            held[own.fileno()] = own
            lost.register(own, 0)  # only that it ended
        answered.connections = number
        for descriptor, _ in lost.poll(0):
            lost.unregister(descriptor)
            note_first(held.pop(descriptor), answered)
    for own in held.values():
        note_first(own, answered)
    return answered


def subscribed(path: str, who: Who, interface: str) -> socket.socket | None:
    """Return a connection that has asked for a Monitor, None where the daemon does not take one now."""
    try:
        own = connected(path, who)
    except OSError:
        return None
    own.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BYTES)
    own.setblocking(False)
    with contextlib.suppress(OSError):
        own.send(json.dumps({"method": f"io.stationd.{interface}.Monitor", "more": True, "parameters": {}}).encode() + END)
    return own


def note_first(own: socket.socket, answered: Answered) -> None:
    """Look at the first bytes that wait there: was a stream let in, or turned away? Close."""
    with own, contextlib.suppress(BlockingIOError, ConnectionError):
        waiting = own.recv(300, socket.MSG_PEEK)
        if waiting.startswith(b'{"error"'):
            answered.note(waiting.partition(END)[0])
        elif waiting:
            answered.sent += 1


# ---------------------------------------------------------------------- who has no business here


def knock(path: str, count: int, ended: threading.Event) -> Answered:
    """Connect again and again as somebody whom the station does not know, so many at a time."""
    answered, turn = Answered(), 0
    while not ended.is_set():
        held = []
        for _ in range(count):
            with contextlib.suppress(OSError):
                held.append(connected(path, STRANGERS[turn % len(STRANGERS)]))
                turn += 1
        for own in held:
            ask_in(own, answered)
    return answered


def ask_in(own: socket.socket, answered: Answered) -> None:
    """Ask for the status; count what is answered."""
    answered.connections += 1
    with own, contextlib.suppress(ConnectionError):
        own.settimeout(ANSWER_S)
        with contextlib.suppress(BrokenPipeError):
            own.sendall(b'{"method":"io.stationd.Status.GetStatus"}' + END)
            answered.sent += 1
        answer = own.recv(65536)
        if answer:
            answered.note(answer.partition(END)[0])


def main(words: Sequence[str]) -> int:
    """Attack in one way and print what came of it."""
    ended = threading.Event()
    signal.signal(signal.SIGINT, lambda *_: ended.set())
    way, path, seed, count = words[0], words[1], int(words[2]), int(words[3])
    match way:
        case "malformed":
            answered = asyncio.run(send_malformed(path, seed, count))
        case "readers":
            answered = never_read(path, count, ended)
        case "strangers":
            answered = knock(path, count, ended)
        case _:
            raise SystemExit(f"{way} is no way to attack")
    print(json.dumps({each.name: getattr(answered, each.name) for each in fields(Answered)}), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
