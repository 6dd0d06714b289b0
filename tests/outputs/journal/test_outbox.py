from __future__ import annotations

import asyncio
import tempfile
from collections import Counter, defaultdict
from dataclasses import replace
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from stationd.outputs.journal import Kept, Message, Record, RecordClass
from stationd.outputs.journal.outbox import Undelivered
from tests.outputs.journal.files import QUICK, SetClock, opened, record, until

TOPICS = ("alarm/a", "alarm/b", "event")


async def test_messages_come_in_order_once_each_until_rewound_and_are_gone_when_done(tmp_path: Path) -> None:
    async with opened(tmp_path) as journal:
        await asyncio.gather(*[journal.append(record(journal, topics=TOPICS)) for _ in range(10)])
        first = await journal.outbox.next(7)
        rest = await journal.outbox.next(100)
        assert [each.topic for each in (*first, *rest)] == list(TOPICS) * 10
        journal.outbox.done(each.id for each in first)
        journal.outbox.rewind()
        assert await journal.outbox.next(100) == rest
        journal.outbox.done(each.id for each in rest)
        await until(lambda: sum(total.records for total in journal.statistics.outbox.values()) == 0)
    async with opened(tmp_path) as journal:
        journal.append(record(journal, topics=("new",)))
        (only,) = await journal.outbox.next(100)
        assert (only.topic, only.historical) == ("new", False)


async def test_whoever_waits_for_a_message_gets_it_when_it_is_durable(tmp_path: Path) -> None:
    async with opened(tmp_path) as journal:
        waiting = asyncio.create_task(journal.outbox.next(10))
        await asyncio.sleep(0)
        kept = journal.append(record(journal, topics=("t",)))
        (message,) = await waiting
        assert kept.result() is Kept.COMMITTED
        assert message.topic == "t"


async def test_what_was_not_done_comes_again_after_a_restart_with_the_same_content(tmp_path: Path) -> None:
    async with opened(tmp_path) as journal:
        await journal.append(record(journal, topics=TOPICS))
        before = await journal.outbox.next(10)
    async with opened(tmp_path) as journal:
        after = await journal.outbox.next(10)
        assert [(each.topic, each.payload, each.utc_s) for each in after] == [(each.topic, each.payload, each.utc_s) for each in before]
        assert all(each.historical for each in after)


STEPS = st.lists(st.sampled_from(["append", "append", "take", "done", "rewind", "restart"]), max_size=40)


async def play(directory: Path, steps: list[str]) -> None:
    """Every message arrives, in order of first arrival per topic, and only what was not done arrives again."""
    received: dict[str, list[bytes]] = defaultdict(list)
    sent: dict[str, list[bytes]] = defaultdict(list)
    done: Counter[bytes] = Counter()
    number = 0

    def receive(messages: tuple[Undelivered, ...]) -> None:
        for each in messages:
            assert not done[each.payload], "a message that was done came again"
            if each.payload not in received[each.topic]:
                received[each.topic].append(each.payload)

    while True:
        async with opened(directory) as journal:
            out: list[Undelivered] = []
            while steps and (step := steps.pop(0)) != "restart":
                match step:
                    case "append":
                        number += 1
                        topic, payload = f"t{number % 3}", str(number).encode()
                        await journal.append(Record(journal.stamp(), RecordClass.ALARM, "k", messages=(Message(topic, payload),)))
                        sent[topic].append(payload)
                    case "take" if number > done.total() + len(out):
                        messages = await journal.outbox.next(2)
                        receive(messages)
                        out += messages
                    case "done" if out:
                        done[out[0].payload] += 1
                        journal.outbox.done([out.pop(0).id])
                    case "rewind":
                        journal.outbox.rewind()
                        out.clear()
            if not steps:
                journal.outbox.rewind()
                while done.total() < number:
                    messages = await journal.outbox.next(5)
                    receive(messages)
                    done.update(each.payload for each in messages)
                    journal.outbox.done(each.id for each in messages)
                break
    assert received == sent


@settings(max_examples=15, deadline=None)
@given(STEPS)
def test_at_least_once_and_in_order_per_topic_whatever_happens_between(steps: list[str]) -> None:
    with tempfile.TemporaryDirectory() as name:
        asyncio.run(play(Path(name), list(steps)))


async def test_a_full_outbox_halves_readings_then_drops_events_and_never_the_rest(tmp_path: Path) -> None:
    async with opened(tmp_path) as journal:
        for n in range(200):
            for each in RecordClass:
                journal.append(record(journal, each, topics=(f"{each.value}/{n % 2}",)))
        await journal.append(record(journal))
    small = replace(QUICK, outbox=85_000)
    async with opened(tmp_path, small) as journal:
        trimmed = journal.statistics.trimmed.outbox
        await until(lambda: trimmed.total() > 0 and journal.statistics.outbox_over == 0)
        await until(lambda: trimmed[RecordClass.READING] + journal.statistics.outbox[RecordClass.READING].records == 200)
        assert +trimmed == {RecordClass.READING: trimmed[RecordClass.READING]}
        messages = [each for each in await journal.outbox.next(2000) if each.message_class is RecordClass.READING]
        sequences = [int(each.payload.decode().rpartition("-")[2]) for each in messages]
        assert sequences == sorted(sequences)
        assert {each.topic for each in messages} == {"reading/0", "reading/1"}
    tiny = replace(QUICK, outbox=1000)
    async with opened(tmp_path, tiny) as journal:
        await until(lambda: journal.statistics.trimmed.outbox[RecordClass.EVENT] == 200)
        pinned = [each for each in RecordClass if each.pinned]
        await until(lambda: [journal.statistics.outbox[each].records for each in pinned] == [200, 200, 200])
        assert journal.statistics.outbox_over > 0


async def test_old_readings_and_events_go_and_old_alarms_stay(tmp_path: Path) -> None:
    clock = SetClock()
    aged = replace(QUICK, outbox_age_s=100.0)
    async with opened(tmp_path, aged, clock) as journal:
        await asyncio.gather(*[journal.append(record(journal, each, topics=("t",))) for each in RecordClass])
        clock.t += 101.0
        await until(lambda: journal.statistics.trimmed.outbox.total() == 2)
        left = await journal.outbox.next(10)
        assert [each.message_class for each in left] == [each for each in RecordClass if each.pinned]
