"""What all sessions of a station share: who is here, what is told to them, the silence of the bell, and the facts of prompt and handover.

Made once for a control socket. It hears the alarm desk, every record of it and every message to people, and every record of the desk
of operations, and tells people what concerns them; a mistake in a sentence is written to the log and stops nothing.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import replace
from typing import Literal

import structlog
from asyncvarlink.types import JSONValue

from stationd.console import handover, notice_sentences, prompt, session_forms, session_refusal
from stationd.console.act_forms import Writer, set_value_names
from stationd.console.door import AlarmDoor, AuditDoor, AuditHead, Moment, OperationDoor, SetpointDoor
from stationd.console.forms import Stamp, stamp
from stationd.console.handover import MODES, Facts, Flood
from stationd.console.notice_sentences import Said, tidy
from stationd.console.notices import Kind, Notice, Notices
from stationd.console.peer import Peer
from stationd.console.prompt import Seen, span
from stationd.console.seats import Seat, Seats
from stationd.console.session_door import SessionDoor
from stationd.core.alarm.machine import Letter
from stationd.core.alarm.type import AlarmKey, Severity
from stationd.core.alarm.words import AlarmRecord, AlarmView, Annunciate
from stationd.core.operation.sentences import task_words
from stationd.core.operation.views import AuthorityView, OperationView, Phase
from stationd.core.operation.words import Noted

log = structlog.get_logger()

ALL = "all"
SAMPLE_S = 1.0  # the rate of messages is looked at once after each second in which something came
ROLES: dict[str, Literal["view", "operate", "power"]] = {"view": "view", "operate": "operate", "power": "power"}
UNKNOWN_YET = "; the disk has not said yet whether it has that"
NOT_KEPT = "; it is not on the disk, which fails: a restart forgets it"


class Sessions:
    """The sessions of one station. `alarms` and the doors to acting are None where the station has none."""

    def __init__(
        self,
        door: SessionDoor,
        seats: Seats,
        alarms: AlarmDoor | None = None,
        operations: OperationDoor | None = None,
        setpoints: SetpointDoor | None = None,
        audit: AuditDoor | None = None,
    ) -> None:
        self.door = door
        self.seats = seats
        self.notices = Notices()
        self._alarms = alarms
        self._operations = operations
        self._setpoints = setpoints
        self._audit = audit
        self._peak, self._peak_since_t = 0, door.now()
        self._sampling: asyncio.TimerHandle | None = None
        self._said = Said(self._alarm_text, self._about, self._clock)
        door.subscribe(self._heard_act)
        if alarms is not None:
            alarms.subscribe(self._heard_alarm)
            alarms.subscribe_messages(self._heard_message)

    # What happened.

    def _heard_alarm(self, record: AlarmRecord) -> None:
        self._tell(lambda: notice_sentences.of_alarm(record, told=self._was_told(record.key)))

    def _heard_message(self, message: Annunciate) -> None:
        if self._sampling is None:
            self._sampling = asyncio.get_running_loop().call_later(SAMPLE_S, self._sample)
        self._tell(lambda: notice_sentences.of_message(message, self._said))

    def _heard_act(self, noted: Noted) -> None:
        self._tell(lambda: notice_sentences.of_act(noted, self._said))

    def _tell(self, make: Callable[[], Notice | None]) -> None:
        try:
            notice = make()
            if notice is not None:
                self.notices.say(notice)
        except Exception:  # whoever keeps records goes on, whatever a sentence does
            log.exception("a notice could not be told")

    def _sample(self) -> None:
        self._sampling = None
        if self._alarms is not None:
            self._peak = max(self._peak, self._alarms.figures().rate_10min)

    def _was_told(self, key: AlarmKey) -> bool:
        view = self._alarms.view(key) if self._alarms is not None else None
        return view is not None and view.told

    def _alarm_text(self, key: AlarmKey) -> str:
        view = self._alarms.view(key) if self._alarms is not None else None
        if view is None:
            return key.type
        return f"{view.type.text} ({view.note})" if view.note else view.type.text

    def _about(self, name: str) -> str:
        view = self._operations.operation(name) if self._operations is not None else None
        return f": {view.object} {task_words(view.task)}" if view is not None else ""

    def _clock(self, t: float) -> str:
        seen = stamp(self.door.moment(t))
        return f"{'' if seen.synchronised else '~'}{seen.t[11:16]}Z"

    def say(self, kind: Kind, text: str, by: Peer) -> None:
        """Tell everybody but who has ordered it, who has his answer."""
        self.notices.say(Notice(kind, self.door.now(), tidy(text), by=by.called, answered=True))

    def notice_for(self, notice: Notice, peer: Peer) -> session_forms.Notice:
        """Return a notice as one person gets it."""
        return session_forms.Notice(
            id=notice.number, t=stamp(self.door.moment(notice.t)), kind=notice.kind.value, severity=notice.severity, text=notice.text,
            bell=notice.bell, by=notice.by, yours=notice.by == peer.called,
        )  # fmt: skip

    # Who is here.

    def seats_for(self, peer: Peer) -> list[session_forms.Seat]:
        """Return all seats as one person sees them."""
        authority = self._operations.authority() if self._operations is not None else AuthorityView()
        opened = self._opened()
        return [self._seat(seat, peer, authority, opened) for seat in self.seats.every()]

    def _seat(self, seat: Seat, asking: Peer, authority: AuthorityView, opened: list[OperationView]) -> session_forms.Seat:
        peer, writer = seat.peer, self._writer(asking)
        holds = authority.uid == peer.uid
        approved = [view.name for view in opened if view.approver and view.approver == peer.called]
        armed = [view.name for view in opened if view.session == peer.session]
        return session_forms.Seat(
            user=peer.called, uid=peer.uid, role=ROLES[peer.role.name.lower()], place=peer.place, locality=peer.locality.value,
            line=seat.line, shell=seat.shell, since=writer.stamp_of(seat.since_t),
            idle=writer.number(round(max(writer.now - seat.called_t, 0.0), 3), "s"), authority=holds,
            authoritySince=writer.stamp_of(authority.since_t) if holds and authority.since_t is not None else None,
            armed=[*armed, *(name for name in approved if name not in armed)], approved=approved, you=peer.session == asking.session,
        )  # fmt: skip

    # Prompt.

    def prompt_for(self, peer: Peer) -> session_forms.Prompt:
        """Return the prompt of one person."""
        authority, now = self._operations.authority() if self._operations is not None else AuthorityView(), self.door.now()
        seen = Seen(
            unseen=len(self._alarms.views(_unseen_critical)) if self._alarms is not None else 0,
            operations=self._opened(),
            interlocks=self._operations.interlocks() if self._operations is not None else (),
            applied=self._setpoints.applied() if self._setpoints is not None else (),
            silent_until_t=self.notices.silent_until(now),
        )  # fmt: skip
        place = prompt.place_word(authority, peer.orderer)
        return session_forms.Prompt(prompt.station_word(self.door.station), MODES[self.door.mode], place, prompt.marks(seen, now))

    def _opened(self) -> list[OperationView]:
        found = self._operations.operations() if self._operations is not None else ()
        return [view for view in found if view.phase is not Phase.CLOSED]

    # What people tell each other.

    def message(self, peer: Peer, to: str, text: str) -> tuple[list[str], Awaitable[bool]]:
        """Deliver a line to the shells that monitor now; return whose they are, and its record. NobodyThere where there are none."""
        there = {
            box.peer.session: box.peer.called
            for box in self.notices.listeners
            if box.peer.session != peer.session and (seat := self.seats.find(box.peer.session)) is not None and seat.shell
        }
        picked = {session for session, name in there.items() if to in (ALL, name)}
        heard = sorted({there[session] for session in picked})
        if not heard:
            raise _nobody(to, [*sorted(set(there.values()))])
        notice = Notice(Kind.MESSAGE, self.door.now(), tidy(f"{peer.called}: {text}"), by=peer.called)
        self.notices.say(notice, lambda listener: listener.session in picked)
        return heard, self.door.record("message", to, peer, {"text": text, "heard": heard})

    def silence(self, peer: Peer, seconds: int) -> tuple[Stamp, Awaitable[bool]]:
        """Keep the bell quiet, or let it ring again, and tell it to everybody; return until when, and its record."""
        now = self.door.now()
        if seconds:
            self.notices.silence(now + seconds, peer.called)
            self.say(Kind.SILENCE, f"{peer.called} has silenced the bell for {span(seconds)}; a new critical alarm rings", peer)
        else:
            self.notices.loud()
            self.say(Kind.SILENCE, f"{peer.called} has ended the silence", peer)
        return stamp(self.door.moment(now + seconds)), self.door.record("silence", self.door.station, peer, {"seconds": seconds})

    # The change of shift.

    def handover_for(self, peer: Peer) -> session_forms.Handover:
        """Return the page as one person sees it."""
        return handover.compose(self._facts(), self._writer(peer), peer.called)

    async def write(self, peer: Peer, text: str) -> bool:
        """Keep the text for whoever takes the shift, and tell everybody when it is kept; return whether the disk has it."""
        with self._telling(f"{peer.called} has written the handover", peer) as tell:
            durable = await self.door.write(text, peer)
            tell(durable)
        return durable

    async def take(self, peer: Peer) -> session_forms.TakenOver:
        """Give the shift to a person who may have it, and tell everybody when he has it."""
        facts = self._facts()
        warned = handover.warnings(facts, self.door.now())
        was = facts.book.shift
        before = f" from {was.by}" if was is not None else ""
        with self._telling(f"the shift is taken{before} by {peer.called} at {self._clock(self.door.now())}", peer) as tell:
            taken = await self.door.take(peer, warned)
            tell(taken.durable)
        self._peak, self._peak_since_t = 0, self.door.now()
        at = stamp(Moment(taken.entry.utc_s, taken.entry.synchronised))
        return {"by": taken.entry.by, "at": at, "warnings": list(warned), "durable": taken.durable}

    @contextlib.contextmanager
    def _telling(self, text: str, peer: Peer) -> Iterator[Callable[[bool], None]]:
        """Have the book of the shift changed and everybody told of it by the word of the disk.

        The book counts from the moment in which it was changed: where the disk hangs everybody is told that, and what is not known.
        """
        try:
            yield lambda durable: self.say(Kind.HANDOVER, text if durable else text + NOT_KEPT, peer)
        except asyncio.CancelledError:
            self.say(Kind.HANDOVER, text + UNKNOWN_YET, peer)
            raise

    def _facts(self) -> Facts:
        alarms, operations, setpoints = self._alarms, self._operations, self._setpoints
        now = self.door.now()
        facts = Facts(
            prompt.station_word(self.door.station), self.door.mode, self.door.book(), self.door.journal(),
            self._audit.head() if self._audit is not None else AuditHead(0, ""), silent_until_t=self.notices.silent_until(now),
        )  # fmt: skip
        if alarms is not None:
            flood = Flood(alarms.figures(), self._peak, self._peak_since_t)
            facts = replace(facts, alarms=alarms.views(lambda view: view.letter is not Letter.NORMAL), flood=flood)
        if operations is not None:
            facts = replace(facts, operations=self._opened(), holds=operations.holds(), interlocks=operations.interlocks())
        if setpoints is not None:
            facts = replace(facts, applied=setpoints.applied(), staged=setpoints.staged())
        return facts

    def _writer(self, peer: Peer) -> Writer:
        names = set_value_names(self._setpoints.plan) if self._setpoints is not None else {}
        return Writer(self.door.moment, self.door.now(), peer.uid, self.door.mode == "live", names)


def _unseen_critical(view: AlarmView) -> bool:
    return view.letter in handover.UNSEEN and view.severity is Severity.CRITICAL


def _nobody(to: str, there: list[JSONValue]) -> session_refusal.NobodyThere:
    who = "nobody else has" if to == ALL else f"{to} has no"
    detail = f"{who} a shell open here now" if to == ALL else f"{who} shell open here now"
    hint = f"who hears now: {', '.join(str(name) for name in there) or 'nobody'}; leave a note for those who come: note"
    return session_refusal.NobodyThere(to=to, there=there, cause="object-not-selected", detail=detail, hint=hint)
