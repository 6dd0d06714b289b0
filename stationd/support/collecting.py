"""What goes into a bundle: each thing is collected by itself, within its time, and what fails becomes a line of the contents."""

from __future__ import annotations

import json
import os
import shutil
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from stationd.redaction import redacted, redacted_document
from stationd.shell.screens import phone
from stationd.support import living, machine, past, station_file, told
from stationd.support.packing import MEGA, Missing, Part
from stationd.support.past import Bounds, Past
from stationd.support.station_file import StationFile
from stationd.support.within import Deadline, TooSlow, printed, within

WHOLE_S = 60.0  # for everything together
ROWS, BYTES = 50_000, 16 * MEGA  # of one table
EXCERPT_S = 8.0
LOG_S = 10.0
MOST_REPORTS, LARGEST_REPORT = 20, 2 * MEGA
MOST_LISTED = 2000
OF_FILE = ("station.toml", "check.txt")
Made = Iterable[Part | Missing]


@dataclass(frozen=True, slots=True)
class Wanted:
    """Whose bundle, from where, since when in Unix seconds."""

    file: StationFile
    state: Path
    socket: Path
    since_utc_s: float
    deadline: Deadline = field(default_factory=lambda: Deadline(WHOLE_S))


def collected(wanted: Wanted) -> tuple[list[Part], list[Missing]]:
    """Return everything that could be had, and why the rest could not. Never fails; ends within its time."""
    parts: list[Part] = []
    missing: list[Missing] = []
    for name, limit_s, work in _collectors(wanted):
        for made in _made(name, wanted.deadline.left_s(limit_s), work):
            if isinstance(made, Part):
                parts.append(made)
            else:
                missing.append(made)
    return parts, missing


def _made(name: str, limit_s: float, work: Callable[[], Made]) -> Made:
    if limit_s <= 0:
        return [Missing(name, f"not looked for: the {WHOLE_S:.0f} s of the whole bundle are over")]
    try:
        return within(limit_s, lambda: list(work()))
    except PermissionError as error:
        return [Missing(name, f"this user may not read {error.filename or 'it'}: {error.strerror}")]
    except (TooSlow, OSError) as error:
        return [Missing(name, str(error))]
    except Exception as error:  # noqa: BLE001 - whatever is broken, the rest is wanted all the more
        return [Missing(name, repr(error))]


def _collectors(wanted: Wanted) -> Iterator[tuple[str, float, Callable[[], Made]]]:
    """Give each collector with its name and its time in s: what tells most comes first, should the time run out."""
    file, state = wanted.file, wanted.state
    journal, until = state / past.NAME, EXCERPT_S
    yield "summary.txt", 25.0, lambda: _summary(wanted)
    yield "station.toml", 3.0, lambda: _station(file)
    yield "check.txt", 10.0, lambda: _check(file)
    yield "journal/alarms.jsonl", until, lambda: _alarms(journal)
    for table in ("events", "commands", "audit"):
        yield f"journal/{table}.jsonl", until + 2.0, lambda table=table: _excerpt(journal, table, wanted)  # type: ignore[misc]
    yield "log.txt", LOG_S + 1.0, lambda: _log(wanted)
    yield "daemon", 15.0, lambda: _documents(wanted)
    yield "selftest", 5.0, lambda: _reports(state / "selftest")
    yield "files.txt", 5.0, lambda: _listing(state)
    yield "machine.txt", 5.0, lambda: [_text("machine.txt", machine.proc_facts())]
    yield "unit.txt", 6.0, _unit
    yield "versions.txt", 5.0, lambda: [_text("versions.txt", machine.packages())]


def _text(name: str, text: str, *notes: str, excerpt: bool = False) -> Part:
    clean = redacted(text, of_file=name in OF_FILE)
    return Part(name, clean.encode("utf-8", "backslashreplace"), excerpt, notes)


# The station.


def _summary(wanted: Wanted) -> Made:
    """Give the page of the living daemon, where it answers, and in any case that of the machine alone."""
    alone = told.facts(wanted.file, wanted.state, wanted.socket, Deadline(15.0))
    lines = phone.page(alone)
    page = living_page(wanted, alone)
    yield _text("summary.txt", "\n".join(page or lines) + "\n")
    if page is not None:
        yield _text("summary-without-daemon.txt", "\n".join(lines) + "\n")


def living_page(wanted: Wanted, machine_topics: told.Topics) -> list[str] | None:
    """Return the page of the living daemon; None when it does not answer."""
    answers = {each.reading.name: each for each in living.asked(str(wanted.socket), living.FOR_THE_PAGE, Deadline(8.0))}
    return living.page(answers, {topic: machine_topics[topic] for topic in ("disk", "settings", "software")})


def _station(file: StationFile) -> Made:
    if file.trouble:
        raise OSError(file.trouble)
    yield _text("station.toml", file.text)


def _check(file: StationFile) -> Made:
    checked = station_file.checked(file.path)
    places = [station_file.place_of(problem, file.text) for problem in checked.problems]
    lines = [f"{problem.render()}  [{place}]" for problem, place in zip(checked.problems, places, strict=True)]
    yield _text("check.txt", "\n".join([*lines, checked.summary or f"{len(lines)} mistakes"]) + "\n")


# The past.


def _alarms(path: Path) -> Made:
    journal = Past(path)
    try:
        alarms, torn = journal.alarms()
        lines = [json.dumps(each, separators=(",", ":")) for each in alarms]
        notes = [f"{torn} torn rows are left out"] if torn else []
        yield _excerpt_of("journal/alarms.jsonl", past.Lines(lines, notes), journal.notes)
    finally:
        journal.close()


def _excerpt(path: Path, table: str, wanted: Wanted) -> Made:
    journal = Past(path)
    try:
        bounds = Bounds(wanted.since_utc_s, ROWS, BYTES, time.monotonic() + wanted.deadline.left_s(EXCERPT_S))
        lines = journal.audit(bounds) if table == "audit" else journal.records(table, bounds)
        yield _excerpt_of(f"journal/{table}.jsonl", lines, journal.notes)
    finally:
        journal.close()


def _excerpt_of(name: str, lines: past.Lines, notes: Iterable[str]) -> Part:
    """Give records without what calls itself a secret: whoever wrote them did not think of somebody who reads a bundle."""
    clean = [_clean(line) for line in lines.lines]
    changed = sum(before != after for before, after in zip(lines.lines, clean, strict=True))
    said = [f"of {changed} records something is withheld that looks like a secret: their digests are those of the whole"] if changed else []
    return Part(name, "".join(f"{line}\n" for line in clean).encode(), excerpt=True, notes=(*notes, *lines.notes, *said))


def _clean(line: str) -> str:
    try:
        document = json.loads(line)
    except ValueError:
        return redacted(line)
    clean = redacted_document(document)
    return line if clean == document else json.dumps(clean, separators=(",", ":"), ensure_ascii=False)


def _log(wanted: Wanted) -> Made:
    """Give what the service has written, from the journal of systemd."""
    if shutil.which("journalctl") is None:
        raise OSError("there is no journalctl here; look at where the daemon's standard error goes")
    since = f"--since=@{max(wanted.since_utc_s, 0):.0f}"
    text = printed(["journalctl", "-u", "stationd", since, "--no-pager", "-q", "-o", "short-iso-precise"], wanted.deadline.left_s(LOG_S))
    if not text.strip():
        raise OSError("journalctl has no lines of stationd since then, or this user may not see them")
    yield _text("log.txt", text, excerpt=True)


def _reports(directory: Path) -> Made:
    """Give the newest reports of self-tests."""
    found = sorted((each for each in directory.iterdir() if each.is_file()), key=lambda each: each.name)
    for path in found[-MOST_REPORTS:]:
        if path.stat().st_size > LARGEST_REPORT:
            yield Missing(f"selftest/{path.name}", f"larger than {LARGEST_REPORT} bytes")
        else:
            yield _text(f"selftest/{path.name}", path.read_text(errors="replace"))
    if len(found) > MOST_REPORTS:
        yield Missing("selftest", f"the oldest {len(found) - MOST_REPORTS} reports are left out")


# The daemon, and the machine.


def _documents(wanted: Wanted) -> Made:
    """Give every document of the living daemon."""
    for each in living.asked(str(wanted.socket), (*living.FOR_THE_PAGE, *living.MORE), Deadline(14.0)):
        name = f"daemon/{each.reading.name}.json"
        yield _text(name, living.written(each)) if each.answer is not None else Missing(name, each.why)


def _listing(state: Path) -> Made:
    """Give the files of the state directory with their sizes and times: the journal, incidents, bundles, captures."""
    lines = [f"{'bytes':>14}  {'changed (UTC)':20}  mode    owner  file"]
    for directory in (state, *(state / name for name in ("events", "bundles", "bundles/saved", "selftest", "captures", "rollback"))):
        lines += _files(directory)
    yield _text("files.txt", "\n".join(lines) + "\n")


def _files(directory: Path) -> list[str]:
    try:
        entries = sorted(directory.iterdir())
    except OSError as error:
        return [f"{directory}: {error.strerror}"]
    rows = [_file(entry) for entry in entries[-MOST_LISTED:]]
    return rows + ([f"and {len(entries) - MOST_LISTED} more in {directory}"] if len(entries) > MOST_LISTED else [])


def _file(path: Path) -> str:
    try:
        stat = path.lstat()
    except OSError as error:
        return f"{path}: {error.strerror}"
    changed = datetime.fromtimestamp(stat.st_mtime, UTC).strftime("%Y-%m-%d %H:%M:%S")
    return f"{stat.st_size:14d}  {changed:20}  {stat.st_mode & 0o7777:04o}  {stat.st_uid:5d}  {path}{os.sep if path.is_dir() else ''}"


def _unit() -> Made:
    facts = machine.unit_facts()
    status = printed(["systemctl", "status", machine.UNIT, "--no-pager", "--full", "--lines=0"], 5.0)
    yield _text("unit.txt", "".join(f"{name}={value}\n" for name, value in facts.items()) + "\n" + status)
