"""The interface io.stationd.Session: who is here, the prompt, what people are told while they work, and the change of shift.

Who asks is what the kernel says of the connection; what a client announces of itself is for the list alone. Nothing here touches the
plant. What a person writes is bounded and cleaned, and stands in the audit with his name.
"""

# No "from __future__ import annotations" here: Varlink's description is made from the annotations at run time.
# ruff: noqa: N802  # names of methods are those of the interface

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Sequence
from typing import TypeVar

from asyncvarlink import TypedVarlinkErrorReply, VarlinkInterface, varlinkmethod
from asyncvarlink.serviceinterface import InvalidParameter

from stationd.console import handover, refusal, session_forms, session_refusal
from stationd.console.forms import Stamp
from stationd.console.notices import Kind, Notice
from stationd.console.peer import Peer
from stationd.console.session_forms import Handover, Prompt, Seat
from stationd.console.session_state import Sessions
from stationd.console.text import LONGEST_NOTE, TooLong, one_line
from stationd.core.operation.task import CommandClass

USUAL_SILENCE_S, LONGEST_SILENCE_S = 900, 3600  # assumption: 15 min, and nobody forgets it for more than an hour
LONGEST_LINE = 40
T = TypeVar("T")


class SessionInterface(VarlinkInterface, name=refusal.SESSION):
    """The people at the station. A session is a process of a user, for as long as it has a connection.

    Reading wants stationd-view; Message, Note, Silence and WriteHandover want stationd-operate, TakeHandover besides a person who is
    known by name. A number is {"v": value, "u": unit, "t": UTC, "q": quality}. An order that is answered with durable = false counts,
    but the disk fails: a restart of the daemon forgets it.
    """

    errors: Sequence[type[TypedVarlinkErrorReply]] = (
        session_refusal.NobodyThere,
        session_refusal.SessionNotAllowed,
        session_refusal.SessionRefused,
        session_refusal.SessionOutcomeUnknown,
    )

    def __init__(self, sessions: Sessions, peer: Peer, order_s: float) -> None:
        self._sessions = sessions
        self._door = sessions.door
        self._peer = peer
        self._order_s = order_s

    # Who is here.

    @varlinkmethod(allow_foreign=True, return_parameter="sessions")
    def List(self) -> list[Seat]:
        """Return every session that has a connection now, who came first standing first. shell tells the ones at a prompt."""
        return self._sessions.seats_for(self._peer)

    @varlinkmethod
    def Announce(self, *, shell: bool, line: str | None = None, watching: bool | None = None) -> None:
        """Say of yourself whether you are an interactive shell, and the speed of your line.

        It gives no right; authority that a shell has gained ends with it, and that of anything else outlasts it. While watching is true
        what you ask is taken for a screen that repeats itself, and you count as idle.
        """
        said = _text(line or "", "line", longest=LONGEST_LINE, empty=True)
        self._sessions.seats.announced(self._peer, shell, said, watching=bool(watching))

    @varlinkmethod(allow_foreign=True, return_parameter="prompt")
    def GetPrompt(self) -> Prompt:
        """Return what your prompt shows: print station, mode, place and [marks] as they are."""
        return self._sessions.prompt_for(self._peer)

    @varlinkmethod(allow_foreign=True, return_parameter="notice", delay_generator=False)
    async def Monitor(self) -> AsyncIterator[session_forms.Notice]:
        """Return whole lines for a person at a prompt from now on; the first, hello, says that the stream stands. Wants "more"."""
        hub = self._sessions.notices
        box = hub.open(self._peer)
        try:
            yield self._sessions.notice_for(Notice(Kind.HELLO, self._door.now(), "", number=hub.number), self._peer)
            while True:
                yield self._sessions.notice_for(await box.take(), self._peer)
        finally:
            hub.close(box)

    # Notes and messages.

    @varlinkmethod(return_parameter="heard")
    async def Message(self, *, to: str, text: str) -> list[str]:
        """Tell a user, or "all", one line; return who heard it: the users whose shells monitor now."""
        self._require("send messages")
        heard, record = self._sessions.message(self._peer, _text(to, "to"), _text(text, "text"))
        await self._recorded(record)
        return heard

    @varlinkmethod(return_parameter="durable")
    async def Note(self, *, text: str) -> bool:
        """Write a note of the station; it stands in the handover until the shift is taken, and in the audit for ever."""
        self._require("write notes")
        return await self._in_time(self._door.note(_text(text, "text"), self._peer))

    @varlinkmethod(allow_foreign=True, return_parameter="until")
    async def Silence(self, *, seconds: int | None = None) -> Stamp:
        """Keep the bell of all shells quiet for so many seconds (900; at most 3600; 0 ends it). A new critical alarm ends it."""
        self._require("silence the bell")
        wanted_s = USUAL_SILENCE_S if seconds is None else seconds
        if wanted_s < 0:
            raise InvalidParameter(parameter="seconds")
        if wanted_s > LONGEST_SILENCE_S:
            detail = f"silence for {min(wanted_s, 10**9)} s; the most is {LONGEST_SILENCE_S} s"
            hint = f"silence for at most {LONGEST_SILENCE_S // 60} min; it can be ordered again"
            raise session_refusal.SessionRefused(cause="step-limit", detail=detail, hint=hint)
        until, record = self._sessions.silence(self._peer, wanted_s)
        await self._recorded(record)
        return until

    # The change of shift.

    @varlinkmethod(allow_foreign=True, return_parameter="page")
    def GetHandover(self) -> Handover:
        """Return the page of the shift: everything that is open, hidden, held or not finished."""
        return self._sessions.handover_for(self._peer)

    @varlinkmethod(return_parameter="durable")
    async def WriteHandover(self, *, text: str) -> bool:
        """Write what whoever takes the shift has to know. It takes the place of what you have written; what others have stays behind it."""
        self._require("write the handover")
        if not self._peer.person or self._peer.shared:
            detail, hint = f"{self._peer.spoken_of} is not the account of one person", "log in under your own name"
            raise session_refusal.SessionRefused(cause="no-access-authority", detail=detail, hint=hint)
        whole = handover.joined(self._door.book(), self._peer, _text(text, "text"))
        if len(whole) > LONGEST_NOTE:
            detail = f"with what others have written, which stays, it has {len(whole)} characters; {LONGEST_NOTE} are kept"
            raise session_refusal.SessionRefused(cause="too-large", detail=detail, hint="write less, or leave it as a note: note")
        return await self._in_time(self._sessions.write(self._peer, whole))

    @varlinkmethod(allow_foreign=True, return_type=session_forms.TakenOver)
    async def TakeHandover(self) -> session_forms.TakenOver:
        """Take the shift: another person than who has it, and than who wrote. warnings name everything that is not finished."""
        self._require("take the shift")
        denied = handover.denial(self._door.book(), self._peer)
        if denied is not None:
            raise session_refusal.SessionRefused(cause=denied.cause.value, detail=denied.why, hint=denied.remedy)
        return await self._in_time(self._sessions.take(self._peer))

    # What they share.

    def _require(self, what: str) -> None:
        if not self._peer.may(CommandClass.NOTE):
            detail = f"{self._peer.spoken_of} has the role {self._peer.role.name.lower()} and may not {what}"
            hint = "ask somebody of the group stationd-operate"
            raise session_refusal.SessionNotAllowed(cause="no-access-authority", detail=detail, hint=hint)

    async def _recorded(self, record: Awaitable[bool]) -> None:
        """Wait for the record of what was done already, so that nobody orders faster than the disk writes; not for ever."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self._order_s):
                await record

    async def _in_time(self, work: Awaitable[T]) -> T:
        try:
            async with asyncio.timeout(self._order_s):
                return await work
        except TimeoutError:
            detail = f"it was taken and its end was not seen within {self._order_s:g} s"
            raise session_refusal.SessionOutcomeUnknown(detail=detail) from None


def _text(text: str, parameter: str, *, longest: int = LONGEST_NOTE, empty: bool = False) -> str:
    """Return a text as one clean line; what is empty or too long is refused by name."""
    try:
        cleaned = one_line(text, longest)
    except TooLong:
        raise InvalidParameter(parameter=parameter) from None
    if not cleaned and not empty:
        raise InvalidParameter(parameter=parameter)
    return cleaned

