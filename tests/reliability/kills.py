"""R1: kill -9 at random instants, of a process that appends to the journal and of the whole daemon with a broker and people.

The process is tests.integration.journal_appender, forked so that a life costs no start of Python; the checks are those of
tests.integration.test_journal_kill. The whole daemon is that of tests.integration.test_alarms, with its own sentence of figures.
"""

from __future__ import annotations

import asyncio
import os
import random
import signal
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from tests.integration import journal_appender
from tests.integration.journal_appender import ALARMS
from tests.integration.test_journal_kill import check
from tests.reliability import pytests
from tests.reliability.figures import Figure, Share

LONGEST_S = 0.2
ANEW_EVERY = 10  # kills until a new directory is begun: each check reads everything
READY_S = 3.0
SENTENCE = r"(\d+) kills: (\d+) records, (\d+) alarms .* (\d+) records heard again \((\d+) times at most\), ready after ([\d.]+) s"


@dataclass(slots=True)
class Lives:
    """The lives in one directory: the number of the next record, what was acknowledged and what was delivered."""

    number: int = 0
    done: set[int] = field(default_factory=set)


def prove(share: Share) -> Iterator[Figure]:
    """Give the figures of R1."""
    kills, of_daemon = share.of(270, 9000), share.of(30, 1000)
    rng = random.Random()
    records = 0
    for begun in range(0, kills, ANEW_EVERY):
        with tempfile.TemporaryDirectory() as name:
            lives = Lives()
            for _ in range(min(ANEW_EVERY, kills - begun)):
                live(Path(name, "journal.sqlite"), lives, rng.uniform(0.0, LONGEST_S))
            records += lives.number
    yield Figure("kills_of_journal", kills)
    yield Figure("records_of_journal", records, least=kills)
    yield from whole_daemon(of_daemon, kills)


def whole_daemon(kills: int, before: int) -> Iterator[Figure]:
    """Give the figures of the kills of a daemon. A broken promise fails its test, and so does not come this far."""
    test = "tests/integration/test_alarms.py::test_kill_9_at_random_instants_loses_no_record_and_changes_no_letter"
    ran = pytests.run(test, settings={"STATIOND_KILLS": str(kills)}, seconds=120.0 + 10.0 * kills)
    _, records, acknowledged, again, most, ready_s = ran.numbers(SENTENCE)
    yield Figure("kills_of_daemon", kills)
    yield Figure("cases", before + kills)
    yield Figure("records", int(records), least=1)
    yield Figure("acknowledged", int(acknowledged), least=1)
    yield Figure("lost", 0, most=0)
    yield Figure("letters_changed", 0, most=0)
    yield Figure("heard_again", int(again), most=int(records))
    yield Figure("most_times_again", int(most))
    yield Figure("max_ready_s", ready_s, most=READY_S)


def live(path: Path, lives: Lives, seconds: float) -> None:
    """Fork a life, kill it after so long (the first one not before it has acknowledged some records), and see that nothing is lost."""
    reading, writing = os.pipe()
    process = os.fork()
    if process == 0:
        os.close(reading)
        append(path, lives.number, writing)
    os.close(writing)
    with os.fdopen(reading) as said:
        lines = [] if lives.number else [said.readline() for _ in range(4 * ALARMS)]
        time.sleep(seconds)
        os.kill(process, signal.SIGKILL)
        os.waitpid(process, 0)
        lines += [line for line in said if line.endswith("\n")]
    words = [line.split() for line in lines]
    lives.done |= {int(each[1]) for each in words if each[0] == "done"}
    acknowledged = [int(each[0]) for each in words if each[0].isdigit()]
    lives.number = asyncio.run(check(path, max(acknowledged, default=lives.number - 1), lives.done))


def append(path: Path, number: int, into: int) -> None:
    """Be the process that appends, until it is killed."""
    os.dup2(into, 1)
    asyncio.run(journal_appender.append(path, number))
    os._exit(1)
