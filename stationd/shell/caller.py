"""The connection of `stationctl` to the daemon: calls out, answers or one sentence of failure back. Standard library only.

Every call has a deadline, and a lost answer of an order is not a failed order: nobody knows what became of it, which has its own
exit code. A daemon that is too busy to take a connection is asked again until the time is over: connect(2) on a Unix socket whose
queue is full fails at once with EAGAIN, and that is no answer. Follows varlink.org for the bytes on the socket.
"""

from __future__ import annotations

import contextlib
import json
import socket
import time
from collections.abc import Callable, Mapping
from typing import Any

from stationd.shell import denials
from stationd.shell.exits import Exit, refusal
from stationd.shell.screens import status as screens

SOCKET = "/run/stationd/io.stationd"
LONGEST_ANSWER_BYTES = 16 * 1024 * 1024
NOT_IN_TIME = "the daemon did not answer in time"
KNOCKS_EVERY_S = 0.02  # nobody notices so short a time, and it costs no processor (assumption)
Form = dict[str, Any]


class Failed(Exception):
    """The command ends with this code and these lines on standard error."""

    def __init__(self, code: Exit, *lines: str, error: str = "", parameters: Mapping[str, object] | None = None) -> None:
        super().__init__(*lines)
        self.code = code
        self.lines = lines
        self.error = error
        self.parameters = parameters or {}


class Line:
    """The connection to the daemon, with one deadline for everything until it is renewed.

    `waiting` is called once if the daemon does not take the connection at once.
    """

    def __init__(self, path: str, timeout_s: float, waiting: Callable[[], None] | None = None) -> None:
        self.timeout_s = timeout_s
        self._until = time.monotonic() + timeout_s
        self._rest = b""
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            self._connect(path, waiting)
        except BlockingIOError:
            self.close()
            why = f"the daemon has taken no connection within {timeout_s:g} s: it is stopped or too busy"
            raise Failed(Exit.NO_DAEMON, why, "look at it: systemctl status stationd") from None
        except PermissionError as error:
            self.close()
            raise Failed(Exit.NOT_PERMITTED, f"{path}: {error.strerror}", "ask for the group stationd-view, then log in anew") from None
        except OSError as error:
            self.close()
            lines = (f"no daemon answers at {path}: {error.strerror or error}", "look at it: systemctl status stationd")
            raise Failed(Exit.NO_DAEMON, *lines) from None

    def _connect(self, path: str, waiting: Callable[[], None] | None) -> None:
        """Connect as soon as there is room. BlockingIOError when there is none until the time is over."""
        self._socket.setblocking(False)
        while True:
            try:
                self._socket.connect(path)
            except BlockingIOError:
                if waiting is not None:
                    waiting()
                    waiting = None
                if time.monotonic() >= self._until:
                    raise
            else:
                return
            time.sleep(KNOCKS_EVERY_S)

    def close(self) -> None:
        """Hang up."""
        self._socket.close()

    def renew(self, timeout_s: float) -> None:
        """Give what follows so many seconds from now."""
        self._until = time.monotonic() + timeout_s

    def call(self, method: str, parameters: Mapping[str, object], *, acts: bool = False) -> Form:
        """Return the answer. Failed when it is a refusal, or when none comes."""
        return self.answer(self.send(method, parameters, acts=acts))

    def send(self, method: str, parameters: Mapping[str, object], *, acts: bool = False) -> Lost:
        """Send a call; return what to say if its answer, which is the next one to be taken, never comes."""
        if time.monotonic() >= self._until:  # what was asked before it has taken all the time
            raise Lost(Exit.NO_DAEMON, method).because(NOT_IN_TIME)
        lost = Lost(Exit.OUTCOME_UNKNOWN if acts else Exit.NO_DAEMON, method)
        message = json.dumps({"method": method, "parameters": parameters}).encode() + b"\0"
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):  # it may have said why before it closed: read that
            self._send(message, lost)
        return lost

    def answer(self, lost: Lost) -> Form:
        """Return the answer to the call that was sent last. Failed as in `call`."""
        try:
            answer = json.loads(self._answer(lost))
        except ValueError:
            raise lost.because("the daemon's answer is no JSON") from None
        error = answer.get("error")
        if error:
            raise refused(str(error), answer.get("parameters") or {})
        form: Form = answer.get("parameters") or {}
        return form

    def _send(self, message: bytes, lost: Lost) -> None:
        try:
            self._within(lost).sendall(message)
        except TimeoutError:
            raise lost.because("the daemon did not take the order in time") from None

    def _answer(self, lost: Lost) -> bytes:
        received = bytearray(self._rest)
        while (end := received.find(b"\0")) < 0:
            if len(received) > LONGEST_ANSWER_BYTES:
                raise lost.because("the daemon's answer is too long")
            try:
                more = self._within(lost).recv(65536)
            except TimeoutError:
                raise lost.because(NOT_IN_TIME) from None
            except OSError as error:
                raise lost.because(f"the connection was lost: {error.strerror}") from None
            if not more:
                raise lost.because("the daemon closed the connection")
            received += more
        self._rest = bytes(received[end + 1 :])
        return bytes(received[:end])

    def _within(self, lost: Lost) -> socket.socket:
        """Return the socket with the time that is left as its time-out."""
        left_s = self._until - time.monotonic()
        if left_s <= 0:
            raise lost.because(NOT_IN_TIME)
        self._socket.settimeout(left_s)
        return self._socket


class Lost:
    """What is known when a call has no answer."""

    def __init__(self, code: Exit, method: str) -> None:
        self._code = code
        self._method = method

    def because(self, sentence: str) -> Failed:
        """Return the failure; that of an order says where to look before anything else is done."""
        if self._code is not Exit.OUTCOME_UNKNOWN:
            return Failed(self._code, sentence)
        return Failed(self._code, sentence, *denials.unknown(self._method))


def refused(error: str, parameters: Form) -> Failed:
    """Return an error of the daemon as the failure of a command."""
    if denials.is_of_acting(error, parameters):
        code, lines = denials.told(error, parameters)
        return Failed(code, *lines, error=error, parameters=parameters)
    said = refusal(error, parameters)
    return Failed(said.code, *screens.why_lines(said.why, said.to_do), error=error, parameters=parameters)
