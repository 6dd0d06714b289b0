"""R2: the power goes after every single call to the disk, and what was promised is there.

A life of everything that a station keeps (tests.reliability.disk_life) is played once on a mounted lossyfs, which notes every call that
changes the disk. Then, for every one of them, the disk as a cut right after that call leaves it is laid out and the station's own code
starts from it: once with nothing kept beyond what was synced, once more with any of the sectors and of the newer names kept by chance.
"""

from __future__ import annotations

import asyncio
import json
import random
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

from hil.disk import Disk
from hil.lossyfs import Step, repeat
from stationd import last_good
from stationd.outputs.incidents.course import Settings
from stationd.outputs.incidents.files import DAMAGED, Files, Statistics
from stationd.outputs.incidents.record import read_head
from stationd.outputs.journal import Journal, Query
from tests.reliability.disk_life import ALARMS, JOURNAL, QUICK, STATE, station_text
from tests.reliability.figures import Figure, Share
from tests.reliability.mounted import IN_MEMORY, lossy

ROOT = Path(__file__).resolve().parents[2]
CALLS = 2000
PROCESSES = 2
AT_REST = replace(QUICK, threads=False, group_s=3600.0)  # opened only to be read


@dataclass(slots=True)
class Promised:
    """What had been promised before a cut: marks of disk_life, up to there."""

    acked: int = -1
    done: set[int] = field(default_factory=set)
    incidents: dict[str, int] = field(default_factory=dict)
    recorded: dict[str, int] = field(default_factory=dict)
    saved: dict[str, int] = field(default_factory=dict)
    taken_up: int = -1

    def hear(self, words: str) -> None:
        """Take a mark."""
        match words.split():
            case ["acked", number]:
                self.acked = int(number)
            case ["done", number]:
                self.done.add(int(number))
            case ["incident", name, number]:
                self.incidents[name] = int(number)
            case ["recorded", name, number]:
                self.recorded[name] = int(number)
            case ["saved", name, size]:
                self.saved[name] = int(size)
            case ["taken-up", number]:
                self.taken_up = int(number)


@dataclass(slots=True)
class Tally:
    """What was found over many cuts. `wrong` are sentences, the first few; `equal` disks are those of the cut before: not looked at."""

    cases: int = 0
    equal: int = 0
    counts: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)

    def note(self, what: str, sentence: str) -> None:
        """Count something that must not be."""
        self.counts[what] += 1
        if len(self.wrong) < 5:
            self.wrong.append(sentence)

    def add(self, other: Tally) -> None:
        """Take another one in."""
        self.cases += other.cases
        self.equal += other.equal
        self.counts += other.counts
        self.wrong += other.wrong


def prove(share: Share) -> Iterator[Figure]:
    """Give the figures of R2's half without a machine that is switched off."""
    whole, calls = Tally(), share.of(CALLS, CALLS)
    steps = taken_up = 0
    for seed in range(share.of(1, 20)):
        trace = played(calls)
        steps += len(changes(trace))
        taken_up += sum(step[0] == "mark" and str(step[1]).startswith("taken-up") for step in trace)
        with ProcessPoolExecutor(PROCESSES) as pool:
            for tally in pool.map(partial(examined, trace, seed), range(PROCESSES)):
                whole.add(tally)
    sys.stdout.write("\n".join(whole.wrong) + "\n")
    yield Figure("calls", steps, least=calls)
    yield Figure("cases", whole.cases, least=calls)
    yield Figure("disks_equal_to_the_one_before", whole.equal)
    yield Figure("cuts", whole.cases + whole.equal, least=2 * calls)
    yield Figure("station_files_taken_up", taken_up, least=1)
    yield Figure("qemu_cuts", 0)  # no machine is switched off here
    for what in ("lost", "letters_changed", "doubled", "set_aside", "torn_files", "chain_broken"):
        yield Figure(what, whole.counts[what], most=0)


def played(calls: int) -> list[Step]:
    """Play the life and return every change of the disk with the marks between them."""
    with lossy() as disk, tempfile.TemporaryDirectory() as beside:
        words = [sys.executable, "-m", "tests.reliability.disk_life", str(disk.path), str(calls * 5 // 4)]  # a fifth are marks
        subprocess.run(words, cwd=ROOT, check=True)
        file = Path(beside, "trace")
        disk.order("trace", str(file))
        return [json.loads(line) for line in file.read_text().splitlines()]


def changes(trace: Iterable[Step]) -> list[Step]:
    """Return the steps that are calls to the disk."""
    return [step for step in trace if step[0] != "mark"]


def examined(trace: list[Step], seed: int, part: int) -> Tally:
    """Cut after every call whose number is of this part, in both ways."""
    tally, disk, promised = Tally(), Disk(), Promised()
    number = 0
    seen: tuple[list[tuple[str, bytes | None]], str] = ([], "")
    with tempfile.TemporaryDirectory(dir=IN_MEMORY if IN_MEMORY.is_dir() else None) as name:
        for step in trace:
            if step[0] == "mark":
                promised.hear(str(step[1]))
                continue
            repeat(disk, step)
            number += 1
            if number % PROCESSES != part:
                continue
            for rng in (None, random.Random(seed << 32 | number)):
                after = disk.cut(rng)
                if rng is None:
                    look = (list(after.tree()), repr(promised))
                    if look == seen:  # nothing was synced and promised since the last one
                        tally.equal += 1
                        continue
                    seen = look
                tally.cases += 1
                where = f"after call {number} {step[0]} {'by chance' if rng else 'strictly'}"
                started_from(after, Path(name, "disk"), promised, tally, where)
    return tally


def started_from(disk: Disk, place: Path, promised: Promised, tally: Tally, where: str) -> None:
    """Lay a disk out and start from it."""
    lay_out(disk, place)
    asyncio.run(check(place / STATE, promised, tally, where))
    shutil.rmtree(place, ignore_errors=True)


def lay_out(disk: Disk, place: Path) -> None:
    """Write what a disk holds into a directory."""
    place.mkdir()
    for path, data in disk.tree():
        if data is None:
            (place / path).mkdir()
        else:
            (place / path).write_bytes(data)


async def check(state: Path, promised: Promised, tally: Tally, where: str) -> None:
    """Start from what a cut left, and count what does not agree with what was promised."""
    if not state.is_dir():
        if promised.acked >= 0:
            tally.note("lost", f"{where}: everything is gone")
        return
    await check_journal(state, promised, tally, where)
    check_files(state, promised, tally, where)
    check_station_file(state, promised, tally, where)


async def check_journal(state: Path, promised: Promised, tally: Tally, where: str) -> int:
    """Every acknowledged record once, its alarm's newest snapshot, its message unless it was delivered, the chain of the audit.

    Returns the number of the next record.
    """
    journal = Journal.open(state / JOURNAL, AT_REST, station="aktau")
    try:
        restored = await journal.start(timeout_s=10.0)
        if journal.health.set_aside or journal.health.damage or not restored.known:
            tally.note("set_aside", f"{where}: {journal.health}")
        states = sorted(json.loads(text)["n"] for text in restored.states.values())
        highest = max(states, default=-1)
        if highest < promised.acked:
            tally.note("lost", f"{where}: {promised.acked} was acknowledged, {highest} is there")
        if states != list(range(max(0, highest - ALARMS + 1), highest + 1)):
            tally.note("letters_changed", f"{where}: snapshots {states}")
        records = [*(await journal.entries(Query(most=10**6))).records, *(await journal.entries(Query(most=10**6, commands=True))).records]
        if sorted(json.loads(each.body)["n"] for each in records) != list(range(highest + 1)):
            tally.note("lost", f"{where}: of {highest + 1} records {len(records)} are there")
        verified = await journal.verify_audit()
        if verified is None or not verified.intact or verified.head.position != highest + 1:
            tally.note("chain_broken", f"{where}: {verified}")
        await check_messages(journal, highest, promised, tally, where)
    finally:
        await journal.close(5.0)
    return highest + 1


async def check_messages(journal: Journal, highest: int, promised: Promised, tally: Tally, where: str) -> None:
    """All that was not delivered still waits, once and in order."""
    if highest < 0:
        return
    outstanding = set(range(highest + 1)) - promised.done
    waiting = [int(each.payload) for each in await journal.outbox.next(10**6)] if outstanding else []
    if waiting != sorted(set(waiting)):
        tally.note("doubled", f"{where}: messages {waiting[:20]}")
    if not outstanding <= set(waiting):
        tally.note("lost", f"{where}: messages {sorted(outstanding - set(waiting))[:20]} are gone")


def check_files(state: Path, promised: Promised, tally: Tally, where: str) -> None:
    """Incidents, their records and saved texts: the promised one or a newer one, and never half of one."""
    files = Files(state, Settings(), Statistics())
    _, found = files.load()
    open_ones = {each.id: int(str(each.changes[0]["number"])) for each in found}
    heads = {str(head["id"]): int(str(head["number"])) for head in files.heads(1000)}
    for name in heads:
        with files.reading(name) as file:
            heads[name] = int(str(read_head(file)["number"]))
    torn = [path.name for path in files.events.iterdir() if path.name.endswith(DAMAGED)]
    texts = {path.name: path.read_bytes() for path in (state / "bundles" / "saved").glob("text-*")}
    torn += [name for name, text in texts.items() if text != b"x" * int(name.removeprefix("text-"))]
    if torn:
        tally.note("torn_files", f"{where}: {torn}")
    for what, kept, wanted in (("incident", open_ones, promised.incidents), ("record", heads, promised.recorded)):
        for name, number in wanted.items():
            if kept.get(name, -1) < number:
                tally.note("lost", f"{where}: {what} {name} shows {kept.get(name)}, {number} was written")
    for name in promised.saved.keys() - texts.keys():
        tally.note("lost", f"{where}: the text {name}")


def check_station_file(state: Path, promised: Promised, tally: Tally, where: str) -> None:
    """The station file that was taken up: the promised one or a newer one, and whole."""
    file = state / last_good.COPY
    number = -1
    if file.exists():
        try:
            text = str(json.loads(file.read_bytes())["station"])
            number = int(text.partition("\n")[0].removeprefix("# "))
            whole = text == station_text(number)
        except (ValueError, KeyError):
            whole = False
        if not whole:
            tally.note("torn_files", f"{where}: {file.name}")
            return
    if number < promised.taken_up:
        tally.note("lost", f"{where}: the station file {promised.taken_up} was taken up, {number} is there")
