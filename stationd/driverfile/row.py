"""One [[point]] of a driver file as a Point: the words of the file turned into places, formats and bits.

A word that cannot mean anything is noted here; whether the row makes sense in its table is judged by stationd.driverfile.tablecheck.
"""

from __future__ import annotations

import re

from stationd.core.model import Value
from stationd.driver import At, Format, Missing, Point, Query, Register
from stationd.driverfile.form import UNIONS, Note, Path, Row
from stationd.driverfile.rowcheck import slow_pattern
from stationd.wire import registers, text
from stationd.wire.exchange import FrameError
from stationd.wire.modbus import Table

_REGISTER = re.compile(r"(holding|input|coil|discrete):(\d{1,6})")
_DOCUMENT_ADDRESS = re.compile(r"([0134])(\d{4,5})")


def point_of(row: Row, broken: frozenset[str], path: Path, is_text: bool, notes: list[Note]) -> Point:
    """Return the row as a Point; what it cannot be is added to the notes, and the point then stands for its name alone."""
    found: list[Note] = []
    at = _at(row, found) if not broken & {"at", "missing"} else None
    if isinstance(at, Query) and at.command and "?" not in at.command and not row.reads:
        found.append(Note(("at",), 'asks with a command that has no "?"', "if the manual says that it only reads, write reads = true"))
    mask = _bits(row, found)
    fmt = _format(row, at or _stand_in(row, is_text), mask, found) if "format" not in broken else None
    put = _anywhere(row.put, "put", found) if row.put else None
    notes += (Note((*path, *note.path), note.reason, note.hint) for note in found)
    return Point(
        name=row.name if "name" not in broken else f"row{path[-1]}",
        at=at or Missing(""),
        fmt=fmt,
        unit=row.unit,
        scale=row.scale,
        offset=row.offset,
        of=row.of,
        mask=mask,
        values=_values(row, at or _stand_in(row, is_text), path, notes),
        every_s=row.every_s,
        access=row.access,
        limits=(row.limits[0], row.limits[1]) if row.limits else None,
        rated_limits=_rated_limits(row, path, notes),
        put=put,
        read_back=row.read_back,
        tolerance=row.tolerance,
        doc=row.doc,
    )


def _at(row: Row, found: list[Note]) -> At | None:
    if row.missing:
        if row.at:
            found.append(Note(("at",), "stands beside missing; a point is either read or missing"))
        return Missing(row.missing)
    if not row.at:
        found.append(Note(("at",), "is missing", 'for example "holding:10" or "query:MV?"'))
        return None
    return _anywhere(row.at, "at", found)


def _stand_in(row: Row, is_text: bool) -> At:
    """Return a place for a row whose own cannot be understood, so that its format is still looked at."""
    if is_text:
        return Query("")
    return Register(Table.COIL if row.format in ("", "bool") else Table.HOLDING, 0)


def _anywhere(place: str, key: str, found: list[Note]) -> At | None:
    if place.startswith("query:"):
        return Query(place.removeprefix("query:"))
    if register := _REGISTER.fullmatch(place):
        return Register(Table[register[1].upper()], int(register[2]))
    hint = 'for example "holding:10", "input:0", "coil:4", "discrete:7" or "query:MV?"'
    if document := _DOCUMENT_ADDRESS.fullmatch(place):
        hint = f'document address {place} is "{Table(int(document[1])).name.lower()}:{int(document[2]) - 1}"'
    found.append(Note((key,), "is no place that can be asked", hint))
    return None


def _bits(row: Row, found: list[Note]) -> int | None:
    given = [key for key in ("bit", "bits", "mask") if getattr(row, key) is not None]
    if len(given) > 1:
        found.append(Note((given[1],), f"stands beside {given[0]}", "bit = 3, bits = [9, 10] or mask = 0x0600, one of them"))
    low, high = row.bits or (row.bit, row.bit)
    if low is None or high is None:
        return row.mask
    if not 0 <= low <= high <= 31:
        found.append(Note((given[0],), "bits are counted from 0, the lowest first, and at most 31"))
        return None
    return (1 << high + 1) - (1 << low)


def _format(row: Row, at: At, mask: int | None, found: list[Note]) -> Format:
    if isinstance(at, Missing):
        return None
    if isinstance(at, Query):
        if not row.format:
            found.append(Note(("format",), "is missing", "a pattern with one group, such as 'MV\\(([\\d.]+)\\)'"))
        if why := slow_pattern(row.format):
            found.append(Note(("format",), why))
        return text.Field(row.format, text.As(row.read_as), row.absent)
    if row.format == "bool" or (not row.format and isinstance(at, Register) and at.table.bits):
        return None
    if row.format == "bits":
        if mask is None and not {"bit", "bits", "mask"} & {note.path[0] for note in found}:
            found.append(Note(("format",), "needs the bits that are meant", "bit = 3, bits = [9, 10] or mask = 0x0600"))
        return registers.U16
    try:
        return registers.parse_format(row.format)
    except FrameError as error:
        found.append(Note(("format",), "is unknown" if row.format else "is missing", str(error).partition("; ")[2]))
        return None


def _values(row: Row, at: At, path: Path, notes: list[Note]) -> dict[Value, Value] | None:
    if row.values is None:
        return None
    read: dict[Value, Value] = {}
    if isinstance(at, Query) and row.read_as == "text":
        read.update(row.values.items())
        return read
    for key, shown in row.values.items():
        try:
            raw = int(key, 16 if key.lower().startswith("0x") else 10)
        except ValueError:
            notes.append(Note((*path, "values", key), "is not the raw number that is read", 'for example { 0 = "off", 1 = "cv" }'))
            continue
        if raw in read:
            notes.append(Note((*path, "values", key), f"raw number {raw} stands there twice"))
        read[raw] = shown
    return read


def _rated_limits(row: Row, path: Path, notes: list[Note]) -> tuple[str, float, float] | None:
    match row.rated_limits:
        case None:
            return None
        case [str(rating), int() | float() as low, int() | float() as high]:
            return rating, float(low), float(high)
    notes.append(Note((*path, "rated_limits"), UNIONS["rated_limits"], '["current_ma", 0.0, 1.05]'))
    return None
