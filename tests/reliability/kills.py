"""R1: kill -9 at random instants, of a process that appends to the journal and of the whole daemon with a broker and people.

The process is tests.integration.journal_appender, forked so that a life costs no start of Python; what is looked at after each life is that
of tests.reliability.power_cut, and counted. Most kills are of this process: it does nothing but what a kill can break. The whole daemon is
that of tests.integration.test_alarms, with its own sentence of figures; what it compares (no record lost, no letter changed, the same id)
fails its test, and with it the row. $PROOF_SEED repeats the instants of the first part, as far as a process can be killed twice alike.
"""

from __future__ import annotations

import asyncio
import os
import random
import signal
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from tests.integration import journal_appender
from tests.integration.journal_appender import ALARMS
from tests.reliability import pytests
from tests.reliability.disk_life import JOURNAL
from tests.reliability.figures import Figure, Share
from tests.reliability.power_cut import Promised, Tally, check_journal

LONGEST_S = 0.2
ANEW_EVERY = 10  # kills until a new directory is begun: each check reads everything
READY_S = 3.0
TEST = "tests/integration/test_alarms.py::test_kill_9_at_random_instants_loses_no_record_and_changes_no_letter"
SENTENCE = r"(\d+) kills: (\d+) records, (\d+) alarms .* (\d+) records heard again \((\d+) times at most\), ready after ([\d.]+) s"
SEED = "PROOF_SEED"


def prove(share: Share) -> Iterator[Figure]:
    """Give the figures of R1."""
    wanted, of_daemon = share.of(270, 9000), share.of(30, 1000)
    seed = int(os.environ.get(SEED) or random.SystemRandom().getrandbits(32))
    sys.stdout.write(f"{SEED}={seed}\n")
    yield Figure("seed", str(seed))
    tally, records = killed(wanted, random.Random(seed))
    yield Figure("kills_of_appender", tally.cases, least=wanted)
    yield Figure("records_of_appender", records, least=wanted)
    for what in ("lost", "letters_changed", "doubled", "set_aside", "chain_broken"):
        yield Figure(what, tally.counts[what], most=0)
    sys.stdout.write("\n".join(tally.wrong) + "\n")
    yield from whole_daemon(of_daemon, tally.cases)


def whole_daemon(wanted: int, before: int) -> Iterator[Figure]:
    """Give the figures of the kills of a daemon, as its test says them. A broken promise fails the test, and so does not come this far."""
    ran = pytests.run(TEST, settings={"STATIOND_KILLS": str(wanted)}, seconds=120.0 + 10.0 * wanted)
    kills, records, acknowledged, again, most, ready_s = ran.numbers(SENTENCE)
    yield Figure("kills_of_daemon", int(kills), least=wanted)
    yield Figure("tests_of_daemon_passed", ran.passed, least=1)
    yield Figure("cases", before + int(kills))
    yield Figure("records", int(records), least=1)
    yield Figure("acknowledged", int(acknowledged), least=1)
    yield Figure("heard_again", int(again), most=int(records))
    yield Figure("most_times_again", int(most), most=int(kills))
    yield Figure("max_ready_s", ready_s, most=READY_S)


def killed(wanted: int, rng: random.Random) -> tuple[Tally, int]:
    """Let so many processes live and die; return what was found, and how many records they made."""
    tally, records = Tally(), 0
    while tally.cases < wanted:
        with tempfile.TemporaryDirectory() as name:
            promised, number = Promised(), 0
            for _ in range(min(ANEW_EVERY, wanted - tally.cases)):
                live(Path(name), number, promised, rng.uniform(0.0, LONGEST_S))
                tally.cases += 1
                number = asyncio.run(check_journal(Path(name), promised, tally, f"kill {tally.cases}"))
            records += number
    return tally, records


def live(home: Path, number: int, promised: Promised, seconds: float) -> None:
    """Fork a life that goes on with a number, and kill it after so long; the first one not before it has acknowledged some records."""
    reading, writing = os.pipe()
    process = os.fork()
    if process == 0:
        os.close(reading)
        append(home / JOURNAL, number, writing)
    os.close(writing)
    with os.fdopen(reading) as said:
        lines = [] if number else [said.readline() for _ in range(4 * ALARMS)]
        time.sleep(seconds)
        os.kill(process, signal.SIGKILL)
        os.waitpid(process, 0)
        lines += [line for line in said if line.endswith("\n")]
    for words in (line.split() for line in lines):
        if words[0] == "done":
            promised.done.add(int(words[1]))
        elif words[0].isdigit():
            promised.acked = int(words[0])


def append(path: Path, number: int, into: int) -> None:
    """Be the process that appends, until it is killed."""
    os.dup2(into, 1)
    asyncio.run(journal_appender.append(path, number))
    os._exit(1)
