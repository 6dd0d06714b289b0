"""The outbox and a disk that takes its time: the worker that reads is real, and busy with a question that the test lets end."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass, field
from pathlib import Path

from stationd.outputs.journal import Message, Moment, Record, RecordClass, Stamp
from stationd.outputs.journal.outbox import Outbox
from stationd.outputs.journal.store import Store
from stationd.outputs.journal.worker import Worker
from tests.outputs.journal.files import until

NOW = Moment(1e9, True, 1000.0)
BOOT = 1


def record(sequence: int, record_class: RecordClass = RecordClass.ALARM) -> Record:
    return Record(Stamp("run", sequence, NOW), record_class, "k", messages=(Message(f"t{sequence}", b"x"),))


@dataclass
class Waiting:
    """An outbox on a file with three messages. While `gate` is shut the disk answers nothing; `memory` waits to be written."""

    outbox: Outbox
    worker: Worker
    gate: threading.Event
    memory: list[Record] = field(default_factory=list)
    failing: bool = False
    delivered: list[int] = field(default_factory=list)

    def shut(self) -> None:
        self.gate.clear()
        self.worker.submit(lambda _: self.gate.wait(60.0), lambda _: None)


@asynccontextmanager
async def waiting(directory: Path) -> AsyncIterator[Waiting]:
    path = directory / "journal.sqlite"
    with closing(Store(path, "run", NOW)) as store:
        store.write([record(1), record(2), record(3)], t=NOW.t)
    worker, made, delivered = Worker("reader", path), list[Waiting](), list[int]()
    outbox = Outbox(
        worker,
        lambda after: [each for each in made[0].memory if each.stamp.sequence > after],
        lambda: made[0].failing,
        delivered.extend,
    )
    made.append(Waiting(outbox, worker, threading.Event(), delivered=delivered))
    worker.start()
    outbox.opened(BOOT)
    try:
        yield made[0]
    finally:
        made[0].gate.set()
        worker.close()


async def test_while_the_disk_does_not_answer_what_is_in_memory_is_given_out_once_and_readings_never(tmp_path: Path) -> None:
    async with waiting(tmp_path) as held:
        held.shut()
        held.memory = [record(4), record(5, RecordClass.READING), record(6)]
        held.failing = True
        first = await held.outbox.next(10)
        assert [each.topic for each in first] == ["t4", "t6"]
        held.memory.append(record(7))
        second = await held.outbox.next(10)  # the disk is not asked a second time: it still has a question
        assert [each.topic for each in second] == ["t7"]
        held.outbox.done(each.id for each in (*first, *second))
        held.gate.set()
        assert [each.topic for each in await held.outbox.next(10)] == ["t1", "t2", "t3"]


async def test_a_page_that_was_asked_for_before_a_rewind_is_not_taken_for_the_beginning(tmp_path: Path) -> None:
    async with waiting(tmp_path) as held:
        assert [each.topic for each in await held.outbox.next(2)] == ["t1", "t2"]
        held.shut()
        asked = asyncio.create_task(held.outbox.next(10))
        await asyncio.sleep(0)
        await asyncio.sleep(0)  # it has asked for what comes behind the second message
        held.outbox.rewind()
        held.gate.set()
        assert [each.topic for each in await asked] == ["t1", "t2", "t3"]


async def test_a_reader_that_cannot_read_gives_nothing_and_what_is_in_memory_goes_on(tmp_path: Path) -> None:
    async with waiting(tmp_path) as held:
        held.worker.close()
        held.memory, held.failing = [record(4)], True
        assert [each.topic for each in await held.outbox.next(10)] == ["t4"]


async def test_a_torn_message_is_counted_once_however_often_its_page_is_read(tmp_path: Path) -> None:
    async with waiting(tmp_path) as held:
        with closing(Store(tmp_path / "journal.sqlite", "run", NOW)) as store:
            store.db.execute("UPDATE outbox SET topic = 'other' WHERE topic = 't2'")
        for _ in range(3):
            assert [each.topic for each in await held.outbox.next(10)] == ["t1", "t3"]
            held.outbox.rewind()
        assert held.outbox.torn == 1
        assert len(held.delivered) == 1
        await until(lambda: not held.failing)
