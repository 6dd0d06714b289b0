"""Doing and measuring on a bench: the control port of a simulation, relay boxes, instruments, network switches, labgrid's drivers.

What it is: `Hands`, which carries out what a rig file's `[hil.act.VERB]` and `[hil.meter.NAME]` say. Modbus TCP as in "MODBUS Application
Protocol" V1.1b3 (functions 1, 2 and 5), written anew here so that a bench does not trust the codec of the device under test.
SCPI is a line a command over a TCP socket (the usual port is 5025). What it is not: the way to what a station reads.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import socket
import struct
import time
import urllib.request
from collections.abc import Callable, Mapping
from typing import Any

from hil.rigfile import Act, Way

ANSWER_S = 10.0  # a relay box or an instrument on the same network answers in milliseconds (assumption: a programmable load takes seconds)
COIL_ON, COIL_OFF = 0xFF00, 0x0000


class RigFailed(Exception):
    """The rig itself does not do what it should; what is measured on it is worth nothing until somebody has looked."""


class Hands:
    """`labgrid` finds a driver of the labgrid environment by its name; rigs without one have no such driver."""

    def __init__(self, labgrid: Callable[[str], Any] | None = None) -> None:
        self._labgrid = labgrid
        self._numbers = itertools.count(1)

    def do(self, act: Act, verb: str, fields: Mapping[str, object]) -> float:
        """Do it; return the time of CLOCK_MONOTONIC at which it was certainly done. RigFailed says what went wrong."""
        try:
            match act.way:
                case Way.CONTROL:
                    done_t = float(control(act.address, {"do": verb, **fields})["t"])
                case Way.MODBUS_COIL:
                    done_t = self._switch(act, verb, fields)
                case Way.SCPI:
                    done_t = _scpi_does(act, fields)
                case Way.HTTP:
                    done_t = _fetch(act, fields)
                case Way.LABGRID:
                    done_t = self._drive(act, verb, fields)
        except (OSError, ValueError, KeyError, struct.error) as error:
            raise RigFailed(f"{verb} {dict(fields)} by {act.way.value} {act.address or act.command}: {error}") from error
        if act.settles_s:
            time.sleep(act.settles_s)
        return done_t + act.settles_s

    def ask(self, act: Act, name: str) -> float:
        """Return what a meter shows. RigFailed when it does not answer, or not with a number."""
        try:
            match act.way:
                case Way.CONTROL:
                    end, _, quantity = act.command.partition(".")
                    return float(control(act.address, {"do": "truth"})["ok"][end][quantity]) * act.scale
                case Way.SCPI:
                    return float(_scpi(act.address, act.command or "READ?").split()[0]) * act.scale  # some add the unit: "12.00 V"
                case Way.MODBUS_COIL:
                    return float(self._input(act))
                case _:
                    raise ValueError(f"a meter cannot be read by {act.way.value}")
        except (OSError, ValueError, KeyError, struct.error, IndexError) as error:
            raise RigFailed(f"meter {name}, {act.way.value} {act.address}: {error}") from error

    def _switch(self, act: Act, verb: str, fields: Mapping[str, object]) -> float:
        """Switch the coil of an output; the fields name it by `device`, `which` or `port`, and say `on` or `closed`. "off": all coils."""
        name = str(fields.get("device") or fields.get("which") or fields.get("port") or "out")
        on = bool(fields.get("on", fields.get("closed", True))) and verb != "off"
        on = on is not act.inverted if verb != "off" else False
        for coil in act.outputs.values() if verb == "off" else (act.outputs[name],):
            self._modbus(act.address, struct.pack(">BHH", 5, coil, COIL_ON if on else COIL_OFF))
        return time.monotonic()

    def _input(self, act: Act) -> int:
        """Read the first discrete input of `outputs`."""
        answer = self._modbus(act.address, struct.pack(">BHH", 2, next(iter(act.outputs.values())), 1))
        return answer[2] & 1

    def _modbus(self, address: str, pdu: bytes) -> bytes:
        number = next(self._numbers) & 0xFFFF
        with connected(address) as link:
            link.sendall(struct.pack(">HHHB", number, 0, len(pdu) + 1, 1) + pdu)
            head = received(link, 7)
            body = received(link, struct.unpack(">H", head[4:6])[0] - 1)
        if head[:2] != struct.pack(">H", number) or body[0] != pdu[0]:
            raise ValueError(f"the answer {(head + body).hex(' ')} is none to {pdu.hex(' ')}")
        return body

    def _drive(self, act: Act, verb: str, fields: Mapping[str, object]) -> float:
        """Switch a power driver or a digital output of labgrid (PowerProtocol, DigitalOutputProtocol)."""
        if self._labgrid is None:
            raise ValueError("this rig names no labgrid environment")
        driver = self._labgrid(act.command)
        on = bool(fields.get("on", fields.get("closed", True))) and verb != "off"
        if hasattr(driver, "cycle"):
            (driver.on if on else driver.off)()
        else:
            driver.set(on)
        return time.monotonic()


def control(address: str, order: Mapping[str, object]) -> dict[str, Any]:
    """Give one order at the control port of `stationd sim`; ValueError says what it did not like."""
    with contextlib.closing(socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)) as link:
        link.settimeout(ANSWER_S)
        link.connect(address.removeprefix("unix:"))
        link.sendall(json.dumps(order).encode() + b"\n")
        answer: dict[str, Any] = json.loads(_line(link))
    if "wrong" in answer:
        raise ValueError(answer["wrong"])
    return answer


def connected(address: str) -> socket.socket:
    """Return a connection to tcp://HOST:PORT."""
    host, _, port = address.partition("://")[2].rpartition(":")
    link = socket.create_connection((host, int(port)), ANSWER_S)
    link.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return link


def received(link: socket.socket, count: int) -> bytes:
    """Return exactly so many bytes; ConnectionError when it ends before."""
    data = b""
    while len(data) < count:
        more = link.recv(count - len(data))
        if not more:
            raise ConnectionError("the connection ended in the middle of an answer")
        data += more
    return data


def _line(link: socket.socket) -> bytes:
    data = b""
    while not data.endswith(b"\n"):
        more = link.recv(65536)
        if not more:
            raise ConnectionError("the connection ended in the middle of a line")
        data += more
    return data


def _scpi(address: str, command: str) -> str:
    with connected(address) as link:
        link.sendall(command.encode() + b"\n")
        return _line(link).decode().strip()


def _scpi_does(act: Act, fields: Mapping[str, object]) -> float:
    """Send a command and wait until the instrument says that it is carried out (IEEE 488.2, *OPC?)."""
    _scpi(act.address, act.command.format(**fields) + "\n*OPC?")
    return time.monotonic()


def _fetch(act: Act, fields: Mapping[str, object]) -> float:
    state = "on" if fields.get("on", False) else "off"
    url = act.address.rstrip("/") + act.command.format(**{**fields, "state": state})
    if not url.startswith(("http://", "https://")):
        raise ValueError(f"{url} is no address of a web page")
    with urllib.request.urlopen(url, timeout=ANSWER_S) as answer:  # noqa: S310 - checked above
        answer.read()
    return time.monotonic()
