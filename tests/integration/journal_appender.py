"""A process that appends to a journal until it is killed, and says what was acknowledged: run by test_journal_kill.py.

It prints READY, then one line for each acknowledged record: its number in all, which is also its alarm's newest snapshot.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from pathlib import Path

from stationd.core.model import GOOD, PointId, Reading
from stationd.outputs.journal import HistorySettings, Journal, JournalSettings, Kept, Message, Record, RecordClass

ALARMS = 5
CLASSES = (RecordClass.ALARM, RecordClass.EVENT, RecordClass.COMMAND)


async def append(path: Path, number: int) -> None:
    settings = JournalSettings(history=HistorySettings(frame_s=0.05, pack_seconds_s=0.5, pack_minutes_s=1.0))
    journal = Journal.open(path, settings)
    restored = await journal.start()
    assert restored.known
    say("READY")
    while True:
        burst = range(number, number + 7)
        number += len(burst)
        kept = [journal.append(record(journal, each)) for each in burst]
        journal.record_readings([Reading(PointId("d", f"p{n}"), float(number), GOOD, time.monotonic()) for n in range(20)])
        delivered = await journal.outbox.next(3)
        for each, future in zip(burst, kept, strict=True):
            assert await future is Kept.COMMITTED
            say(str(each))
        journal.outbox.done(each.id for each in delivered[:1])
        say(f"done {delivered[0].payload.decode()}")


def record(journal: Journal, number: int) -> Record:
    stamp = journal.stamp()
    body = json.dumps({"n": number})
    states = {f"alarm{number % ALARMS}": body}
    message = Message(f"alarm/{number % ALARMS}", str(number).encode())
    return Record(stamp, CLASSES[number % 3], "test", body, states=states, messages=(message,), audited=True)


def say(words: str) -> None:
    sys.stdout.write(words + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    asyncio.run(append(Path(sys.argv[1]), int(sys.argv[2])))
