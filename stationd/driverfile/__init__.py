"""A driver as a TOML file, so that a technician adds a Modbus or text device without Python.

The keys are the fields of stationd.driver.Driver and Point in the words of a file: `at = "holding:10"`, `format = "f32 cdab"`,
`bit = 3`. `parse` turns a text into a Driver or into every mistake in it; the table itself is judged by
stationd.driverfile.tablecheck, the same as for the drivers of the catalogue. Reading the files of a directory is kept apart.

What a file cannot have are the two functions of a Python driver and the binary 0x68 protocol.
"""

from __future__ import annotations

import json
import tomllib
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Any

from stationd.driver import KINDS, Driver, Point, Protocol
from stationd.driverfile.form import DIALECT_NEEDS, HEAD_NEEDS, ROW_NEEDS, DialectTable, Head, Note, Row, read_table
from stationd.driverfile.form import Path as KeyPath
from stationd.driverfile.row import point_of
from stationd.driverfile.rowcheck import MODBUS, slow_pattern
from stationd.driverfile.tablecheck import faults
from stationd.problem import Problem
from stationd.wire import text

LONGEST_FILE = 1 << 20  # bytes; the largest register lists have some thousand rows
LONGEST_SHOWN = 60  # characters of a value in a message
PROTOCOLS: Mapping[str, tuple[Protocol, ...]] = {"modbus": MODBUS, "text": (Protocol.TEXT,)}
MODBUS_UNITS = (1, 247)  # MODBUS over Serial Line V1.02, 2.2


def parse(source: str, file: str, taken: Collection[str] = ()) -> tuple[Driver | None, tuple[Problem, ...]]:
    """Return the driver that a text describes, or None and every mistake; `taken` are models that exist already."""
    try:
        raw = tomllib.loads(source)
    except RecursionError:
        return None, (Problem(file, "", "", "is not TOML: nested too deeply"),)
    except ValueError as error:  # TOMLDecodeError, and a number of thousands of digits
        return None, (Problem(file, "", "", _plain(f"is not TOML: {error}"), "nothing else could be checked"),)
    driver, notes = _driver(raw)
    if driver.model in taken:
        notes.append(Note(("model",), "is the name of a driver that exists already", "give it a name of its own"))
    notes.sort(key=lambda note: int(note.path[1]) if note.path[:1] == ("point",) and len(note.path) > 1 else 0)
    problems = tuple(
        Problem(file, _plain(_written(note.path)), _shown(raw, note.path), _plain(note.reason), _plain(note.hint)) for note in notes
    )
    return (None if problems else driver), problems


def load_directory(path: Path, taken: Collection[str] = ()) -> tuple[tuple[Driver, ...], tuple[Problem, ...]]:
    """Return the drivers of every *.toml file of a directory, and every mistake in them; no directory, no drivers."""
    texts, unread = read_directory(path)
    drivers, problems = parse_every(texts, taken)
    return drivers, tuple(sorted((*unread, *problems), key=lambda problem: problem.file))


def read_directory(path: Path) -> tuple[dict[str, str], tuple[Problem, ...]]:
    """Return the text of every *.toml file of a directory by its path, each read once, and why others could not be."""
    texts: dict[str, str] = {}
    unread: list[Problem] = []
    for file in sorted(one for one in path.glob("*.toml") if one.is_file()):
        source, failed = _read(file)
        if failed is None:
            texts[str(file)] = source
        else:
            unread.append(failed)
    return texts, tuple(unread)


def parse_every(texts: Mapping[str, str], taken: Collection[str] = ()) -> tuple[tuple[Driver, ...], tuple[Problem, ...]]:
    """Return the drivers that texts describe, named by their files, and every mistake in them."""
    drivers: dict[str, Driver] = {}
    problems: list[Problem] = []
    for file, source in texts.items():
        driver, found = parse(source, file, {*taken, *drivers})
        problems += found
        if driver is not None:
            drivers[driver.model] = driver
    return tuple(drivers.values()), tuple(problems)


def _read(file: Path) -> tuple[str, Problem | None]:
    try:
        with file.open("rb") as opened:
            content = opened.read(LONGEST_FILE + 1)
        if len(content) > LONGEST_FILE:
            return "", Problem(str(file), "", "", f"is longer than {LONGEST_FILE} bytes, which no driver is")
        return content.decode(), None
    except OSError as error:
        return "", Problem(str(file), "", "", f"cannot be read: {error.strerror or error}")
    except UnicodeDecodeError as error:
        return "", Problem(str(file), "", "", f"is not UTF-8 at byte {error.start}", "save it as UTF-8")


def _driver(raw: Mapping[str, Any]) -> tuple[Driver, list[Note]]:
    """Return the driver as far as it could be read, and what is wrong; it is whole when nothing is wrong."""
    notes: list[Note] = []
    top = {key: value for key, value in raw.items() if key not in ("point", "dialect")}
    head, broken = read_table(Head, top, (), HEAD_NEEDS, notes, ("point", "dialect"))
    points, unsound = _points(raw.get("point", []), head.protocol == "text", notes)
    broken |= {"point"} if not isinstance(raw.get("point", []), list) else set()
    driver = Driver(
        model=head.model,
        kind=next(kind for kind in KINDS if kind.name == head.kind),
        protocols=() if "protocol" in broken else PROTOCOLS[head.protocol],
        points=points,
        manual=head.manual,
        max_block=head.max_block,
        max_gap=head.max_gap,
        gap_s=head.gap_s,
        answer_s=head.answer_s,
        late_s=head.late_s,
        settle_s=head.settle_s,
        dialects=_dialects(raw, notes),
        ratings={name: None if rating == "required" else float(rating) for name, rating in head.ratings.items()},
        channels=head.channels,
        addresses=_addresses(head),
    )
    notes += _judged(driver, raw, broken, unsound)
    return driver, notes


def _addresses(head: Head) -> tuple[int, int]:
    if head.addresses is not None:
        return head.addresses[0], head.addresses[1]
    return MODBUS_UNITS if head.protocol == "modbus" else (0, 0)


def _judged(driver: Driver, raw: Mapping[str, Any], broken: frozenset[str], unsound: Mapping[int, frozenset[str]]) -> Iterator[Note]:
    """Yield what is wrong with the table, in the words of the file; a key that was told already is not told again."""
    for fault in faults(driver, frozenset(unsound)):
        if fault.key in ("of", "rated_limits") and "ratings" in broken:
            continue  # which ratings there are is not known
        path = tuple(fault.key.split("."))
        if fault.row is None and path[0] not in broken:
            yield Note(path, fault.reason, fault.hint)
        elif fault.row is not None and fault.key not in unsound.get(fault.row, ()):
            yield Note(("point", fault.row + 1, _given(raw["point"][fault.row], fault.key)), fault.reason, fault.hint)


def _given(row: Mapping[str, Any], key: str) -> str:
    """Return the key as this row spells it: bits can be given in three ways."""
    return next((name for name in ("bit", "bits", "mask") if name in row), key) if key == "bit" else key


def _dialects(raw: Mapping[str, Any], notes: list[Note]) -> dict[str, text.Dialect]:
    if "dialect" not in raw:
        return {}
    item, _ = read_table(DialectTable, raw["dialect"], ("dialect",), DIALECT_NEEDS, notes)
    ends = {"terminator": item.terminator, "reply_terminator": item.reply_terminator, "prefix": item.prefix}
    notes += (Note(("dialect", key), "must be ASCII characters") for key, end in ends.items() if not end.isascii())
    patterns = [("done", item.done), ("unasked", item.unasked), ("selected", item.selected)]
    patterns += [("refusals", refused.pattern) for refused in item.refusals]
    notes += (Note(("dialect", key), why) for key, pattern in patterns if (why := slow_pattern(pattern)))
    absent = {key for key in DIALECT_NEEDS if key not in raw["dialect"]} if isinstance(raw["dialect"], dict) else set()
    end, reply_end, prefix = (value.encode("ascii", "replace") for value in ends.values())
    return {
        "default": text.Dialect(
            terminator=b"\r" if "terminator" in absent else end,  # what is missing has been named
            reply_terminator=b"\r" if "reply_terminator" in absent else reply_end,
            prefix=prefix,
            check_sum=text.CheckSum(item.check_sum),
            done=item.done,
            refusals=tuple((refused.pattern, refused.fault) for refused in item.refusals),
            unasked=item.unasked,
            select=item.select,
            selected=item.selected,
        )
    }


def _points(raw: object, is_text: bool, notes: list[Note]) -> tuple[tuple[Point, ...], dict[int, frozenset[str]]]:
    """Return a point for each row, and the broken keys of the rows that have any."""
    if not isinstance(raw, list):
        notes.append(Note(("point",), "must be a list", "write [[point]] above each point"))
        return (), {}
    points: list[Point] = []
    unsound: dict[int, frozenset[str]] = {}
    for index, table in enumerate(raw):
        wrong: list[Note] = []
        row, broken = read_table(Row, table, ("point", index + 1), ROW_NEEDS, wrong)
        points.append(point_of(row, broken, ("point", index + 1), is_text, wrong))
        notes += wrong
        if wrong:
            unsound[index] = broken | {str(note.path[2]) for note in wrong if len(note.path) > 2}
    return tuple(points), unsound


# How places and values are written.


def _written(path: KeyPath) -> str:
    words = ""
    for part in path:
        words += f"[{part}]" if isinstance(part, int) else f"{'.' if words else ''}{part}"
    return words


def _plain(words: str) -> str:
    """Return words without the control characters that a file may bring into a message."""
    return "".join(character if character.isprintable() else "?" for character in words)


def _shown(raw: object, path: KeyPath) -> str:
    """Return what stands at a place of the file, on one line, or nothing where nothing is."""
    for part in path:
        if isinstance(part, int) and isinstance(raw, list) and 0 < part <= len(raw):
            raw = raw[part - 1]
        elif isinstance(raw, dict) and part in raw:
            raw = raw[part]
        else:
            return ""
    if isinstance(raw, list | dict) and raw and isinstance(next(iter(raw)), dict):
        return ""
    try:
        words = json.dumps(raw, default=str)
    except ValueError:  # a number of thousands of digits, which is possible in hexadecimal
        return "(a very long number)"
    return words if len(words) <= LONGEST_SHOWN else words[: LONGEST_SHOWN - 3] + "..."
