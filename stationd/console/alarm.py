"""The interface io.stationd.Alarm: what stands, what happened, and what people order about it.

Who orders is what the kernel says of the connection. What an order may do is decided by the alarm desk; here it is decided
whether this peer may give it, and everything that a client writes is bounded and cleaned before it goes further.
"""

# No "from __future__ import annotations" here: Varlink's description is made from the annotations at run time.
# ruff: noqa: N802, N803  # names of methods and parameters are those of the interface

import asyncio
from collections import Counter, deque
from collections.abc import AsyncIterator, Awaitable, Sequence
from typing import TypeVar

from asyncvarlink import TypedVarlinkErrorReply, VarlinkInterface, varlinkmethod
from asyncvarlink.serviceinterface import InvalidParameter

from stationd.console import forms, refusal
from stationd.console.door import AlarmDoor, Moment, Obeyed
from stationd.console.forms import Change, Event, Filter, Stamp, Stats
from stationd.console.peer import Peer
from stationd.console.persons import TwoPersons
from stationd.console.text import LONGEST_NAME, TooLong, one_line, shown_name
from stationd.core.alarm import words
from stationd.core.alarm.machine import Letter
from stationd.core.alarm.orders import check_out_of_service
from stationd.core.alarm.type import AlarmKey, alarm_key
from stationd.core.operation.task import CommandClass

MOST_KEYS = 100
MOST_ALARMS = 500
AT_ONCE = 50  # alarms that are written before the loop may do something else
MOST_EVENTS, USUAL_EVENTS = 1000, 100
MOST_CHANGES = 1000  # that wait for one client
LONGEST_SHELF_S = 366 * 86_400  # anything longer is a mistake of the client; the desk's own limits are hours
LISTS = {
    "active": frozenset(
        {Letter.NEW, Letter.ACKNOWLEDGED, Letter.GONE, Letter.LATCHED_NEW, Letter.LATCHED_ACKNOWLEDGED}
    ),
    "shelved": frozenset({Letter.SHELVED}),
    "suppressed": frozenset({Letter.SUPPRESSED}),
    "out_of_service": frozenset({Letter.OUT_OF_SERVICE}),
    "all": frozenset(Letter) - {Letter.NORMAL},
}
T = TypeVar("T")


class AlarmInterface(VarlinkInterface, name=refusal.ALARM):
    """The alarms of the station. A key is resource/TYPE or resource/TYPE/qualifier; key#occurrence means one coming of it.

    A number is {"v": value, "u": unit, "t": UTC, "q": "good|uncertain|stale|bad|sim"}. Letters are those of the alarm's state:
    A normal, B new, C acknowledged, D gone and not acknowledged, E latched and not acknowledged, F latched and acknowledged,
    G shelved, H suppressed by its cause, I out of service. Reading wants stationd-view, orders want stationd-operate, and
    taking out of service wants two persons of stationd-power. An order that is answered with durable = false was carried out, but
    the disk fails: a restart of the daemon forgets it.
    """

    errors: Sequence[type[TypedVarlinkErrorReply]] = (
        refusal.NoSuchAlarm, refusal.Hidden, refusal.StillActive, refusal.NotAcknowledged, refusal.NotShelvable,
        refusal.ReasonRequired, refusal.Refused, refusal.OutcomeUnknown, refusal.TooSlow,
    )  # fmt: skip

    def __init__(self, door: AlarmDoor, peer: Peer, persons: TwoPersons, live: bool, order_s: float) -> None:
        self._door = door
        self._peer = peer
        self._persons = persons
        self._order_s = order_s
        self._live = live

    # Reading.

    @varlinkmethod(allow_foreign=True, return_type=forms.Listing)
    async def List(self, *, filter: Filter | None = None) -> forms.Listing:
        """Return the alarms of a list in the order in which they are to be read, at most 500 of total."""
        return await self._listing(filter or Filter())

    @varlinkmethod(allow_foreign=True, return_parameter="change", delay_generator=False)
    async def Monitor(self, *, filter: Filter | None = None) -> AsyncIterator[Change]:
        """Return everything that List returns, then each alarm whenever something happens to it. Wants "more".

        An alarm of the wanted resource, type and severity is told also when it leaves the list.
        """
        wanted = filter or Filter()
        changes = _Changes()
        leave = self._door.subscribe(changes.put)
        try:
            listing = await self._listing(wanted)
            yield Change(True, listing["asOf"], None, None, None, listing["alarms"])
            while True:
                record = await changes.take()
                view = self._door.view(record.key)
                if view is not None and _concerns(wanted, view):
                    writer = self._writer()
                    alarms = [writer.alarm(view)]
                    yield Change(False, writer.stamp_of(record.t), record.event.value, record.who, record.note, alarms)
        finally:
            leave()

    @varlinkmethod(allow_foreign=True, return_parameter="events")
    async def History(self, *, key: str | None = None, since: Stamp | None = None, limit: int = USUAL_EVENTS) -> list[Event]:
        """Return the newest events of one alarm or of all, oldest first; at most limit (100, up to 1000)."""
        _within(limit, 1, MOST_EVENTS, "limit")
        wanted = None if key is None else self._known(key)
        begin = None if since is None else Moment(_time(since, "since"), since.synchronised is not False)
        events = await self._in_time(self._door.history(wanted, begin, limit), "the journal did not answer")
        writer = self._writer()
        return [writer.event(event) for event in events[-limit:]]

    @varlinkmethod(allow_foreign=True, return_parameter="stats")
    def Statistics(self) -> Stats:
        """Return how well the alarm system itself is doing."""
        letters = Counter(view.letter for view in self._door.views(lambda view: view.letter is not Letter.NORMAL))
        return self._writer().stats(self._door.figures(), lambda letter: letters[letter])

    # Orders.

    @varlinkmethod(return_type=forms.Acknowledged)
    async def Acknowledge(self, *, keys: list[str], note: str | None = None) -> forms.Acknowledged:
        """Say that you have seen these alarms. Each is answered for itself: one that is refused does not stop the others."""
        self._require(CommandClass.NOTE)
        if not 1 <= len(keys) <= MOST_KEYS:
            raise InvalidParameter(parameter="keys")
        targets = [(key, words.target(key) if len(key) <= LONGEST_NAME else None) for key in keys]
        meant = tuple(target for _, target in targets if target is not None)
        order = words.Acknowledge(meant, self._peer.called, _text(note or "", "note"))
        obeyed = await self._order(order) if meant else Obeyed(())
        done = list(obeyed.outcomes)
        result = [forms.unknown_key(shown_name(key)) if target is None else forms.outcome(done.pop(0)) for key, target in targets]
        return {"result": result, "durable": obeyed.durable}

    @varlinkmethod(return_parameter="durable")
    async def Reset(self, *, key: str, note: str) -> bool:
        """End the latch of an alarm that is gone and acknowledged. The note says what was found."""
        self._require(CommandClass.NOTE)
        _, durable = await self._done(words.Reset(self._known(key), self._peer.called, _text(note, "note")))
        return durable

    @varlinkmethod(return_type=forms.Shelved)
    async def Shelve(self, *, key: str, seconds: int, oneShot: bool = False, reason: str) -> forms.Shelved:
        """Hide an alarm for a time, one-shot: at most until it clears. The reason has at least 8 characters."""
        self._require(CommandClass.NOTE)
        _within(seconds, -LONGEST_SHELF_S, LONGEST_SHELF_S, "seconds")
        known, text, now = self._known(key), _text(reason, "reason"), self._door.now()
        utc_s = self._door.moment(now).utc_s
        done, durable = await self._done(words.Shelve(known, seconds, self._peer.called, text, oneShot, utc_s))
        return {"until": self._writer().stamp_of(now + seconds if done.until_t is None else done.until_t), "durable": durable}

    @varlinkmethod(return_parameter="durable")
    async def Unshelve(self, *, key: str) -> bool:
        """Show a shelved alarm again."""
        self._require(CommandClass.NOTE)
        _, durable = await self._done(words.Unshelve(self._known(key), self._peer.called))
        return durable

    @varlinkmethod(return_type=forms.Asked)
    async def TakeOutOfService(self, *, key: str, until: Stamp, reason: str) -> forms.Asked:
        """Take an alarm out of service until a review date, at most 7 days ahead.

        Two persons have to ask for the same key and date within 3 minutes; nothing happens before the second one does. The
        operation is the name of what they want: the second person gets the same one.
        """
        self._require(CommandClass.LETHAL)
        known, text, utc_s, now = self._known(key), _text(reason, "reason"), _time(until, "until"), self._door.now()
        ahead_s = utc_s - self._door.moment(now).utc_s
        asked = words.TakeOutOfService(known, ahead_s, "a first person", "a second person", text)
        self._check(check_out_of_service(asked))
        first = self._persons.join(known, utc_s, self._peer, now)
        if first is None:
            return {"operation": self._persons.wait(known, utc_s, text, self._peer, now).name, "durable": True}
        both = text if text == first.reason else f"{first.reason} / {text}"
        order = words.TakeOutOfService(known, ahead_s, first.peer.called, self._peer.called, both, utc_s - ahead_s)
        _, durable = await self._done(order)
        return {"operation": first.name, "durable": durable}

    @varlinkmethod(return_parameter="durable")
    async def ReturnToService(self, *, key: str) -> bool:
        """Put an alarm into service again."""
        self._require(CommandClass.NOTE)
        _, durable = await self._done(words.ReturnToService(self._known(key), self._peer.called))
        return durable

    @varlinkmethod(return_parameter="durable")
    async def AddNote(self, *, key: str, text: str) -> bool:
        """Write something beside an alarm, for those who come after you."""
        self._require(CommandClass.NOTE)
        _, durable = await self._done(words.AddNote(self._known(key), self._peer.called, _text(text, "text")))
        return durable

    # What they share.

    def _writer(self) -> forms.Writer:
        return forms.Writer(self._door, self._live, self._door.now())

    async def _listing(self, wanted: Filter) -> forms.Listing:
        most = MOST_ALARMS if wanted.limit is None else wanted.limit
        _within(most, 1, MOST_ALARMS, "filter")
        letters, writer = LISTS[wanted.shown or "active"], self._writer()
        views = self._door.views(lambda view: view.letter in letters and _concerns(wanted, view))
        alarms: list[forms.Alarm] = []
        for view in views[:most]:
            alarms.append(writer.alarm(view))
            if len(alarms) % AT_ONCE == 0:
                await asyncio.sleep(0)
        return {"alarms": alarms, "asOf": writer.stamp_of(writer.now), "total": len(views)}

    def _require(self, command: CommandClass) -> None:
        if self._peer.may(command):
            return
        group = "stationd-power" if command is CommandClass.LETHAL else "stationd-operate"
        who = f"{self._peer.spoken_of} has the role {self._peer.role.name.lower()}"
        detail = who if self._peer.person else f"{self._peer.spoken_of} is no person, and two have to answer for this"
        raise refusal.Refused(cause="no-access-authority", detail=detail, hint=f"ask somebody of the group {group}")

    def _known(self, text: str) -> AlarmKey:
        key = alarm_key(text) if len(text) <= LONGEST_NAME else None
        if key is None or self._door.view(key) is None:
            raise refusal.NoSuchAlarm(key=shown_name(text))
        return key

    async def _order(self, order: words.Order) -> Obeyed:
        return await self._in_time(self._door.obey(order, self._peer), "the order was taken and its end was not seen")

    async def _done(self, order: words.Order) -> tuple[words.Done, bool]:
        """Return what was done, and whether a restart would remember it."""
        obeyed = await self._order(order)
        (outcome,) = obeyed.outcomes
        if isinstance(outcome, words.Refused):
            raise _error(outcome)
        return outcome, obeyed.durable

    def _check(self, refused: words.Refused | None) -> None:
        if refused is not None:
            raise _error(refused)

    async def _in_time(self, work: Awaitable[T], sentence: str) -> T:
        try:
            async with asyncio.timeout(self._order_s):
                return await work
        except TimeoutError:
            raise refusal.OutcomeUnknown(detail=f"{sentence} within {self._order_s:g} s") from None


class _Changes:
    """The changes that wait for one client: bounded, and once too many, lost for good."""

    def __init__(self) -> None:
        self._waiting: deque[words.AlarmRecord] = deque()
        self._lost = 0
        self._news = asyncio.Event()

    def put(self, record: words.AlarmRecord) -> None:
        """Take a change; never waits and never fails."""
        if self._lost or len(self._waiting) >= MOST_CHANGES:
            self._lost += len(self._waiting) + 1
            self._waiting.clear()
        else:
            self._waiting.append(record)
        self._news.set()

    async def take(self) -> words.AlarmRecord:
        """Return the oldest change. TooSlow when changes were lost."""
        while not self._waiting and not self._lost:
            self._news.clear()
            await self._news.wait()
        if self._lost:
            raise refusal.TooSlow(detail=f"{self._lost} changes were not read in time and are lost; ask for a new Monitor")
        return self._waiting.popleft()


def _concerns(wanted: Filter, view: words.AlarmView) -> bool:
    return (
        wanted.resource in (None, view.key.resource)
        and wanted.type in (None, view.key.type)
        and wanted.severity in (None, view.severity.value)
    )


def _within(number: int, least: int, most: int, parameter: str) -> None:
    if isinstance(number, bool) or not least <= number <= most:
        raise InvalidParameter(parameter=parameter)


def _text(text: str, parameter: str) -> str:
    try:
        return one_line(text)
    except TooLong:
        raise InvalidParameter(parameter=parameter) from None


def _time(stamp: Stamp, parameter: str) -> float:
    try:
        return forms.utc_s(stamp.t)
    except ValueError:
        raise InvalidParameter(parameter=parameter) from None


def _error(refused: words.Refused) -> TypedVarlinkErrorReply:
    """Return the error of the interface for a refusal of the desk."""
    key = str(refused.key)
    match refused.error:
        case words.Refusal.NO_SUCH_ALARM:
            return refusal.NoSuchAlarm(key=key)
        case words.Refusal.HIDDEN:
            return refusal.Hidden(key=key, why=refused.detail)
        case words.Refusal.STILL_ACTIVE:
            return refusal.StillActive(key=key)
        case words.Refusal.NOT_ACKNOWLEDGED:
            return refusal.NotAcknowledged(key=key)
        case words.Refusal.NOT_SHELVABLE:
            return refusal.NotShelvable(key=key, maxSeconds=refused.limit or 0)
        case words.Refusal.REASON_REQUIRED:
            return refusal.ReasonRequired(minLength=refused.limit or 1)
        case words.Refusal.REFUSED:
            return refusal.Refused(cause=refused.cause, detail=refused.detail, hint=refused.hint)
