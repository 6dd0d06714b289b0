"""What can be wrong in a driver's table, whoever wrote it: a Python file of the catalogue or a technician's TOML file.

`faults` walks a whole Driver and returns everything at once; an empty list means that every row can be asked, decoded and,
where it says so, written. Keys are named as driver files spell them (contract of driver files: `at`, `format`, `limits`).
It knows the vocabulary of stationd.driver and nothing of TOML, files or the bus. What a kind of device must offer follows
stationd.driver.KINDS.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from stationd.driver import Driver, Point, Protocol, Register
from stationd.driverfile.rowcheck import POINT, Note, length, plain_notes, row_notes, wrong_pattern
from stationd.wire import text
from stationd.wire.modbus import MAX_READ_REGISTERS

MODEL = re.compile(r"[a-z0-9][a-z0-9_-]{0,31}")
LATE_S = (1.0, 60.0)  # at least a second, so that a late answer is never taken for the next one
HIGHEST_UNIT = 255  # TCP gateways use 248..255 too


@dataclass(frozen=True, slots=True)
class Fault:
    """One mistake: the row (index into `points`, None for the driver itself), the key, why, and what would be right."""

    row: int | None
    key: str
    reason: str
    hint: str = ""


def faults(driver: Driver, unsound: frozenset[int] = frozenset()) -> list[Fault]:
    """Return everything that is wrong; of rows in `unsound` only what needs no context is looked at."""
    found = [*_driver(driver), *_names(driver.points), *_kind(driver), *_overlaps(driver, unsound)]
    for row, point in enumerate(driver.points):
        notes = plain_notes(driver, point) if row in unsound else row_notes(driver, point, unsound)
        found += (Fault(row, key, reason, hint) for key, reason, hint in notes)
    return sorted(found, key=lambda fault: -1 if fault.row is None else fault.row)


# The driver itself.


def _driver(driver: Driver) -> Iterator[Fault]:
    for key, reason, hint in (*_head(driver), *_timing(driver), *_dialects(driver)):
        yield Fault(None, key, reason, hint)


def _head(driver: Driver) -> Iterator[Note]:
    if not MODEL.fullmatch(driver.model):
        yield "model", 'must have only a-z, 0-9, "-" and "_" and be at most 32 long', 'for example "acme-meter"'
    if not driver.manual.strip() or not (driver.manual.isascii() and driver.manual.isprintable()):
        yield "manual", "must name, in plain ASCII, the document that the table follows", 'for example "ACME meter manual rev C, table 4"'
    if not driver.points:
        yield "point", "a driver without points measures nothing", "add a [[point]] for each value"
    yield from _block(driver)
    if not 0 <= driver.max_gap < MAX_READ_REGISTERS:
        yield "max_gap", f"must be within 0 to {MAX_READ_REGISTERS - 1} registers", ""
    if not 1 <= driver.channels <= 64:
        yield "channels", "must be within 1 to 64", ""
    low, high = driver.addresses
    if not 0 <= low <= high <= HIGHEST_UNIT:
        yield "addresses", f"must be [lowest, highest] within 0 to {HIGHEST_UNIT}", "for example [1, 247]"
    yield from _ratings(driver)


def _block(driver: Driver) -> Iterator[Note]:
    longest = max((length(point) for point in driver.points if isinstance(point.at, Register)), default=1)
    if not 1 <= driver.max_block <= MAX_READ_REGISTERS:
        yield "max_block", f"must be within 1 to {MAX_READ_REGISTERS} registers", "what one Modbus read can carry"
    elif driver.max_block < longest:
        yield "max_block", f"one point alone has {longest} registers", ""


def _ratings(driver: Driver) -> Iterator[Note]:
    for name, rating in driver.ratings.items():
        if not POINT.fullmatch(name):
            yield f"ratings.{name}", "must be a name of a-z, 0-9 and _ with its unit", 'for example "voltage_v"'
        if rating is not None and not 0 < rating < math.inf:
            yield f"ratings.{name}", "must be greater than 0", 'or "required": each device of the configuration says it'


def _timing(driver: Driver) -> Iterator[Note]:
    if not 0 <= driver.gap_s <= 5:
        yield "gap_s", "must be within 0 to 5 s", ""
    if not 0 < driver.answer_s <= 30:
        yield "answer_s", "must be above 0 and at most 30 s", ""
    if not 0 <= driver.settle_s <= 60:
        yield "settle_s", "must be within 0 to 60 s", "how long a written value may take until the unit shows it"
    if not LATE_S[0] <= driver.late_s <= LATE_S[1]:
        yield "late_s", f"must be within {LATE_S[0]:g} to {LATE_S[1]:g} s", "as long as the unit's worst answer"


def _dialects(driver: Driver) -> Iterator[Note]:
    if driver.protocols and (Protocol.TEXT in driver.protocols) != bool(driver.dialects):
        wanted = "a text protocol needs it" if not driver.dialects else "only a text protocol has one"
        yield "dialect", wanted, 'for example terminator = "\\r" and reply_terminator = "\\r"'
    for dialect in driver.dialects.values():
        yield from _dialect(driver, dialect)


def _dialect(driver: Driver, dialect: text.Dialect) -> Iterator[Note]:
    for key in ("terminator", "reply_terminator"):
        if not getattr(dialect, key):
            yield f"dialect.{key}", "must be the characters that end a line", 'for example "\\r\\n"'
    patterns = [("done", dialect.done.replace("{command}", "")), ("unasked", dialect.unasked), ("selected", dialect.selected)]
    patterns += (("refusals", pattern) for pattern, _ in dialect.refusals)
    for key, pattern in patterns:
        if why := wrong_pattern(pattern):
            yield f"dialect.{key}", why, ""
    if dialect.select and "{unit}" not in dialect.select:
        yield "dialect.select", "must contain {unit}", 'for example "ADR {unit}"'
    if Protocol.TEXT in driver.protocols and bool(dialect.select) != (driver.addresses != (0, 0)):
        yield "addresses", "a text unit has addresses exactly when its dialect selects it", 'dialect.select = "ADR {unit}"'


# The rows together.


def _names(points: tuple[Point, ...]) -> Iterator[Fault]:
    first: dict[str, int] = {}
    for row, point in enumerate(points):
        seen = first.setdefault(point.name.lower(), row)
        if seen != row:
            same = points[seen].name == point.name
            yield Fault(row, "name", f"point {seen + 1} is called {'so' if same else points[seen].name + ', which differs only by case'}")
        elif not POINT.fullmatch(point.name):
            yield Fault(row, "name", "must be a-z, 0-9 and _, begin with a letter and be at most 40 long", 'such as "inlet_voltage"')


def _kind(driver: Driver) -> Iterator[Fault]:
    there = {point.name for point in driver.points}
    for name, unit in driver.kind.required.items():
        if there and name not in there:
            shown = f"{name} ({unit})" if unit else name
            yield Fault(None, "point", f"kind {driver.kind.name} needs {shown}", 'a unit without it says missing = "why"')


def _overlaps(driver: Driver, unsound: frozenset[int]) -> Iterator[Fault]:
    rows = [(row, point) for row, point in enumerate(driver.points) if row not in unsound]
    yield from _register_overlaps(rows)
    places: dict[object, list[tuple[int, Point]]] = {}
    for row, point in rows:
        if point.mask is not None:
            # Two values of one text answer are told apart by their patterns, each with its own bits.
            places.setdefault((point.at, point.fmt), []).append((row, point))
    promised = {*driver.kind.required, *driver.kind.optional}
    for same in places.values():
        yield from _mask_overlaps(same, promised)


def _register_overlaps(rows: Iterable[tuple[int, Point]]) -> Iterator[Fault]:
    spans = sorted(
        (point.at.table.value, point.at.address, point.at.address + length(point), row, point.name)
        for row, point in rows
        if isinstance(point.at, Register)
    )
    reach = (-1, 0, 0, 0, "")
    for span in spans:
        table, start, end, row, _ = span
        if table == reach[0] and start < reach[2] and (start, end) != reach[1:3]:
            hint = "read the same place alike"
            yield Fault(row, "at", f"its registers overlap those of {reach[4]} ({reach[1]} to {reach[2] - 1})", hint)
        if table != reach[0] or end > reach[2]:
            reach = span


def _mask_overlaps(rows: list[tuple[int, Point]], promised: set[str]) -> Iterator[Fault]:
    for index, (row, point) in enumerate(rows):
        for _, other in rows[:index]:
            alias = point.mask == other.mask and (point.name in promised) != (other.name in promised)
            if _collide(point, other) and not alias:  # a maker's bit may also be shown under the name that its kind promises
                yield Fault(row, "bit", f"its bits overlap those of {other.name}", "each bit belongs to one point")
                break


def _collide(one: Point, other: Point) -> bool:
    """A summary (any of these bits) may contain single bits; a field with values may not, unless it was picked bit by bit."""
    a, b = one.mask or 0, other.mask or 0
    if not a & b:
        return False
    if a == b or a & b not in (a, b):
        return True
    outer = one if a & b == b else other
    mask = outer.mask or 0
    run = mask // (mask & -mask)
    return outer.values is not None and run & (run + 1) == 0
