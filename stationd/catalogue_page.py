"""The pages of `stationd drivers`: the list of models, and one driver's table as a technician reads it beside the manual.

Plain ASCII in 80 columns. A Modbus place is shown in both styles, wire address (0-based) and document address (4xxxx): the
documents count from 1. Nothing is looked up here: the caller says which drivers there are.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from textwrap import wrap

from stationd.driver import At, Binary, Driver, Missing, Point, Query, Register
from stationd.driverfile.rowcheck import Shape, shape
from stationd.wire import frame68, registers, text

COLUMNS = 80
PLACE, INDENT = 26, 4
MOST_MEANINGS = 12  # of the raw numbers of one point; the rest is told by the point's own words
FRAME68_WORDS = {"b": "i8", "B": "u8", "h": "i16", "H": "u16", "i": "i32", "I": "u32"}  # struct's letters in the words of a manual
LONGEST_DOCUMENT_ADDRESS = 9999  # above it, documents use six digits: 410000 is wire address 9999


def catalogue(drivers: Mapping[str, Driver]) -> str:
    """Return the list of all drivers: model, kind, protocols, manual."""
    lines = [f"{'MODEL':18}{'KIND':11}{'PROTOCOLS':24}MANUAL"]
    for driver in drivers.values():
        protocols = ", ".join(protocol.value for protocol in driver.protocols)
        head = f"{driver.model:17} {driver.kind.name:10} {protocols:23} "
        lines += _beside(head, driver.manual)
    return "\n".join((*lines, "", "stationd drivers MODEL shows one of them, point by point.")) + "\n"


def driver_page(driver: Driver) -> str:
    """Return one driver: what it follows and needs, then each point with its unit, place, format, limits and period."""
    lines = [*_facts(driver), "", f"{'POINT':{PLACE}}{'PLACE':28}{'UNIT':8}{'ACCESS':8}{'EVERY':>8}"]
    for point in driver.points:
        lines += _row(point)
    return "\n".join(lines) + "\n"


def document_address(place: Register) -> str:
    """Return the address as documents write it: table digit and 1-based number, holding 507 -> 40508."""
    number = place.address + 1
    return f"{place.table.value}{number:0{4 if number <= LONGEST_DOCUMENT_ADDRESS else 5}d}"


def _facts(driver: Driver) -> Iterator[str]:
    yield f"{driver.model} ({driver.kind.name})"
    yield from _fact("Manual", driver.manual)
    yield from _fact("Protocols", ", ".join(protocol.value for protocol in driver.protocols))
    if driver.addresses != (0, 0):
        yield from _fact("Addresses", f"{driver.addresses[0]} to {driver.addresses[1]}")
    if driver.channels > 1:
        yield from _fact("Channels", str(driver.channels))
    for name, dialect in driver.dialects.items():
        default = " (default)" if name == next(iter(driver.dialects)) and len(driver.dialects) > 1 else ""
        yield from _fact("Dialect", f"{name}{default}: {_dialect(dialect)}")
    for name, rating in driver.ratings.items():
        yield from _fact("Rating", f"{name} = {rating:g}" if rating is not None else f"{name}: the configuration must say it")
    if any(isinstance(point.at, Register) for point in driver.points):
        yield from _fact("Blocks", f"up to {driver.max_block} registers in one read, over gaps of up to {driver.max_gap}")
    silence = f"{driver.gap_s:g} s before a question, " if driver.gap_s else ""
    yield from _fact("Timing", f"{silence}answer begins within {driver.answer_s:g} s, late answers end within {driver.late_s:g} s")
    if any("w" in point.access for point in driver.points):
        yield from _fact("", f"a written value shows within {driver.settle_s:g} s")


def _fact(name: str, words: str) -> list[str]:
    return _beside(f"{name:12}", words)


def _beside(head: str, words: str) -> list[str]:
    """Return words behind a head of fixed width, wrapped below themselves."""
    parts = wrap(words, COLUMNS - len(head), break_on_hyphens=False) or [""]
    return [head + parts[0], *(" " * len(head) + part for part in parts[1:])]


def _dialect(dialect: text.Dialect) -> str:
    parts = [f"lines end {_visible(dialect.terminator)}, answers {_visible(dialect.reply_terminator)}"]
    if dialect.prefix:
        parts.append(f"start {_visible(dialect.prefix)}")
    if dialect.check_sum is not text.CheckSum.NONE:
        parts.append(f"check sum {dialect.check_sum.value}")
    parts.append(f"a write is answered {dialect.done}" if dialect.done else "writes are taken in silence")
    if dialect.select:
        parts.append(f"unit chosen by {dialect.select}, answered {dialect.selected}")
    return ", ".join(parts)


def _visible(raw: bytes) -> str:
    names = {2: "STX", 3: "ETX", 10: "LF", 13: "CR", 0: "NUL"}
    return " ".join(names.get(byte, f"0x{byte:02X}" if not 32 < byte < 127 else chr(byte)) for byte in raw)


def _row(point: Point) -> Iterator[str]:
    if isinstance(point.at, Missing):
        yield from _beside(f"{point.name:{PLACE - 1}} ", f"not there: {point.at.why}")
        return
    place = _place(point.at)
    head = f"{point.name:{PLACE - 1}} " if len(point.name) < PLACE else f"{point.name}\n{'':{PLACE}}"
    measured = f"{point.unit or '-':8}{point.access:8}{f'{point.every_s:g} s':>8}"
    if len(place) < 28:
        yield f"{head}{place:28}{measured}"
    else:
        yield from _beside(head, place)
        yield f"{'':{PLACE + 28}}{measured}"
    details = "; ".join(_details(point))
    yield from (f"{'':{INDENT}}{line}" for line in wrap(f"{point.doc}. {details}.", COLUMNS - INDENT, break_on_hyphens=False))


def _place(at: At | None) -> str:
    match at:
        case Register(table, address):
            return f"{table.name.lower()} {address} / {document_address(at)}"
        case Query(command):
            return command
        case Binary(command, arguments, per_channel):
            return f"command 0x{command:02X}{' CH' if per_channel else ''}{f' {arguments.hex()}' if arguments else ''}"
        case _:
            return ""


def _details(point: Point) -> Iterator[str]:
    yield _format(point)
    if point.mask is not None:
        bits = [str(bit) for bit in range(32) if point.mask >> bit & 1]
        yield f"bit {bits[0]}" if len(bits) == 1 else f"bits {', '.join(bits)}"
    if point.values is not None:
        meanings = [f"{raw} = {_word(shown)}" for raw, shown in point.values.items()]
        more = len(meanings) - MOST_MEANINGS
        yield ", ".join(meanings[:MOST_MEANINGS]) + (f" and {more} more" if more > 0 else "")
    elif shape(point) is Shape.NUMBER:
        yield from _number(point)
    if point.put is not None:
        yield f"written to {_place(point.put)}"
    if point.read_back:
        yield f"read back from {point.read_back}"
    if point.tolerance:
        yield f"agrees within {point.tolerance:g} {point.unit}".rstrip()


def _word(shown: object) -> str:
    return str(shown).lower() if isinstance(shown, bool) else str(shown)


def _number(point: Point) -> Iterator[str]:
    if point.of:
        yield f"raw {1 / point.scale:.6g} = 100 % of {point.of}"
    elif point.scale != 1:
        yield f"times {point.scale:.6g}"
    if point.offset:
        yield f"plus {point.offset:g}"
    if point.limits:
        yield f"limits {point.limits[0]:g} to {point.limits[1]:g} {point.unit}".rstrip()
    if point.rated_limits:
        rating, low, high = point.rated_limits
        yield f"limits {low:g} to {high:.4g} of {rating}"


def _format(point: Point) -> str:
    match point.fmt:
        case None:
            return "one bit"
        case registers.Format(kind, length, order):
            return f"char {2 * length}" if kind == "char" else f"{kind}{f' {order}' if length > 1 else ''}"
        case text.Field(pattern, read_as):
            return f"{read_as.value} in {pattern}"
        case frame68.Cell(code, at):
            return f"{FRAME68_WORDS.get(code, code)} at byte {at}"
