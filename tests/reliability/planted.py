"""Plants one defect at a time in a copy of the tree and runs the proof that has to find it.

    python -m tests.reliability.planted [NAME ...] [--list] [--into build/planted.json]

A proof that never fails proves nothing. Each defect is a small change of one file, such as a tired programmer might make: a sync that is
left out, a comparison that is gone. The copy is that of the files that git knows, with the extension as it is built here; nothing of the
working tree is ever touched. The same proof has to pass on the sound copy, or its failure would say nothing. Ends with 1 when a defect was
not found, or no longer applies because its file has changed.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from tests.reliability.group import Group, end_in_peace

ROOT = Path(__file__).resolve().parents[2]
INTO = ROOT / "build" / "planted.json"
EXTENSION = Path("stationd", "_sampler.abi3.so")
MOST_S = 900.0


@dataclass(frozen=True, slots=True)
class Defect:
    """One change of one file: `there` is replaced by `planted`. `proof` is a row with the part of it that is run, or words for pytest."""

    name: str
    file: str
    there: str
    planted: str
    row: str
    part: float = 0.1
    tests: tuple[str, ...] = ()

    @property
    def proved_by(self) -> str:
        """Return the row, or that it is only a unit test of what the row proves."""
        return f"unit test of {self.row}" if self.tests else self.row

    @property
    def proof(self) -> tuple[str, ...]:
        """Return the command that has to fail."""
        if self.tests:
            return (sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", *self.tests)
        return (sys.executable, "-m", "tests.reliability", self.row, "--part", str(self.part))


WRITE = "store.write(records, self.delivered, t=moment.t)"
GATHERED = "return web.Response(body=await self._metrics(), headers="
OBSERVE = "self.statistics.commit_s.observe(time.monotonic() - begin)"
PUBLISH = "await client.publish(self._topic(message.topic), message.payload, QOS, retain=message.retain)"

DEFECTS = (
    Defect(
        "the journal is not synced", "stationd/outputs/journal/schema.py",
        'connection.execute("PRAGMA synchronous=FULL")', 'connection.execute("PRAGMA synchronous=NORMAL")', "R2",
    ),
    Defect(
        "the record of an incident is renamed before it is synced", "stationd/outputs/incidents/files.py",
        "            os.fsync(file.fileno())\n        new.rename(path)", "        new.rename(path)", "R2", 0.3,
    ),
    Defect(
        "the name of a new directory is not synced", "stationd/outputs/journal/place.py",
        "    directory.mkdir(exist_ok=True)\n    bring_to_disk(directory.parent)", "    directory.mkdir(exist_ok=True)", "R2", 0.5,
    ),
    Defect(
        "a record is acknowledged before its commit", "stationd/outputs/journal/writer.py",
        f"            {WRITE}\n            {OBSERVE}\n            self._committed()",
        f"            self._committed()\n            {WRITE}\n            {OBSERVE}", "R2", 0.3,
    ),
    Defect(
        "a record is acknowledged before its commit, seen by kill -9", "stationd/outputs/journal/writer.py",
        f"            {WRITE}\n            {OBSERVE}\n            self._committed()",
        f"            self._committed()\n            {WRITE}\n            {OBSERVE}", "R1", 0.3,
    ),
    Defect(
        "the alarm of the storage is never told", "stationd/outputs/signals.py",
        'yield "STORAGE-FAILED", not health.good,', 'yield "STORAGE-FAILED", False,', "R3", 0.2,
    ),
    Defect(
        "no quarantine after a time-out", "stationd/links/units.py",
        "        until = now + unit.turnaround.late_s\n", "        until = now\n", "R4", 0.1,
    ),
    Defect(
        "the check sum of Modbus is not looked at", "stationd/wire/modbus.py",
        "if not echo and sums.right(start, start + length):", "if not echo:", "R4", 0.5,
    ),
    Defect(
        "stale is never told", "stationd/core/station.py",
        "    return max(STALE_PERIODS * every_s, STALE_AT_LEAST_S)", "    return 1e9 * every_s", "R4", 0.1,
    ),
    Defect(
        "a block that was silent is forgotten for ten minutes", "stationd/schedule.py",
        "pauses_s = PAUSES_S if task.heard else SILENT_PAUSES_S", "pauses_s = SILENT_PAUSES_S", "R4", 1.0,
    ),
    Defect(
        "the watchdog is always fed", "stationd/service/watchdog.py",
        "            if not starving:\n                self._notifier.watchdog()", "            self._notifier.watchdog()", "R7",
        tests=("tests/service/test_watchdog.py",),
    ),
    Defect(
        "delays run by the time of day", "stationd/outputs/journal/wall.py",
        "        t = time.monotonic()\n", "        t = time.time()\n", "R8", 0.1,
    ),
    Defect(
        "the outbox forgets an event before the broker has it", "stationd/outputs/mqtt.py",
        f"        {PUBLISH}\n        self._delivered(message)\n        check_cancelled()",
        f"        self._delivered(message)\n        {PUBLISH}\n        check_cancelled()", "R9", 0.3,
    ),
    Defect(
        "every page of metrics is kept", "stationd/outputs/http.py", f"        {GATHERED}",
        "        kept = self.__dict__.setdefault(\"kept\", [])\n        kept.append(await self._metrics())\n"
        "        return web.Response(body=kept[-1], headers=", "R6", 0.2,
    ),
    Defect(
        "parameters of another type end in a mistake of ours", "stationd/console/connection.py",
        "    except ConversionError as error:\n", "    except ZeroDivisionError as error:\n", "R10", 0.02,
    ),
    Defect(
        "a coroutine is never awaited", "stationd/console/places.py",
        "        await self.share.turn(self.uid)\n", "        self.share.turn(self.uid)\n", "R20", 0.1,
    ),
    Defect(
        "a header may take for ever", "stationd/outputs/http_doors.py",
        "            self._allow(self._doors.patience.header_s)\n", "            self._allow(3600.0)\n", "R11",
        tests=("tests/outputs/test_http.py",),
    ),
    Defect(
        "what the journal remembers of alarms is not restored", "stationd/outputs/records.py",
        "        if not found.rows:\n            return [], 0.0\n", "        if found is not None:\n            return [], 0.0\n",
        "R17", 0.1,
    ),
    Defect(
        "a message that is done comes again", "stationd/outputs/journal/outbox.py",
        "if each.id not in self._out and each.id not in self._done]", "if each.id not in self._out]", "R18", 0.1,
    ),
    Defect(
        "the read-back is not compared", "stationd/poller.py",
        "if shown is not None and agrees(shown, order.asked, order.tolerance):", "if shown is not None:", "promise",
        tests=("tests/test_poller.py",),
    ),
    Defect(
        "the plant is written although the intent was not kept", "stationd/core/operation/watching.py",
        "    if not news.kept:\n", "    if False:\n", "promise", tests=("tests/core/operation",),
    ),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Sought:
    """What became of a defect."""

    name: str
    row: str
    found: bool
    by: str
    seconds: float


@contextmanager
def copied() -> Iterator[Path]:
    """Give a copy of the tree."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"], cwd=ROOT, capture_output=True, check=True
    )  # fmt: skip
    with tempfile.TemporaryDirectory(prefix="planted-") as name:
        tree = Path(name, "tree")
        for raw in filter(None, listed.stdout.split(b"\0")):
            file = Path(raw.decode())
            if (ROOT / file).is_file():
                (tree / file).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(ROOT / file, tree / file)
        if (ROOT / EXTENSION).exists():
            shutil.copy2(ROOT / EXTENSION, tree / EXTENSION)
        yield tree


def sought(tree: Path, defect: Defect) -> Sought:
    """Plant a defect, run its proof, and take the defect out again; only then see whether the proof passes without it."""
    file = tree / defect.file
    sound = file.read_text()
    if sound.count(defect.there) != 1:
        return Sought(defect.name, defect.proved_by, False, f"it no longer applies: {defect.file} has changed", 0.0)
    begun = time.monotonic()
    file.write_text(sound.replace(defect.there, defect.planted))
    try:
        code, by = proved(tree, defect)
    finally:
        file.write_text(sound)
    if code == 1:
        sound_code, sound_by = proved(tree, defect)
        if sound_code != 0:
            code, by = 0, f"the proof fails without it too: {sound_by}"
    return Sought(defect.name, defect.proved_by, code == 1, by, time.monotonic() - begun)


def proved(tree: Path, defect: Defect) -> tuple[int | None, str]:
    """Run the proof: its exit status, None where it does not end, and in a few words what it found."""
    with tempfile.TemporaryFile("w+") as said:
        running = Group(defect.proof, tree, said)
        try:
            code: int | None = running.wait(MOST_S)
        except subprocess.TimeoutExpired:
            return None, f"the proof did not end within {MOST_S:g} s"
        finally:
            running.end()
        said.seek(0)
        return code, finding(tree, defect, said.read())


def finding(tree: Path, defect: Defect, said: str) -> str:
    """Return in a few words what the proof found."""
    if defect.tests:
        failed = [line for line in said.splitlines() if line.startswith("FAILED")]
        return failed[0].removeprefix("FAILED ").partition(" - ")[0] if failed else said[-200:]
    row = json.loads((tree / "build" / "reliability.json").read_text()).get(defect.row, {})
    beyond = ", ".join(f"{name} = {row[name]}, limit {row['limits'][name]}" for name in row.get("beyond", ()))
    return beyond or str(row.get("broken", "nothing"))[:160]


def main() -> int:
    """Do what the command line says."""
    parser = argparse.ArgumentParser(prog="python -m tests.reliability.planted", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help="parts of the names of defects; all where none is given")
    parser.add_argument("--list", action="store_true", help="print the names")
    parser.add_argument("--into", type=Path, default=INTO)
    arguments = parser.parse_args()
    chosen = [each for each in DEFECTS if not arguments.names or any(name in each.name for name in arguments.names)]
    if arguments.list:
        sys.stdout.write("".join(f"{each.proved_by:22}{each.name}\n" for each in chosen))
        return 0
    end_in_peace()
    all_found = []
    with copied() as tree:
        for defect in chosen:
            all_found.append(sought(tree, defect))
            sys.stdout.write(line(all_found[-1]))
            sys.stdout.flush()
    arguments.into.parent.mkdir(parents=True, exist_ok=True)
    arguments.into.write_text(json.dumps([asdict(each) for each in all_found], indent=1) + "\n")
    return 0 if all(each.found for each in all_found) else 1


def line(each: Sought) -> str:
    """Return a row of the table."""
    return f"| {each.name} | {each.row} | {'found' if each.found else 'NOT FOUND'}: {each.by} | {each.seconds:.0f} s |\n"


if __name__ == "__main__":
    sys.exit(main())
