"""Serial ports: pyserial opens and configures the terminal, asyncio watches its file descriptor.

Opening or closing never lets a device feel anything: the hang-up on close is switched off, so that DTR and RTS stay as they
are when the daemon ends.

An opening that hangs in its driver is a port that cannot be opened: it is left alone in a thread of its own, no other is begun beside
it, and what it brings at last is closed.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import termios
from collections.abc import Callable
from functools import partial

import serial
import serial.rs485

from stationd.links.aside import apart
from stationd.links.port import Link, LinkError, PortSettings, Receiver

READ_BYTES = 4096
PARITIES = {"none": serial.PARITY_NONE, "even": serial.PARITY_EVEN, "odd": serial.PARITY_ODD}


class SerialLink:
    """An open terminal device, read as soon as bytes are there."""

    def __init__(self, port: serial.Serial, name: str, receiver: Receiver) -> None:
        self._port = port
        self._name = name
        self._receiver = receiver
        self._loop = asyncio.get_running_loop()
        self._descriptor = port.fileno()
        self._resting: asyncio.TimerHandle | None = None
        self._loop.add_reader(self._descriptor, self._readable)

    def send(self, data: bytes) -> None:
        """Write a whole frame into the terminal's buffer."""
        try:
            written = os.write(self._descriptor, data)
        except OSError as error:
            raise LinkError(f"{self._name}: {error.strerror}") from error
        if written != len(data):
            raise LinkError(f"{self._name}: took {written} of {len(data)} bytes; the line is blocked")

    def rest(self, seconds: float) -> None:
        """Let bytes gather in the kernel for a while (each wake-up costs more than the bytes it brings)."""
        if self._resting is None:
            self._loop.remove_reader(self._descriptor)
            self._resting = self._loop.call_later(seconds, self._wake)

    def _wake(self) -> None:
        self._resting = None
        self._loop.add_reader(self._descriptor, self._readable)
        self._readable()

    def _readable(self) -> None:
        try:
            data = os.read(self._descriptor, READ_BYTES)
        except BlockingIOError:
            return
        except OSError as error:
            self._lose(error.strerror or str(error))
            return
        if data:
            self._receiver.received(data)
        else:
            self._lose("hung up")

    def _lose(self, cause: str) -> None:
        self.close()
        self._receiver.lost(f"{self._name}: {cause}")

    def close(self) -> None:
        """Stop watching and close the terminal. Harmless when repeated."""
        if self._resting is not None:
            self._resting.cancel()
            self._resting = None
        if self._descriptor >= 0:
            self._loop.remove_reader(self._descriptor)
            self._descriptor = -1
            with contextlib.suppress(OSError, termios.error):
                self._port.close()


_HANGING: set[str] = set()  # ports of this process whose opening has not come back


async def open_serial(settings: PortSettings, receiver: Receiver, opened: Callable[[PortSettings], serial.Serial] | None = None) -> Link:
    """Open a terminal device; LinkError with the path and the system's reason. `opened` opens it, in another thread."""
    try:
        async with asyncio.timeout(settings.connect_timeout_s + 3.0):  # wait_for of Python 3.11 can lose a cancellation
            port = await _opened(settings, opened or _open)
    except (OSError, ValueError, termios.error, TimeoutError) as error:
        raise LinkError(f"{settings.port}: {str(error) or 'opening it takes too long'}") from error
    return SerialLink(port, settings.port, receiver)


async def _opened(settings: PortSettings, opened: Callable[[PortSettings], serial.Serial]) -> serial.Serial:
    if settings.port in _HANGING:
        raise OSError("an earlier opening has not come back from its driver; see dmesg")
    _HANGING.add(settings.port)
    opening = apart(partial(_noted, settings, opened), "port-opening")
    try:
        return await asyncio.shield(opening)
    except asyncio.CancelledError:
        opening.add_done_callback(_close_late)
        raise


def _noted(settings: PortSettings, opened: Callable[[PortSettings], serial.Serial]) -> serial.Serial:
    try:
        return opened(settings)
    finally:
        _HANGING.discard(settings.port)


def _close_late(opening: asyncio.Future[serial.Serial]) -> None:
    if opening.exception() is None:
        opening.result().close()


def _open(settings: PortSettings) -> serial.Serial:
    port = serial.Serial(
        port=settings.port,
        baudrate=settings.baud,
        parity=PARITIES[settings.parity],
        stopbits=settings.stop_bits,
        timeout=0,
        write_timeout=0,
        exclusive=True,
    )
    if settings.rs485:
        port.rs485_mode = serial.rs485.RS485Settings()
    _settle(port.fileno())
    with contextlib.suppress(OSError, ValueError, NotImplementedError):
        port.set_low_latency_mode(True)
    return port


def _settle(descriptor: int) -> None:
    """Keep DTR and RTS as they are on close; tell "no bytes yet" (an error) from "hung up" (no bytes)."""
    attributes = termios.tcgetattr(descriptor)
    attributes[2] &= ~termios.HUPCL
    attributes[6][termios.VMIN], attributes[6][termios.VTIME] = 1, 0
    termios.tcsetattr(descriptor, termios.TCSANOW, attributes)
