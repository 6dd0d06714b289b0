"""The interface io.stationd.Audit: who has done what, and whether the record of it is whole.

The record is a chain: each link has the SHA-256 of itself and of the one before it (stationd.outputs.journal.audit). It proves order and
wholeness to somebody who noted a head before; it cannot stop a person with the disk in hand.
"""

# No "from __future__ import annotations" here: Varlink's description is made from the annotations at run time.
# ruff: noqa: N802  # names of methods are those of the interface

import asyncio
from collections.abc import Awaitable, Sequence
from dataclasses import dataclass
from typing import Any, TypedDict, TypeVar

from asyncvarlink import TypedVarlinkErrorReply, VarlinkInterface, varlinkmethod
from asyncvarlink.serviceinterface import InvalidParameter

from stationd.console import act_refusal, door, forms, refusal
from stationd.console.forms import Stamp

USUAL, MOST = 100, 1000
VERIFY_S = 120.0  # a walk along the whole chain: a million links take about 10 s (assumption for a slow disk: ten times as long)
HINT = "look at the disk: show alarms, journalctl -u stationd"
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Entry:
    """One record: what kind, of which operation or object, by whom. document is the record itself."""

    id: str
    at: Stamp
    kind: str
    subject: str
    who: str
    document: Any


class Listing(TypedDict):
    """What List returns: records, oldest first. torn is how many could not be trusted and were left out."""

    entries: list[Entry]
    torn: int


@dataclass(frozen=True, slots=True)
class ChainHead:
    """The end of the chain: how many links, and the digest of the last in hexadecimal. Note it elsewhere."""

    position: int
    digest: str


class Verified(TypedDict):
    """What Verify returns: the end up to which the chain holds, and, where it does not, the first link that is broken and why."""

    intact: bool
    position: int
    digest: str
    brokenAt: int | None
    why: str | None


class AuditInterface(VarlinkInterface, name=refusal.AUDIT):
    """The record of who has done what. Reading it wants stationd-view; nobody can change it through this socket."""

    errors: Sequence[type[TypedVarlinkErrorReply]] = (act_refusal.NotRead,)

    def __init__(self, behind: door.AuditDoor, answer_s: float) -> None:
        self._door = behind
        self._answer_s = answer_s

    @varlinkmethod(allow_foreign=True, return_type=Listing)
    async def List(self, *, last: int = USUAL, since: Stamp | None = None) -> Listing:
        """Return the newest records, at most last (100, up to 1000); with since only those of that time or later."""
        if isinstance(last, bool) or not 1 <= last <= MOST:
            raise InvalidParameter(parameter="last")
        found = await self._in_time(self._door.entries(_utc_s(since), last), self._answer_s)
        return {"entries": [_entry(each) for each in found.entries], "torn": found.torn}

    @varlinkmethod(return_type=Verified)
    async def Verify(self) -> Verified:
        """Walk along the whole chain. Takes some seconds for a long one and disturbs nothing."""
        found = await self._in_time(self._door.verify(), max(VERIFY_S, self._answer_s))
        broken = found.broken_at is not None
        return {
            "intact": not broken,
            "position": found.head.position,
            "digest": found.head.digest,
            "brokenAt": found.broken_at,
            "why": found.why if broken else None,
        }

    @varlinkmethod(return_parameter="head")
    def Head(self) -> ChainHead:
        """Return the end of the chain as it was last written."""
        head = self._door.head()
        return ChainHead(head.position, head.digest)

    async def _in_time(self, work: Awaitable[T], limit_s: float) -> T:
        try:
            async with asyncio.timeout(limit_s):
                return await work
        except door.NotDone as failed:
            raise act_refusal.NotRead(detail=str(failed), hint=HINT) from None
        except TimeoutError:
            detail = f"there was no answer within {limit_s:g} s: the disk may hang"
            raise act_refusal.NotRead(detail=detail, hint=HINT) from None


def _entry(entry: door.AuditEntry) -> Entry:
    return Entry(entry.id, forms.stamp(entry.at), entry.kind, entry.subject, entry.who, entry.document)


def _utc_s(since: Stamp | None) -> float | None:
    if since is None:
        return None
    try:
        return forms.utc_s(since.t)
    except ValueError:
        raise InvalidParameter(parameter="since") from None
