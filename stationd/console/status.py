"""The interface io.stationd.Status: the documents of the station, once or again and again."""

# No "from __future__ import annotations" here: Varlink's description is made from the annotations at run time.
# ruff: noqa: N802  # names of methods are those of the interface

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Any

from asyncvarlink import TypedVarlinkErrorReply, VarlinkInterface, varlinkmethod
from asyncvarlink.serviceinterface import InvalidParameter

from stationd.console import refusal
from stationd.console.door import Document, StatusDoor
from stationd.console.peer import Peer
from stationd.console.text import shown_name

KEPT_S = 0.25  # many screens share one look at the station
SHORTEST_S, LONGEST_S = 1, 3600


class SharedStatus:
    """One look at the station for all who want it within a quarter of a second."""

    def __init__(self, door: StatusDoor) -> None:
        self.door = door
        self._document: Document = {}
        self._until = 0.0

    def status(self) -> Document:
        """Return the station at a glance."""
        now = asyncio.get_running_loop().time()
        if now >= self._until:
            self._document, self._until = self.door.status(), now + KEPT_S
        return self._document


class StatusInterface(VarlinkInterface, name=refusal.STATUS):
    """The station and its devices as JSON documents.

    Every value is {"v": value, "u": unit, "t": UTC of its exchange, "q": "good|uncertain|stale|bad|sim"}, with "why" when it is
    not plainly good and "last" when it is stale: "v" is null then.
    """

    errors: Sequence[type[TypedVarlinkErrorReply]] = (
        refusal.NoSuchDevice,
        refusal.NotServed,
        refusal.NotAdmitted,
        refusal.InternalError,
    )

    def __init__(self, shared: SharedStatus, peer: Peer) -> None:
        self._shared = shared
        self._you = {"name": peer.called, "role": peer.role.name.lower(), "person": peer.person, "locality": peer.locality.value}

    @varlinkmethod(return_parameter="status", allow_foreign=True)
    def GetStatus(self) -> Any:
        """Return the station at a glance. "you" is who asks, as the kernel says."""
        return self._status()

    @varlinkmethod(return_parameter="device", allow_foreign=True)
    def GetDevice(self, *, device: str) -> Any:
        """Return one device with all its points."""
        return self._device(device)

    @varlinkmethod(return_parameter="status", allow_foreign=True, delay_generator=False)
    async def Monitor(self, *, device: str | None = None, seconds: int = SHORTEST_S) -> AsyncIterator[Any]:
        """Return the station, or one device, now and every so many seconds (1 to 3600, by default 1). Wants "more"."""
        if isinstance(seconds, bool) or not SHORTEST_S <= seconds <= LONGEST_S:
            raise InvalidParameter(parameter="seconds")
        look: Callable[[], Document] = self._status if device is None else lambda: self._device(device)
        while True:
            yield look()
            await asyncio.sleep(seconds)

    def _status(self) -> Document:
        return {**self._shared.status(), "you": self._you}

    def _device(self, name: str) -> Document:
        try:
            return self._shared.door.device(name)
        except KeyError:
            raise refusal.NoSuchDevice(device=shown_name(name)) from None
