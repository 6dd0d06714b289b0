"""The owner of every task of the daemon: starts and ends them one by one, and makes anew the one that hangs or fails.

    start(part) --> keeper --> work --beat--> looked at every second
                      ^          '- silent beyond its patience: cancelled  -.
                      |          '- ended by an exception                  -+--> log with its stack, TASK-REBUILT, counter
                      '--------------- made anew, at first at once ---------'

A part that is VITAL is never made anew: its exception ends the daemon, its silence starves the watchdog (stationd.service.watchdog).
Any other starves it only when making it anew has failed twice in a minute, or cannot begin because what hangs does not end, and only
when it had worked in this run: where it never did, a fresh start has just been tried, and would only cost the station its sight again
and again. A part that begins in a daemon that runs is no such one: a fresh start is what was not tried.

Nothing takes the place of a part before it has ended: a port has one owner. Only the end of the daemon waits no longer than LEFT_S.

What it is not: a judge of the plant. A port that is gone, a broker that is away, a disk that is full or hangs are waits of the parts
that meet them (stationd.links.beat) and never come here.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Coroutine, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import Enum
from types import TracebackType
from typing import Any

import structlog

from stationd.links.beat import Beat
from stationd.service.stack import where

log = structlog.get_logger()

CHECK_S = 1.0
HELD_UP_S = 0.5  # a look that is late by more: the loop, or the machine, stood still, and no part could live meanwhile
TWICE_S = 60.0  # ruling: what fails twice in a minute starves the watchdog
STEADY_S = 10.0  # a part that lived so long has worked (assumption)
CANCEL_S = 2.0  # what hung and has not ended so long after it was cancelled is cancelled once more (assumption)
END_S = 5.0  # the same for an end in good order, which may have a farewell to say (assumption)
STUCK_S = 10.0  # what has not ended so long after it was first cancelled will not (assumption)
LEFT_S = 10.0  # when the daemon ends it waits so long for a part; the service manager waits 20 s for all (stationd.service)
PAUSES_S = (0.0, 1.0, 2.0, 4.0, 8.0, 10.0)  # before a part is made anew: at once, then as for a unit that does not answer


class Kind(Enum):
    """What a part is to the daemon, and so what its failure means."""

    VITAL = "vital"  # without it there is no daemon: silent it starves the watchdog at once, its exception ends the daemon
    STATION = "station"  # what values, alarms and records come through: made anew; failing twice in a minute starves, however it fails
    OUTPUT = "output"  # as STATION when it hangs; an exception is over when it is raised, and never ends what goes on beside it


def _nothing() -> None:
    """Prod nobody."""


@dataclass(frozen=True, slots=True)
class Part:
    """One task of the daemon. `work` makes it, each time anew, and never returns by itself.

    Without a `beat` it only waits for others and is never thought to hang. With one, it hangs when a sign is due for more than
    `patience_s`. `prod` asks it for a sign of life now. `failing` returns why making it anew does not help where it does that
    itself, "" otherwise.
    """

    name: str
    work: Callable[[], Coroutine[Any, Any, None]]
    beat: Beat | None = None
    patience_s: float = 10.0
    kind: Kind = Kind.OUTPUT
    prod: Callable[[], None] = _nothing
    failing: Callable[[], str] = str


@dataclass(eq=False, slots=True)
class _Kept:
    """A part, its tasks, and how it has fared."""

    part: Part
    keeper: asyncio.Task[None] | None = None
    task: asyncio.Task[None] | None = None
    begun_t: float = 0.0  # of the task that runs
    worked: bool = False
    hung_t: float | None = None  # since when the task is being cancelled: for its silence, or because the part is to end
    insisted_t: float = 0.0  # when it was last cancelled
    stuck: bool = False  # whether it went on for STUCK_S after that; until its successor lives
    failed_t: float | None = None  # the last failure of any kind
    counted_t: float | None = None  # the last one of those that count
    tried: int = 0  # failures since it was last well
    twice: bool = False
    settled: asyncio.Event = field(default_factory=asyncio.Event)  # its first failure, which ends the waiting for its first sign of life
    why: str = ""
    leaving: bool = False


class Supervisor:
    """Owns tasks between `async with` and its end, which cancels all of them and waits for them. An error of a vital one ends it."""

    def __init__(self) -> None:
        self.rebuilt: Counter[str] = Counter()  # by part, since the start of the daemon
        self._kept: dict[str, _Kept] = {}
        self._next: dict[str, Part] = {}  # those that begin when others have ended
        self._started = False
        self._group = asyncio.TaskGroup()

    async def __aenter__(self) -> Supervisor:
        await self._group.__aenter__()
        self._group.create_task(self._look_after(), name="supervisor")
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        await self._group.__aexit__(kind, error, trace)

    # ------------------------------------------------------------------ one by one

    @property
    def parts(self) -> Mapping[str, Part]:
        """The parts that are kept now, by name, in the order of their start; without those that are to end."""
        return {name: kept.part for name, kept in self._kept.items() if not kept.leaving}

    @property
    def leaving(self) -> frozenset[str]:
        """The names of the parts that are to end and have not ended yet."""
        return frozenset(name for name, kept in self._kept.items() if kept.leaving)

    def start(self, part: Part) -> None:
        """Begin a part; ValueError when one of this name runs already."""
        if part.name in self._kept:
            raise ValueError(f'a part named "{part.name}" runs already; stop it first')
        self._kept[part.name] = kept = _Kept(part, worked=self._started)
        self.rebuilt[part.name] += 0
        kept.keeper = self._group.create_task(self._keep(kept), name=f"keeper of {part.name}")

    async def stop(self, name: str) -> None:
        """End a part and wait for its end; the others run untouched. KeyError when there is none of this name.

        Who no longer waits changes nothing of that: the part is told to end until it has. What goes wrong in its end is written to the
        log. One of this name that was to begin later (`succeed`) never does.
        """
        coming, kept = self._next.pop(name, None), self._kept.get(name)
        if kept is None:
            if coming is None:
                raise KeyError(name)
            return
        assert kept.keeper is not None
        if not kept.leaving:
            kept.leaving, kept.hung_t = True, kept.hung_t or _now()
            kept.insisted_t = _now()
            kept.keeper.add_done_callback(lambda _: self._kept.pop(name))
            kept.keeper.cancel()
        await asyncio.wait([kept.keeper])

    def succeed(self, parts: Iterable[Part], ended: Iterable[str]) -> None:
        """Begin parts as soon as all that are to end have ended, among those of these names and of their own. Waits for nobody."""
        coming = {part.name: part for part in parts}
        self._next |= coming
        names = (*ended, *coming)
        ends = {name: kept.keeper for name in names if (kept := self._kept.get(name)) is not None and kept.keeper is not None}
        self._group.create_task(self._succeed(coming, ends), name=f"successors: {', '.join(coming)}")

    async def _succeed(self, coming: Mapping[str, Part], ends: Mapping[str, asyncio.Task[None]]) -> None:
        for each in ends.values():
            await asyncio.wait([each])
        for name, part in coming.items():
            if self._next.get(name) is part:  # and not one of a later file
                del self._next[name]
                self.start(part)
        for name in ends:
            self.forget(name)

    def forget(self, name: str) -> None:
        """Count no longer how often a part was made anew that there will not be again. One that is kept is not forgotten."""
        if name not in self._kept:
            self.rebuilt.pop(name, None)

    async def begun(self, names: Iterable[str]) -> None:
        """Wait until each of these parts has given its first sign of life, or has failed: that is told by an alarm, and tried again."""
        for kept in [self._kept[name] for name in names]:
            if kept.part.beat is not None:
                await _first_of(kept.part.beat.begun, kept.settled)
        self._started = True

    # ------------------------------------------------------------------ how it stands

    def vital(self) -> tuple[Part, ...]:
        """Return the parts that starve the watchdog by their mere silence."""
        return tuple(kept.part for kept in self._kept.values() if _gives_signs(kept))

    def starving(self) -> tuple[str, ...]:
        """Return a sentence for each part that making anew did not help."""
        return tuple(sentence for kept in self._kept.values() if (sentence := _lost(kept)))

    def trouble(self) -> str:
        """Return what was made anew within the last minute, in one line; "" when nothing was."""
        now = asyncio.get_running_loop().time()
        return "; ".join(f"{kept.part.name}: {kept.why}" for kept in self._kept.values() if _recent(kept, now))

    def hangs_at(self, name: str) -> str:
        """Return where a part waits now, for the log."""
        kept = self._kept.get(name)
        return where(kept.task) if kept is not None else ""

    # ------------------------------------------------------------------ keeping

    async def _keep(self, kept: _Kept) -> None:
        """Have a part's task run for ever."""
        while True:
            kept.begun_t, kept.hung_t = asyncio.get_running_loop().time(), None
            if kept.part.beat is not None:
                kept.part.beat.due_t = kept.begun_t
            kept.task = asyncio.create_task(_working(kept.part), name=kept.part.name)
            await self._until_it_ends(kept, kept.task)
            self._judge(kept, kept.task)
            kept.task = None
            await asyncio.sleep(_pause_s(kept))
            self.rebuilt[kept.part.name] += 1

    async def _until_it_ends(self, kept: _Kept, task: asyncio.Task[None]) -> None:
        """Wait for the end of a task; when the part itself is to end, end the task first."""
        try:
            await asyncio.wait([task])
        except asyncio.CancelledError:
            task.cancel()
            await _ended(task, ordered=kept.leaving)
            error = None if task.cancelled() or not task.done() else task.exception()
            if error is not None and not kept.leaving:
                raise error from None
            _tell_end(kept.part, error)
            raise

    def _judge(self, kept: _Kept, task: asyncio.Task[None]) -> None:
        """Take note of why a task has ended; raise what ends the daemon."""
        error = None if task.cancelled() else task.exception()
        part = kept.part
        if kept.hung_t is not None:
            _tell_end(part, error)
            return
        if error is None:
            error = RuntimeError(f'the part "{part.name}" came to an end by itself')
        if part.kind is Kind.VITAL:
            raise error
        why = _why(error)
        again = kept.tried > 0 and kept.why == why and isinstance(error, OSError)  # its stack is in the log already
        log.error("a part of the daemon failed and is made anew", part=part.name, reason=why, exc_info=None if again else error)
        self._note(kept, why, counts=part.kind is Kind.STATION)

    def _note(self, kept: _Kept, why: str, *, counts: bool) -> None:
        now = _now()
        kept.failed_t, kept.why = now, why
        kept.settled.set()
        kept.tried += 1
        if counts:
            again = kept.counted_t is not None and now - kept.counted_t <= TWICE_S
            kept.twice, kept.counted_t = kept.twice or (again and kept.worked), now

    # ------------------------------------------------------------------ looking after them

    async def _look_after(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            planned = loop.time() + CHECK_S
            await asyncio.sleep(CHECK_S)
            now = loop.time()
            if now - planned > HELD_UP_S:
                self._forgive(now - planned)
            for kept in tuple(self._kept.values()):
                self._check(kept, now)

    def _forgive(self, seconds: float) -> None:
        for beat in self._beats():
            beat.forgive(seconds)

    def _beats(self) -> Iterator[Beat]:
        yield from (kept.part.beat for kept in self._kept.values() if kept.part.beat is not None)

    def _check(self, kept: _Kept, now: float) -> None:
        part, beat = kept.part, kept.part.beat
        if kept.task is None or (part.kind is Kind.VITAL and not kept.leaving):
            return
        if kept.hung_t is not None:
            self._insist(kept, kept.task, now)
        elif beat is not None and beat.silent_s(now) > part.patience_s:
            self._give_up(kept, kept.task, now, beat)
        else:
            _well(kept, now)

    def _give_up(self, kept: _Kept, task: asyncio.Task[None], now: float, beat: Beat) -> None:
        """Cancel what hangs; its keeper makes it anew."""
        log.error(
            "a part of the daemon hangs and is made anew",
            part=kept.part.name, silent_s=round(beat.silent_s(now), 1), doing=beat.doing, stack=where(task),
        )  # fmt: skip
        self._note(kept, f"hung{' in ' + beat.doing if beat.doing else ''}", counts=True)
        kept.hung_t = kept.insisted_t = now
        task.cancel()

    def _insist(self, kept: _Kept, task: asyncio.Task[None], now: float) -> None:
        """Cancel once more what does not end: it is the same failure still. Another one is not made beside it: a port has one owner."""
        assert kept.hung_t is not None
        kept.stuck = kept.stuck or now - kept.hung_t >= STUCK_S
        if now - kept.insisted_t < (END_S if kept.leaving else max(CANCEL_S, _pause_s(kept))):
            return
        log.error("a part does not end although it was cancelled", part=kept.part.name, stack=where(task))
        kept.failed_t, kept.why, kept.insisted_t = now, "does not end", now
        task.cancel()


def _now() -> float:
    return asyncio.get_running_loop().time()


def _gives_signs(kept: _Kept) -> bool:
    return kept.part.kind is Kind.VITAL and kept.part.beat is not None and not kept.leaving


def _why(error: BaseException) -> str:
    """Return in one line why a part has failed: what the machine refused is for people, any other failure is for the log."""
    return f"failed: {error if isinstance(error, OSError) else type(error).__name__}"


async def _first_of(*events: asyncio.Event) -> None:
    waits = [asyncio.create_task(event.wait()) for event in events]
    try:
        await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for each in waits:
            each.cancel()


def _tell_end(part: Part, error: BaseException | None) -> None:
    if error is not None:
        log.error("a part that was cancelled did not end well", part=part.name, exc_info=error)


async def _working(part: Part) -> None:
    await part.work()


async def _ended(task: asyncio.Task[None], *, ordered: bool) -> None:
    """Wait for the end of a task that was cancelled: for ever when it alone was `ordered` to end, LEFT_S when the daemon ends."""
    end = None if ordered else _now() + LEFT_S
    while not task.done():
        left_s = None if end is None else end - _now()
        if left_s is not None and left_s <= 0.0:
            log.error("the daemon ends without a part that does not end", part=task.get_name(), stack=where(task))
            return
        try:
            await asyncio.wait([task], timeout=None if left_s is None else min(END_S, left_s))
        except asyncio.CancelledError:
            end = end or _now() + LEFT_S  # now the daemon ends
            task.cancel()
        else:
            if not task.done() and end is not None:
                task.cancel()


def _pause_s(kept: _Kept) -> float:
    """Return how long to wait after this failure, which is one of several since the part was last well."""
    return PAUSES_S[min(kept.tried, len(PAUSES_S)) - 1]


def _recent(kept: _Kept, now: float) -> bool:
    return kept.failed_t is not None and now - kept.failed_t <= TWICE_S


def _well(kept: _Kept, now: float) -> None:
    """Take note that a part lives."""
    kept.stuck = False
    if now - kept.begun_t >= STEADY_S:
        kept.worked = True
    if not _recent(kept, now):
        kept.tried, kept.twice, kept.why = 0, False, ""


def _lost(kept: _Kept) -> str:
    """Return why this part starves the watchdog; "" when it does not."""
    if kept.stuck and kept.worked:
        return f"{kept.part.name}: does not end"
    if kept.twice:
        return f"{kept.part.name}: {kept.why}, twice in a minute"
    failing = kept.part.failing()
    return f"{kept.part.name}: {failing}" if failing else ""
