"""What can be wrong in one row of a driver's table: its place, its format, its numbers, and how it is written.

Part of stationd.driverfile.tablecheck, which looks at the rows together. Keys are named as driver files spell them.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from enum import Enum
from re import _constants as sre_constants  # type: ignore[attr-defined]  # the only way to see what a pattern repeats
from re import _parser as sre_parser  # type: ignore[attr-defined]
from typing import Any

from stationd.driver import Binary, Driver, Missing, Point, Protocol, Query, Register
from stationd.wire import frame68, registers, text
from stationd.wire.modbus import Table

Note = tuple[str, str, str]  # key, reason, hint
POINT = re.compile(r"[a-z][a-z0-9_]{0,39}")
MODBUS = (Protocol.MODBUS_RTU, Protocol.MODBUS_TCP)
TRUTHS = frozenset(("output_on", "remote", "fault", "interlock", "pump_on", "los", "apr_active"))
REGULATIONS = frozenset(("cc", "cv", "cr", "cp", "off"))
MOST_REPEATS = 3  # without end, in one pattern of a file: with answers of at most 256 characters a match stays under a second
MOST_TIMES = 64
SINGLE = (sre_constants.LITERAL, sre_constants.NOT_LITERAL, sre_constants.ANY, sre_constants.IN)
EVERY_S = (0.05, 86400.0)  # twenty times a second is more than any serial unit answers; once a day is still polling
_VALUE = re.compile(r"\{value(:[^}]*)?\}")
_NUMBER_SPEC = re.compile(r":(d|0?\d*\.\d+f)")


class Shape(Enum):
    """What a point shows."""

    TRUTH = "true or false"
    NUMBER = "a number"
    WORD = "one of a few words"
    TEXT = "a text"


def shape(point: Point) -> Shape | None:
    """Return what a point shows, or None for a missing point and for words mixed with numbers."""
    if isinstance(point.at, Missing):
        return None
    if point.values is not None:
        types = {bool: Shape.TRUTH, str: Shape.WORD, int: Shape.NUMBER, float: Shape.NUMBER}
        shapes = {types[type(value)] for value in point.values.values()}
        return shapes.pop() if len(shapes) == 1 else None
    if point.mask is not None or point.fmt is None:
        return Shape.TRUTH
    is_text = point.fmt.read_as is text.As.TEXT if isinstance(point.fmt, text.Field) else _chars(point)
    return Shape.TEXT if is_text else Shape.NUMBER


def wrong_pattern(pattern: str) -> str:
    """Return why a text is no regular expression, or nothing."""
    try:
        re.compile(pattern)
    except (re.error, OverflowError, RecursionError) as error:
        return f"is not a regular expression: {error}"
    return ""


def slow_pattern(pattern: str) -> str:
    """Return why matching a pattern might take for ever, or nothing; for patterns that nobody of us has seen."""
    repeats = [] if wrong_pattern(pattern) else list(_endless(sre_parser.parse(pattern)))
    if any(len(body) != 1 or body[0][0] not in SINGLE for body in repeats):
        return "repeats a group without end; an answer that almost fits could then take for ever"
    if len(repeats) > MOST_REPEATS:
        return f"has {len(repeats)} repeats without end; more than {MOST_REPEATS} can take for ever"
    return ""


def _endless(parsed: Any) -> Iterator[Any]:
    """Yield what stands under each repeat without an upper bound."""
    for operation, argument in parsed:
        if operation in (sre_constants.MAX_REPEAT, sre_constants.MIN_REPEAT, sre_constants.POSSESSIVE_REPEAT):
            if argument[1] is sre_constants.MAXREPEAT or argument[1] > MOST_TIMES:
                yield argument[2]
            yield from _endless(argument[2])
        elif operation is sre_constants.SUBPATTERN:
            yield from _endless(argument[3])
        elif operation is sre_constants.BRANCH:
            for branch in argument[1]:
                yield from _endless(branch)
        elif operation in (sre_constants.ASSERT, sre_constants.ASSERT_NOT):
            yield from _endless(argument[1])
        elif operation is sre_constants.ATOMIC_GROUP:
            yield from _endless(argument)


def row_notes(driver: Driver, point: Point, unsound: frozenset[int]) -> Iterator[Note]:
    """Yield what is wrong with a row; `unsound` are the rows that could not be read at all."""
    yield from plain_notes(driver, point)
    if isinstance(point.at, Missing):
        return
    where = list(_place(driver, point))
    yield from where
    if not where:
        yield from _format(point)
        yield from _offered(driver, point)
        yield from _write(driver, point, unsound)


def plain_notes(driver: Driver, point: Point) -> Iterator[Note]:
    """Yield what is wrong with the words and numbers of a row, whatever place and format it has."""
    if isinstance(point.at, Missing) and point.at.why:
        yield from _words("missing", point.at.why)
        return
    yield from _words("doc", point.doc)
    if point.unit:
        yield from _words("unit", point.unit)
    if not EVERY_S[0] <= point.every_s <= EVERY_S[1]:
        yield "every_s", f"must be within {EVERY_S[0]:g} to {EVERY_S[1]:g} s", ""
    yield from _numbers(driver, point)


def _words(key: str, words: str) -> Iterator[Note]:
    if not words.strip():
        yield key, "must say in a few words what it is", ""
    elif not (words.isascii() and words.isprintable()):
        yield key, "must be plain ASCII text on one line", 'write "degC", "ohm", "uA"'


def length(point: Point) -> int:
    """Return how many registers or bits a Modbus point covers."""
    return point.fmt.registers if isinstance(point.fmt, registers.Format) else 1


def _place(driver: Driver, point: Point) -> Iterator[Note]:
    match point.at:
        case Register(_, address):
            if driver.protocols and not set(MODBUS) & set(driver.protocols):
                yield "at", "a register is read over Modbus only", 'a text point is read by "query:COMMAND"'
            elif not 0 <= address <= 65536 - length(point):
                yield "at", "addresses are 0 to 65535, with room for the whole value", ""
        case Query(command):
            if driver.protocols and Protocol.TEXT not in driver.protocols:
                yield "at", "a query is read over a text protocol only", 'a Modbus point is read at "holding:10"'
            elif not command or not _sendable(command):
                yield "at", "a command is made of printable ASCII characters", "the line end stands in the dialect"
        case Binary():
            if driver.protocols and Protocol.FRAME68 not in driver.protocols:
                yield "at", "a binary command is read over frame68 only", ""
        case Missing():
            return


def _sendable(command: str) -> bool:
    return command.isascii() and command.isprintable()


def _chars(point: Point) -> bool:
    return isinstance(point.fmt, registers.Format) and point.fmt.kind == "char"


def _format(point: Point) -> Iterator[Note]:
    match point.at, point.fmt:
        case (Register(table), None) if not table.bits:
            yield "format", "a register needs a number format", "u16, i16, u32, i32, f32, bits or char 40"
        case (Register(table), fmt) if table.bits and fmt is not None:
            yield "format", f"a {table.name.lower()} is one bit", 'format = "bool"'
        case Query(), text.Field(pattern):
            yield from _pattern(pattern)
        case Binary(), frame68.Cell():
            pass
        case Register(), None | registers.Format():
            pass
        case _:
            yield "format", "does not fit the place that it is read from", ""
    yield from _mask(point)


def _pattern(pattern: str) -> Iterator[Note]:
    placed = text.place(pattern, 1)
    if why := wrong_pattern(placed):
        yield "format", why, ""
    elif (groups := re.compile(placed).groups) != 1:
        yield "format", f"the pattern has {groups} groups; exactly one (...) catches the value", "write (?:...) for the others"


def _mask(point: Point) -> Iterator[Note]:
    if point.mask is None:
        return
    if point.fmt is None or _chars(point) or (isinstance(point.fmt, registers.Format) and point.fmt.kind == "f32"):
        yield "bit", "only whole numbers have bits", 'format = "bits"'
        return
    if isinstance(point.fmt, text.Field) and point.fmt.read_as is text.As.TEXT:
        yield "bit", "only whole numbers have bits", 'read_as = "hex" or "number"'
    width = 16 * point.fmt.registers if isinstance(point.fmt, registers.Format) else 32
    if not 0 < point.mask < 1 << width:
        yield "bit", f"bits are 0 to {width - 1}", 'format = "u32" has 32' if width == 16 else ""


def _numbers(driver: Driver, point: Point) -> Iterator[Note]:
    for key in ("scale", "offset", "tolerance"):
        if not math.isfinite(getattr(point, key)):
            yield key, "must be a finite number", ""
    if point.scale == 0:
        yield "scale", "must not be 0: every reading would be 0", ""
    if point.tolerance < 0:
        yield "tolerance", "must not be negative", ""
    if point.of and point.of not in driver.ratings:
        yield "of", "is no rating of this driver", f"ratings: {', '.join(driver.ratings) or 'none'}"
    if point.limits and point.rated_limits:
        yield "rated_limits", "limits are given twice", "either limits or rated_limits"
    for key, pair in (("limits", point.limits), ("rated_limits", point.rated_limits and point.rated_limits[1:])):
        if pair and not (-math.inf < pair[0] < pair[1] < math.inf):
            yield key, "must be [lowest, highest], the lowest first", f"[{pair[1]:g}, {pair[0]:g}]" if pair[0] > pair[1] else ""
    if point.rated_limits and point.rated_limits[0] not in driver.ratings:
        yield "rated_limits", "names no rating of this driver", f"ratings: {', '.join(driver.ratings) or 'none'}"


def _offered(driver: Driver, point: Point) -> Iterator[Note]:
    """What the point shows, by itself and as a point of its kind."""
    offered = shape(point)
    if point.values is not None and offered is None:
        yield "values", "must all be words, all be true or false, or all be numbers", ""
        return
    yield from _scaled(point, offered)
    wanted = {**driver.kind.required, **driver.kind.optional}.get(point.name)
    if wanted is not None and point.unit != wanted:
        yield "unit", f"{point.name} of kind {driver.kind.name} is in {wanted or 'no unit'}", f'unit = "{wanted}"'
    if wanted and offered is not Shape.NUMBER:
        yield "format", f"{point.name} is a number", ""
    if wanted is not None and point.name in TRUTHS and offered is not Shape.TRUTH:
        yield "values", f"{point.name} is true or false", "values = { 0 = false, 1 = true }"
    if wanted is not None and point.name == "regulation" and not set((point.values or {}).values()) <= REGULATIONS:
        yield "values", f"regulation is one of {', '.join(sorted(REGULATIONS))}", ""


def _scaled(point: Point, offered: Shape | None) -> Iterator[Note]:
    if offered is Shape.NUMBER and point.values is None:
        return
    given = {"scale": point.scale != 1, "offset": point.offset != 0, "of": point.of, "limits": point.limits}
    for key, there in {**given, "rated_limits": point.rated_limits}.items():
        if there:
            yield key, "only a measured number has it", "values say what each raw number means" if point.values else ""


def _write(driver: Driver, point: Point, unsound: frozenset[int]) -> Iterator[Note]:
    if point.access not in ("r", "rw"):
        yield "access", 'must be "r" or "rw"', "what can be written can also be read back"
    if "w" not in point.access:
        if point.put is not None or point.read_back or point.tolerance:
            yield "access", "a point that is only read has no put, read_back or tolerance", 'access = "rw"'
        return
    yield from _target(point)
    if point.read_back:
        shown = {one.name: row for row, one in enumerate(driver.points)}.get(point.read_back)
        if shown is None or (isinstance(driver.points[shown].at, Missing) and shown not in unsound):
            yield "read_back", "is no point of this driver that can be read", ""


def _target(point: Point) -> Iterator[Note]:
    match point.put or point.at:
        case Register(Table.DISCRETE | Table.INPUT as table):
            yield "put", f"what stands at {table.name.lower()} can only be read", 'for example put = "coil:402"'
        case Register(table, address):
            if point.put is None and point.mask is not None:
                yield "put", "writing single bits of a register would overwrite the others", 'for example put = "coil:402"'
            elif _chars(point):
                yield "access", "character strings can only be read", ""
            elif not 0 <= address <= 65535:
                yield "put", "addresses are 0 to 65535", ""
        case Query(template):
            yield from _template(point, template)
        case _:
            yield "put", "must say how it is written", 'for example "query:PV {value:.2f}"'


def _template(point: Point, template: str) -> Iterator[Note]:
    found = list(_VALUE.finditer(text.place(template, 1)))
    rest = _VALUE.sub("", text.place(template, 1))
    numeric = shape(point) is Shape.NUMBER and point.values is None
    if point.put is None or not found:
        yield "put", "must say how it is written, with {value}", 'for example "query:PV {value:.2f}"'
    elif len(found) > 1 or "{" in rest or "}" in rest or not _sendable(template):
        yield "put", "must be printable ASCII text with {value} once", 'for example "query:PV {value:.2f}"'
    elif numeric and not _NUMBER_SPEC.fullmatch(found[0][1] or ""):
        yield "put", "must say how many decimals are sent", "{value:d} or {value:.2f}"
    elif not numeric and found[0][1] not in (None, ":d"):
        yield "put", "words are sent as {value}, numbers as {value:d}", ""
    elif found[0][1] == ":d" and any(isinstance(raw, str) for raw in point.values or ()):
        yield "put", "a word is not sent as a number", "{value}"
