"""A port as the owner of a line sees it: bytes out, bytes in, and the news that it is lost."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol


class LinkError(Exception):
    """A port could not be opened, or was lost; the message names the port and the cause."""


@dataclass(frozen=True, slots=True)
class PortSettings:
    """Where a line is and how its characters look.

    `port` is a device path, "tcp://host:port" (Modbus TCP) or "socket://host:port" (a serial line behind a network server,
    byte for byte). `baud` and the character format also describe the serial side of such a server.
    """

    port: str
    baud: int = 19200
    parity: str = "none"  # none | even | odd
    stop_bits: int = 1
    rs485: bool = False
    connect_timeout_s: float = 2.0

    @property
    def network(self) -> bool:
        """True for a port that is reached over TCP."""
        return "://" in self.port

    @property
    def address(self) -> tuple[str, int]:
        """Host and port number of a network port."""
        host, _, number = self.port.partition("://")[2].rpartition(":")
        return host.strip("[]"), int(number)

    @property
    def character_s(self) -> float:
        """Seconds that one character takes: start bit, 8 data bits, parity, stop bits."""
        return (9 + (self.parity != "none") + self.stop_bits) / self.baud

    @property
    def paced(self) -> bool:
        """True where characters take time on a wire (everything but Modbus TCP)."""
        return not self.port.startswith("tcp://")


class Receiver(Protocol):
    """What an open link reports to."""

    def received(self, data: bytes) -> None:
        """Take bytes that just arrived."""

    def lost(self, cause: str) -> None:
        """Take the news that the link is gone; called once, never after `close`."""


class Link(Protocol):
    """An open port."""

    def send(self, data: bytes) -> None:
        """Send bytes without waiting; LinkError if the port does not take them."""

    def rest(self, seconds: float) -> None:
        """Do not wake up for bytes for this long: they are known to be incomplete. They are kept meanwhile."""

    def close(self) -> None:
        """Give the port back; the modem control lines stay as they are."""
