"""Doing and measuring on a bench: the control port of a simulation, relay boxes, instruments, network switches, labgrid's drivers.

What it is: `Hands`, which carries out what a rig file's `[hil.act.VERB]` and `[hil.meter.NAME]` say. Modbus TCP as in "MODBUS Application
Protocol" V1.1b3 (functions 1, 2 and 5), written anew here so that a bench does not trust the codec of the device under test.
SCPI is a line a command over a TCP socket (the usual port is 5025). Whatever goes wrong, in a library too, is RigFailed.
What it is not: the way to what a station reads.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import math
import socket
import struct
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from hil.rigfile import Act, Way

ANSWER_S = 10.0  # a relay box or an instrument on the same network answers in milliseconds (assumption: a programmable load takes seconds)
COIL_ON, COIL_OFF = 0xFF00, 0x0000
OFF = "off"
WELL = "E0"  # FuG Probus: an order was taken


class RigFailed(Exception):
    """The rig itself does not do what it should; what is measured on it is worth nothing until somebody has looked."""


class Hands:
    """`labgrid` finds a driver of the labgrid environment by its name; rigs without one have no such driver.

    An instrument is asked by one thread at a time: many have a single connection, and mix up the answers of two.
    """

    def __init__(self, labgrid: Callable[[str], Any] | None = None) -> None:
        self._labgrid = labgrid
        self._numbers = itertools.count(1)
        self._locks: dict[str, threading.RLock] = {}
        self._locking = threading.Lock()

    def do(self, act: Act, verb: str, fields: Mapping[str, object], within_s: float = ANSWER_S) -> float:
        """Do it; return the time of CLOCK_MONOTONIC from which on it may have been done: nothing measured from it is too short.

        It is certainly done when this returns. RigFailed says what went wrong. To switch off waits for nobody: `within_s` is over then.
        """
        try:
            with self._alone(act, within_s, insist=verb == OFF):
                done_t = self._do(act, verb, fields, within_s)
        except Exception as error:
            raise RigFailed(f"{verb} {dict(fields)} by {act.way.value} {act.address or act.command}: {_said(error)}") from error
        if act.settles_s:
            time.sleep(act.settles_s)
        return done_t

    def ask(self, act: Act, name: str, within_s: float = ANSWER_S) -> float:
        """Return what a meter shows, within each step's time. RigFailed when it does not answer, or not with a finite number."""
        try:
            with self._alone(act, within_s):
                shown = self._ask(act, within_s) * act.scale
        except Exception as error:
            raise RigFailed(f"meter {name}, {act.way.value} {act.address}: {_said(error)}") from error
        if not math.isfinite(shown):
            raise RigFailed(f"meter {name}, {act.way.value} {act.address}: it shows {shown}, which is no value")
        return shown

    def coils_off(self, act: Act, within_s: float = ANSWER_S) -> bool:
        """Return whether every coil of an act has fallen off, as the relay box itself tells. RigFailed when it does not."""
        try:
            with self._alone(act, within_s, insist=True):
                answers = [self._modbus(act.address, struct.pack(">BHH", 1, coil, 1), within_s) for coil in act.outputs.values()]
                return not any(answer[2] & 1 for answer in answers)
        except Exception as error:
            raise RigFailed(f"the coils of {act.address}: {_said(error)}") from error

    def _do(self, act: Act, verb: str, fields: Mapping[str, object], within_s: float) -> float:
        match act.way:
            case Way.CONTROL:
                return float(control(act.address, {"do": verb, **fields}, within_s)["t"])
            case Way.MODBUS_COIL:
                return self._switch(act, verb, fields, within_s)
            case Way.SCPI:
                return _scpi_does(act, fields, within_s)
            case Way.HTTP:
                return _fetch(act, fields, within_s)
            case Way.LABGRID:
                return self._drive(act, verb, fields)

    def _ask(self, act: Act, within_s: float) -> float:
        match act.way:
            case Way.CONTROL:
                end, _, quantity = act.command.partition(".")
                return float(control(act.address, {"do": "truth"}, within_s)["ok"][end][quantity])
            case Way.SCPI:
                return number_of(_scpi(act.address, act.command or "READ?", within_s))
            case Way.MODBUS_COIL:
                return float(self._input(act, within_s))
            case _:
                raise ValueError(f"a meter cannot be read by {act.way.value}")

    @contextlib.contextmanager
    def _alone(self, act: Act, within_s: float, *, insist: bool = False) -> Iterator[None]:
        """Have the instrument alone. TimeoutError while another thread has it, unless this insists, which it may for what switches off."""
        with self._locking:
            lock = self._locks.setdefault(act.address or act.command, threading.RLock())
        mine = lock.acquire(timeout=within_s)
        if not mine and not insist:
            raise TimeoutError(f"another question to it is not answered within {within_s:g} s")
        try:
            yield
        finally:
            if mine:
                lock.release()

    def _switch(self, act: Act, verb: str, fields: Mapping[str, object], within_s: float) -> float:
        """Switch the coil of an output; the fields name it by `device`, `which` or `port`, and say `on` or `closed`. "off": all coils."""
        on = bool(fields.get("on", fields.get("closed", True))) and verb != OFF
        on = on is not act.inverted if verb != OFF else False
        wrong, begin_t = list[Exception](), time.monotonic()
        for coil in act.outputs.values() if verb == OFF else (output_of(act, fields),):
            try:
                self._modbus(act.address, struct.pack(">BHH", 5, coil, COIL_ON if on else COIL_OFF), within_s)
            except Exception as error:  # noqa: BLE001 - the other coils are switched all the same, and then it is told
                wrong.append(error)
        if wrong:
            raise ValueError("; ".join(map(_said, wrong)))
        return begin_t

    def _input(self, act: Act, within_s: float) -> int:
        """Read the first discrete input of `outputs`."""
        answer = self._modbus(act.address, struct.pack(">BHH", 2, next(iter(act.outputs.values())), 1), within_s)
        return answer[2] & 1

    def _modbus(self, address: str, pdu: bytes, within_s: float) -> bytes:
        number = next(self._numbers) & 0xFFFF
        until = time.monotonic() + within_s
        with connected(address, within_s) as link:
            link.sendall(struct.pack(">HHHB", number, 0, len(pdu) + 1, 1) + pdu)
            head = received(link, 7, until)
            body = received(link, struct.unpack(">H", head[4:6])[0] - 1, until)
        if head[:2] != struct.pack(">H", number) or body[:1] != pdu[:1]:
            raise ValueError(f"the answer {(head + body).hex(' ')} is none to {pdu.hex(' ')}")
        return body

    def _drive(self, act: Act, verb: str, fields: Mapping[str, object]) -> float:
        """Switch a power driver or a digital output of labgrid (PowerProtocol, DigitalOutputProtocol)."""
        if self._labgrid is None:
            raise ValueError("this rig names no labgrid environment")
        driver = self._labgrid(act.command)
        on = bool(fields.get("on", fields.get("closed", True))) and verb != OFF
        begin_t = time.monotonic()
        if hasattr(driver, "cycle"):
            (driver.on if on else driver.off)()
        else:
            driver.set(on)
        return begin_t


def output_of(act: Act, fields: Mapping[str, object]) -> int:
    """Return the number of an output by its name, of this end (a-door) where there is such, else by the bare one. KeyError says which."""
    name = str(fields.get("device") or fields.get("which") or fields.get("port") or "out")
    at_end = f"{fields.get('end', '')}-{name}"
    if at_end in act.outputs:
        return act.outputs[at_end]
    if name not in act.outputs:
        raise KeyError(f"there is no output {at_end.lstrip('-')} or {name}; there are {', '.join(act.outputs) or 'none'}")
    return act.outputs[name]


def number_of(text: str) -> float:
    """Return the number of an answer such as "12.00 V", or "S0:+8.0E+02" of a register. ValueError where there is none."""
    return float(text.rpartition(":")[2].split()[0])


def control(address: str, order: Mapping[str, object], within_s: float = ANSWER_S) -> dict[str, Any]:
    """Give one order at the control port of `stationd sim`; ValueError says what it did not like."""
    with contextlib.closing(socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)) as link:
        link.settimeout(within_s)
        link.connect(address.removeprefix("unix:"))
        link.sendall(json.dumps(order).encode() + b"\n")
        answer: dict[str, Any] = json.loads(_line(link, time.monotonic() + within_s))
    if "wrong" in answer:
        raise ValueError(answer["wrong"])
    return answer


def connected(address: str, within_s: float = ANSWER_S) -> socket.socket:
    """Return a connection to tcp://HOST:PORT."""
    host, _, port = address.partition("://")[2].rpartition(":")
    link = socket.create_connection((host, int(port)), within_s)
    link.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return link


def received(link: socket.socket, count: int, until: float) -> bytes:
    """Return exactly so many bytes; ConnectionError when it ends before, TimeoutError when they are not there in time."""
    data = b""
    while len(data) < count:
        data += _more(link, count - len(data), until)
    return data


def _line(link: socket.socket, until: float) -> bytes:
    data = b""
    while not data.endswith(b"\n"):
        data += _more(link, 65536, until)
    return data


def _more(link: socket.socket, most: int, until: float) -> bytes:
    """Return what comes next; an instrument that trickles has no more time than one that is silent."""
    left_s = until - time.monotonic()
    if left_s <= 0.0:
        raise TimeoutError("the answer was not whole in time")
    link.settimeout(left_s)
    more = link.recv(most)
    if not more:
        raise ConnectionError("the connection ended in the middle of an answer")
    return more


def _scpi(address: str, command: str, within_s: float) -> str:
    until = time.monotonic() + within_s
    with connected(address, within_s) as link:
        link.sendall(command.encode() + b"\n")
        return _line(link, until).decode().strip()


def _scpi_does(act: Act, fields: Mapping[str, object], within_s: float) -> float:
    """Send a command and wait until the instrument says that it is carried out (IEEE 488.2, *OPC?); return when it was sent."""
    output = {"output": output_of(act, fields)} if act.outputs else {}
    command = act.command.format(**fields, **output)
    begin_t = time.monotonic()
    if not act.answered:
        _scpi(act.address, f"{command}\n*OPC?", within_s)
        return begin_t
    for line in command.splitlines():
        if (said := _scpi(act.address, line, within_s)) != WELL:
            raise ValueError(f"{line!r} is answered with {said!r}")
    return begin_t


def _fetch(act: Act, fields: Mapping[str, object], within_s: float) -> float:
    state = "on" if fields.get("on", False) else "off"
    url = act.address.rstrip("/") + act.command.format(**{**fields, "state": state})
    if not url.startswith(("http://", "https://")):
        raise ValueError(f"{url} is no address of a web page")
    begin_t = time.monotonic()
    with urllib.request.urlopen(url, timeout=within_s) as answer:  # noqa: S310 - checked above
        answer.read()
    return begin_t


def _said(error: Exception) -> str:
    return str(error) or type(error).__name__
