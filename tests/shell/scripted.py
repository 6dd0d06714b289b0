"""A daemon that says what a test tells it to: one operation, whose phase the test moves, behind a real socket."""

from __future__ import annotations

import contextlib
import json
import os
import pty
import select
import socket
import subprocess
import sys
import termios
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from tests.console.desk import value

ROOT = Path(__file__).resolve().parents[2]
T = "2026-11-22T22:43:31.000Z"
STAMP = {"t": T, "synchronised": True}
NOTHING = {"v": None, "u": "s", "t": T, "q": "bad", "why": "not-offered"}
OPERATION = "io.stationd.Operation"
CODE = "K7Q4"
Parameters = Mapping[str, Any]
Answer = tuple[str, Mapping[str, Any]]  # an error and its parameters, or "" and an answer


def progress(measured: float | None = None, phase: str = "ramping") -> dict[str, Any]:
    """Return how far a ramp is."""
    known = measured is not None
    return {
        "phase": phase if known else "", "setTo": value(measured, "mA") if known else NOTHING,
        "measured": value(measured, "mA") if known else NOTHING, "target": value(1000.0, "mA"),
        "voltage": value(901.0, "V") if known else NOTHING, "rise": NOTHING, "left": value(29.0, "s") if known else NOTHING,
    }  # fmt: skip


def view(phase: str = "waiting", **more: Any) -> dict[str, Any]:
    """Return an operation as the daemon writes it."""
    return {
        "name": "OP-42", "object": "pfe-a", "command": "lethal", "phase": phase, "since": STAMP, "armedAt": STAMP, "armer": "a.bekov",
        "task": {"verb": "energise", "toMilliamperes": 1000.0, "rateMilliamperesPerSecond": 20.0, "part": "single"}, "yours": True,
        "reason": "repair done WO 4711", "effect": ["Puts up to +2250 V on the sea cable Aktau - Siyazan.", "It can kill."],
        "limits": ["V > 2400 V"], "checks": [{"name": "interlocks", "shown": "2 of 2 closed, 0.3 s ago", "good": True, "reason": None}],
        "approver": "", "wantsApproval": phase == "waiting", "offered": None, "until": STAMP, "left": value(171.0, "s"),
        "keptAlive": NOTHING, "progress": progress(), "ending": None, "cause": None, "detail": "", **more,
    }  # fmt: skip


def refused(cause: str, why: str, remedy: str = "do something else") -> Answer:
    """Return a refusal with one reason."""
    reasons = [{"cause": cause, "why": why, "remedy": remedy}]
    return f"{OPERATION}.Refused", {"asked": "it", "cause": cause, "detail": why, "hint": remedy, "reasons": reasons}


class Scripted:
    """What the daemon answers. `answers` by the last word of the method; what is not there is answered with the operation."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.view = view()
        self.calls: list[tuple[str, Parameters]] = []
        self.connections = 0
        self.answers: dict[str, Callable[[Parameters], Answer]] = {}
        self.listeners: list[socket.socket] = []
        self._open: list[socket.socket] = []
        self._news = threading.Condition()

    def wait_for(self, met: Callable[[], bool]) -> None:
        """Wait until something is so; an error after long enough."""
        with self._news:
            assert self._news.wait_for(met, 20), self.calls

    def tells(self, **notice: Any) -> None:
        """Send a notice to whoever listens."""
        for listener in self.listeners:
            listener.sendall(json.dumps({"parameters": {"notice": {"t": STAMP, **notice}}, "continues": True}).encode() + b"\0")

    @property
    def opened(self) -> int:
        """How many connections there were in all."""
        return len(self._open)

    def hangs_up(self) -> None:
        """End every connection, as a daemon does that ends."""
        for connection in self._open:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def called(self, word: str) -> list[Parameters]:
        """Return the parameters of every call of a method."""
        return [parameters for method, parameters in self.calls if method.endswith(f".{word}")]

    def serve(self, connection: socket.socket) -> None:
        """Answer one connection until it ends."""
        self._open.append(connection)
        with connection, contextlib.suppress(OSError):
            rest = b""
            while more := connection.recv(65536):
                *messages, rest = (rest + more).split(b"\0")
                for message in messages:
                    call = json.loads(message)
                    connection.sendall(self._answer(call))
                    if call.get("more"):
                        self.listeners.append(connection)
        with self._news:
            self.listeners = [each for each in self.listeners if each is not connection]
            self.connections -= 1
            self._news.notify_all()

    def _answer(self, call: Mapping[str, Any]) -> bytes:
        method, parameters = call["method"], call.get("parameters", {})
        word = method.rpartition(".")[2]
        with self._news:
            self.calls.append((method, parameters))
            self._news.notify_all()
            error, said = self.answers.get(word, self._usual)(parameters)
        if word in ("Arm", "Prepare") and not error:
            said = {**said, "code": CODE}
        return json.dumps({"error": error, "parameters": said} if error else {"parameters": said}).encode() + b"\0"

    def _usual(self, _: Parameters) -> Answer:
        return "", {"operation": dict(self.view), "detail": "", "durable": True, "names": []}


@contextlib.contextmanager
def scripted(path: Path) -> Iterator[Scripted]:
    """Serve what a test tells until its end."""
    daemon, threads = Scripted(path), []
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.listen()

        def accept() -> None:
            with contextlib.suppress(OSError):
                while True:
                    connection, _ = listener.accept()
                    daemon.connections += 1
                    threads.append(threading.Thread(target=daemon.serve, args=(connection,)))
                    threads[-1].start()

        accepting = threading.Thread(target=accept)
        accepting.start()
        yield daemon
        listener.shutdown(socket.SHUT_RDWR)
        accepting.join()
        path.unlink(missing_ok=True)
        for thread in threads:
            thread.join()


OWN_TERMINAL = "import os; os.close(os.open(os.ttyname(0), os.O_RDWR)); "  # the first one that a session opens is its own: Ctrl-C works
CLIENT = "import sys; from stationd.shell.client import main; sys.exit(main())"


class Sitting:
    """A person at a terminal who has typed one command."""

    def __init__(
        self, path: Path, words: Sequence[str], term: str = "vt100", program: str = CLIENT, more: Mapping[str, str] | None = None
    ) -> None:
        self._leader, follower = pty.openpty()
        self.screen = ""
        typed = [sys.executable, "-c", OWN_TERMINAL + program, "--socket", str(path), *words]
        environment = {**os.environ, "TERM": term, **(more or {})}
        self.running = subprocess.Popen(
            typed, stdin=follower, stdout=follower, stderr=follower, cwd=ROOT, env=environment, start_new_session=True
        )
        os.close(follower)

    def until(self, text: str, *, after: int = 0) -> int:
        """Read until the screen shows a text; return where it ends."""
        give_up = time.monotonic() + 20
        while (at := self.screen.find(text, after)) < 0:
            assert self._read(give_up), f"{text!r} never came:\n{self.screen}"
        return at + len(text)

    def types(self, text: str) -> None:
        """Press keys."""
        os.write(self._leader, text.encode())

    def resized(self, rows: int, columns: int) -> None:
        """Give the terminal a size; it begins with none, like a serial console."""
        termios.tcsetwinsize(self._leader, (rows, columns))

    @property
    def modes(self) -> list[Any]:
        """What the terminal driver does with keys and lines."""
        return termios.tcgetattr(self._leader)

    def hangs_up(self) -> None:
        """Close the terminal, as a modem or a lost ssh does."""
        os.close(self._leader)
        self._leader = -1

    def ended(self) -> int:
        """Return the exit code, when everything that was written is on the screen."""
        give_up = time.monotonic() + 20
        while self._read(give_up):
            pass
        return self.running.wait(20)

    def close(self) -> None:
        """Leave nothing behind."""
        self.running.kill()
        self.running.wait()
        if self._leader >= 0:
            os.close(self._leader)

    def _read(self, give_up: float) -> bool:
        if not select.select([self._leader], [], [], max(give_up - time.monotonic(), 0))[0]:
            return False
        try:
            more = os.read(self._leader, 65536)
        except OSError:  # the end of a terminal is an error of its reader
            return False
        self.screen += more.decode("latin-1").replace("\r\n", "\n")
        return bool(more)


@contextlib.contextmanager
def sitting(
    path: Path, *words: str, term: str = "vt100", program: str = CLIENT, more: Mapping[str, str] | None = None
) -> Iterator[Sitting]:
    """Somebody sits at a terminal."""
    person = Sitting(path, words, term, program, more)
    try:
        yield person
    finally:
        person.close()
