"""The outbox of a journal against a list: what waits comes in order, once until it is given up, and over every kill.

What it is: a state machine for hypothesis. Its steps are those of whoever delivers (take, acknowledge, begin again) and of the machine
(settle, kill, end, start). What it is not: a test of the disk; a kill leaves a copy of the files as they are.
"""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from dataclasses import replace
from pathlib import Path

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from stationd.outputs.journal import Journal, JournalSettings, Kept, Message, Record, RecordClass, Undelivered
from tests.reliability.mounted import IN_MEMORY

SETTINGS = replace(JournalSettings(), group_s=0.002, threads=False)
SETTLED_S = 0.02
CLASSES = (RecordClass.ALARM, RecordClass.COMMAND)  # those that never wait to be committed
TAKEN = {"steps": 0}  # of all machines of this process


class OutboxAgainstList(RuleBasedStateMachine):
    """`sent` are all messages in order; of `doubtful` ones nobody knows, after a kill, whether they were deleted before it."""

    @initialize()
    def begin(self) -> None:
        """Start with nothing."""
        self.runner = asyncio.Runner()
        self.home = Path(tempfile.mkdtemp(prefix="outbox-", dir=IN_MEMORY if IN_MEMORY.is_dir() else None))
        self.starts = 0
        self.sent: list[int] = []
        self.out: dict[int, Undelivered] = {}
        self.done: set[int] = set()
        self.doubtful: set[int] = set()
        self.journal = self.runner.run(self._open(self.home / "0"))

    async def _open(self, place: Path) -> Journal:
        journal = Journal.open(place / "journal.sqlite", SETTINGS, run=f"run-{self.starts}")
        assert (await journal.start()).known
        return journal

    @rule(messages=st.integers(0, 3), kind=st.sampled_from(CLASSES))
    def append(self, messages: int, kind: RecordClass) -> None:
        """Hand a record over and wait until it is on the disk."""
        numbers = range(len(self.sent), len(self.sent) + messages)
        self.sent += numbers
        self.runner.run(self._append(tuple(Message("event", str(each).encode()) for each in numbers), kind))
        TAKEN["steps"] += 1

    async def _append(self, messages: tuple[Message, ...], kind: RecordClass) -> None:
        assert await self.journal.append(Record(self.journal.stamp(), kind, "test", messages=messages)) is Kept.COMMITTED

    @precondition(lambda self: self._surely_waiting())
    @rule(limit=st.integers(1, 5))
    def take(self, limit: int) -> None:
        """Take some: the oldest that are not out, in order; only a doubtful one may be left out."""
        got = self.runner.run(asyncio.wait_for(self.journal.outbox.next(limit), 5.0))
        numbers = [int(each.payload) for each in got]
        assert 1 <= len(numbers) <= limit
        waiting = [each for each in self.sent if each not in self.out and (each not in self.done or each in self.doubtful)]
        for number in numbers:
            assert number in waiting, f"{number} comes again, or was never sent"
            passed = waiting[: waiting.index(number)]
            assert set(passed) <= self.doubtful, f"{number} comes before {passed}"
            waiting = waiting[len(passed) + 1 :]
        self.out |= dict(zip(numbers, got, strict=True))
        TAKEN["steps"] += 1

    def _surely_waiting(self) -> bool:
        return any(each not in self.out and each not in self.done for each in self.sent)

    @precondition(lambda self: bool(self.out))
    @rule(share=st.integers(1, 3))
    def acknowledge(self, share: int) -> None:
        """Acknowledge some of those that are out."""
        numbers = list(self.out)[::share]
        self.journal.outbox.done(self.out.pop(each).id for each in numbers)
        self.done.update(numbers)
        self.doubtful.difference_update(numbers)
        TAKEN["steps"] += 1

    @rule()
    def lose_the_connection(self) -> None:
        """Begin again with the oldest that is not done."""
        self.journal.outbox.rewind()
        self.out.clear()
        TAKEN["steps"] += 1

    @rule()
    def settle(self) -> None:
        """Let time pass: what was acknowledged is deleted then."""
        self.runner.run(asyncio.sleep(SETTLED_S))
        TAKEN["steps"] += 1

    @rule()
    def kill(self) -> None:
        """Start from the files as they are, as after kill -9."""
        before, place = self.home / str(self.starts), self.home / str(self.starts + 1)
        shutil.copytree(before, place)
        self.runner.run(self.journal.close())
        self._start(place)
        self.doubtful |= self.done

    @rule()
    def end(self) -> None:
        """End it as it should be, and start it again: what is done is gone; what a kill left in doubt it does not know."""
        self.runner.run(self.journal.close())
        place = self.home / str(self.starts + 1)
        shutil.copytree(self.home / str(self.starts), place)
        self._start(place)

    def _start(self, place: Path) -> None:
        self.starts += 1
        self.out.clear()
        self.journal = self.runner.run(self._open(place))
        TAKEN["steps"] += 1

    def teardown(self) -> None:
        """Leave nothing behind."""
        if hasattr(self, "journal"):
            self.runner.run(self.journal.close())
            self.runner.close()
            shutil.rmtree(self.home, ignore_errors=True)
