"""The interface io.stationd.Diagnostics: the line with both ends, its baseline, and the faults that were recorded.

Reading wants stationd-view. Taking a baseline and making a bundle want stationd-operate; neither touches the plant.
"""

# No "from __future__ import annotations" here: Varlink's description is made from the annotations at run time.
# ruff: noqa: N802  # names of methods are those of the interface

import asyncio
from collections.abc import Awaitable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from asyncvarlink import TypedVarlinkErrorReply, VarlinkInterface, varlinkmethod
from asyncvarlink.serviceinterface import InvalidParameter

from stationd.console import door, refusal
from stationd.console.peer import Peer
from stationd.console.text import TooLong, one_line, shown_name
from stationd.core.operation.task import CommandClass

LAST = "last"
MOST_FAULTS, USUAL_FAULTS = 200, 20
BUNDLE_S = 60.0  # what making a bundle may take; usual are a few seconds (assumption for a slow disk)
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Bundle:
    """The file of an incident on the station's disk. complete is false before the window of the record is over."""

    id: str
    path: str
    size: int
    sha256: str
    complete: bool


class DiagnosticsInterface(VarlinkInterface, name=refusal.DIAGNOSTICS):
    """The line and its faults as JSON documents. Kilometres count from end a; every number is {"v", "u", "t", "q"}.

    A fault is named F-YYYY-MM-DD-n by the UTC day on which it opened; "last" is the newest one.
    """

    errors: Sequence[type[TypedVarlinkErrorReply]] = (
        refusal.NoSuchFault,
        refusal.NotDone,
        refusal.BaselineRefused,
        refusal.NotAllowed,
    )

    def __init__(self, behind: door.LineDoor, peer: Peer, answer_s: float) -> None:
        self._door = behind
        self._peer = peer
        self._answer_s = answer_s

    @varlinkmethod(return_parameter="line", allow_foreign=True)
    def GetLine(self) -> Any:
        """Return the line as it stands: both ends, virtual earth, residual, what was learnt, each fibre pair against the baseline."""
        return self._door.line()

    @varlinkmethod(return_parameter="baseline", allow_foreign=True)
    def GetBaseline(self) -> Any:
        """Return the baseline; null where none was taken."""
        return self._door.baseline()

    @varlinkmethod(return_parameter="baseline", allow_foreign=True)
    async def TakeBaseline(self, *, note: str | None = None) -> Any:
        """Declare what is measured now the normal state of the line. Every value that is needed has to be good."""
        self._require("take a baseline")
        try:
            text = one_line(note or "")
        except TooLong:
            raise InvalidParameter(parameter="note") from None
        try:
            return await self._in_time(self._door.take_baseline(text, self._peer), self._answer_s)
        except door.Declined as declined:
            raise refusal.BaselineRefused(cause=declined.cause, missing=list(declined.missing)) from None

    @varlinkmethod(return_parameter="faults", allow_foreign=True)
    async def ListFaults(self, *, limit: int = USUAL_FAULTS) -> Any:
        """Return the faults in short, the newest first; at most limit (20, up to 200)."""
        if isinstance(limit, bool) or not 1 <= limit <= MOST_FAULTS:
            raise InvalidParameter(parameter="limit")
        return list(await self._in_time(self._door.faults(limit), self._answer_s))

    @varlinkmethod(return_parameter="fault", allow_foreign=True)
    async def GetFault(self, *, id: str | None = None) -> Any:
        """Return one fault: verdict, methods and how they agree, what came first, whose it is."""
        return await self._in_time(self._door.fault(_name(id)), self._answer_s)

    @varlinkmethod(return_parameter="bundle")
    async def MakeBundle(self, *, id: str | None = None) -> Bundle:
        """Make the file of a fault: CSV, JSON, plots and an index.html in one zip. Interrupts nothing; can take some seconds."""
        self._require("make a bundle")
        made = await self._in_time(self._door.bundle(_name(id)), max(BUNDLE_S, self._answer_s))
        return Bundle(made.id, made.path, made.size, made.sha256, made.complete)

    def _require(self, what: str) -> None:
        if not self._peer.may(CommandClass.NOTE):
            detail = f"{self._peer.spoken_of} has the role {self._peer.role.name.lower()} and may not {what}"
            raise refusal.NotAllowed(cause="no-access-authority", detail=detail, hint="ask somebody of the group stationd-operate")

    async def _in_time(self, work: Awaitable[T], limit_s: float) -> T:
        """Return what the door answers, its exceptions as errors of the interface."""
        try:
            async with asyncio.timeout(limit_s):
                return await work
        except door.NoSuchFault as missing:
            raise refusal.NoSuchFault(id=shown_name(str(missing))) from None
        except door.NotDone as failed:
            raise refusal.NotDone(detail=str(failed), hint="look at the disk: show alarms, journalctl -u stationd") from None
        except TimeoutError:
            detail = f"there was no answer within {limit_s:g} s: the disk may hang"
            raise refusal.NotDone(detail=detail, hint="look at the disk: show alarms, journalctl -u stationd") from None


def _name(text: str | None) -> str:
    return LAST if text is None else shown_name(text)
