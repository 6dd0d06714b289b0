"""kill -9 at random instants of a real process that appends. STATIOND_KILLS sets how often; a release takes 300."""

from __future__ import annotations

import asyncio
import json
import os
import random
import signal
import subprocess
import sys
from pathlib import Path
from threading import Timer

from stationd.outputs.journal import Journal, Query
from tests.integration.journal_appender import ALARMS

KILLS = int(os.environ.get("STATIOND_KILLS", "10"))
ROOT = Path(__file__).resolve().parents[2]


def life(path: Path, number: int, seconds: float) -> tuple[int, set[int]]:
    """Run the process until it is killed; return the last acknowledged record and the messages that were done."""
    command = [sys.executable, "-m", "tests.integration.journal_appender", str(path), str(number)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "READY\n"
        Timer(seconds, process.kill).start()
        lines = [line.split() for line in process.stdout if line.endswith("\n")]
    assert process.returncode == -signal.SIGKILL
    acknowledged = [int(line[0]) for line in lines if len(line) == 1]
    done = {int(line[1]) for line in lines if len(line) == 2}
    return max(acknowledged, default=number - 1), done


async def check(path: Path, last: int, done: set[int]) -> int:
    """See that nothing acknowledged is lost, and return the number of the next record."""
    journal = Journal.open(path)
    restored = await journal.start()
    assert restored.known
    assert journal.health.set_aside == ()
    states = sorted(json.loads(state)["n"] for state in restored.states.values())
    highest = max(states)
    assert highest >= last
    assert states == list(range(highest - ALARMS + 1, highest + 1)), "a snapshot is not that of its newest record"
    events = [json.loads(each.body)["n"] for each in (await journal.entries(Query(most=10**6))).records]
    commands = [json.loads(each.body)["n"] for each in (await journal.entries(Query(most=10**6, commands=True))).records]
    assert sorted(events + commands) == list(range(highest + 1)), "records are missing or doubled"
    verified = await journal.verify_audit()
    assert verified is not None
    assert verified.intact, verified.why
    assert verified.head.position == highest + 1
    waiting = [int(each.payload) for each in await journal.outbox.next(10**6)]
    assert waiting == sorted(set(waiting)), "messages are doubled or out of order"
    assert set(range(highest + 1)) - set(waiting) <= done, "a message is gone that nobody took"
    await journal.close()
    return highest + 1


async def test_kill_9_at_random_instants_loses_nothing_that_was_acknowledged(tmp_path: Path) -> None:
    path, number, done = tmp_path / "journal.sqlite", 0, set[int]()
    for _ in range(KILLS):
        last, newly_done = life(path, number, random.uniform(0.05, 0.5))
        done |= newly_done
        number = await check(path, last, done) if last >= ALARMS - 1 or number else number
    assert number > 0
    assert asyncio.all_tasks()
