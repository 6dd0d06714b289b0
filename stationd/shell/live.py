"""The live view of `watch`: a frame of lines in, the bytes that turn the last frame into it out. Knows no screen and no socket. Pure.

Follows ECMA-48 (the control sequences that a VT100 has): cursor position, erase to the end of line, erase to the end of screen. No
alternate screen, no colour, no hidden cursor: what was shown stays when the view is left, and a braille line finds the cursor at the
end of what is there. Only runs of changed signs are sent, so that a number costs some ten bytes on a serial line.

Plain terminals (TERM=dumb, `plain on`, no terminal at all) have lines appended instead: those that changed, with the time before them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from stationd.shell.screens.typeset import ascii_only, wrapped

ROWS, COLUMNS = 24, 80
CLEAR, TO_END_OF_LINE, TO_END_OF_SCREEN = "\x1b[H\x1b[2J", "\x1b[K", "\x1b[J"
GAP = 8  # signs that stayed and are sent all the same: as many as another cursor address takes
SLOW_BAUD = 19_200  # up to here the line is shared with what the person types
BITS_PER_BYTE = 10.0  # start bit, eight bits, stop bit
SHARE = 0.25  # of the line rate, for the view
SHORTEST_S = 1.0


class Painter:
    """The screen as it stands. `rows` and `columns` are the terminal's; the last row is left to the cursor."""

    def __init__(self, rows: int = ROWS, columns: int = COLUMNS) -> None:
        self._rows = max(rows - 1, 1)
        self._columns = max(columns, 20)
        self._shown: list[str] | None = None

    def painted(self, lines: Sequence[str]) -> bytes:
        """Return the bytes that turn what is shown into these lines; none where nothing has changed."""
        frame = self._fitting(lines)
        before, self._shown = self._shown, frame
        if before is None:
            return (CLEAR + "".join(f"{line}\r\n" for line in frame)).encode("ascii")
        if before == frame:
            return b""
        every = [*before, *[""] * (len(frame) - len(before))]
        changed = "".join(part for row, line in enumerate(frame, 1) for part in _changes(row, every[row - 1], line))
        below = TO_END_OF_SCREEN if len(before) > len(frame) else ""
        return f"{changed}{_at(len(frame) + 1, 1)}{below}".encode("ascii")

    def _fitting(self, lines: Sequence[str]) -> list[str]:
        """Return the frame: too long lines go on in the next row, what finds no row is counted, and no value is cut in two."""
        frame = [row for line in lines for row in _folded(ascii_only(line), self._columns - 1)]
        if len(frame) <= self._rows:
            return frame
        kept = self._rows - 1
        return [*frame[:kept], *_folded(f"({len(frame) - kept} more rows: a larger terminal shows them)", self._columns - 1)[:1]]


class Appender:
    """The view of a plain terminal: the lines that changed, appended, without anything that acts on the terminal."""

    def __init__(self) -> None:
        self._shown: list[str] = []

    def painted(self, lines: Sequence[str], now: str) -> bytes:
        """Return the time and the lines that were not there before; nothing where all of them were. `now` is RFC 3339 in UTC."""
        frame = [ascii_only(line) for line in lines]
        before = [line for line in self._shown if line]
        news = [line for line in frame if line and line not in before]
        gone = len(frame) < len(self._shown) and not news
        self._shown = frame
        if not news and not gone:
            return b""
        said = news or ["(fewer lines than before)"]
        rows = [row for line in said for row in wrapped(line, f"{ascii_only(now)[11:19]}Z ", "          ")]
        return "".join(f"{row}\n" for row in rows).encode("ascii")


def period_s(wanted_s: float, baud: int, bytes_per_refresh: int) -> float:
    """Return how often a view is refreshed: as wished, at most once a second, and on a slow line with a quarter of its rate at most.

    `baud` of 0 or less is not known, or no serial line.
    """
    least_s = bytes_per_refresh * BITS_PER_BYTE / (SHARE * baud) if 0 < baud <= SLOW_BAUD else 0.0
    return max(wanted_s, SHORTEST_S, least_s)


def _changes(row: int, before: str, after: str) -> Iterator[str]:
    """Yield for each run of signs that differs where it stands and what it is; erase what was longer."""
    width = len(after)
    padded = before[:width].ljust(width)
    for begin, end in _runs(padded, after):
        yield _at(row, begin + 1) + after[begin:end]
    if len(before.rstrip()) > width:
        yield _at(row, width + 1) + TO_END_OF_LINE


def _runs(before: str, after: str) -> Iterator[tuple[int, int]]:
    """Yield the first and the last but one place of each run that differs; runs that nearly touch are one."""
    begin = end = -1
    for place, (old, new) in enumerate(zip(before, after, strict=True)):
        if old == new:
            continue
        if begin >= 0 and place - end > GAP:
            yield begin, end
            begin = place
        begin = place if begin < 0 else begin
        end = place + 1
    if begin >= 0:
        yield begin, end


def _at(row: int, column: int) -> str:
    return f"\x1b[{row};{column}H"


def _folded(line: str, columns: int) -> list[str]:
    """Return a line on as many rows as it needs, between words where that goes."""
    rows: list[str] = []
    rest = line.rstrip()
    while len(rest) > columns:
        cut = rest.rfind(" ", 1, columns + 1)
        cut = cut if cut > 0 and rest[:cut].strip() else columns  # a word that is longer than a row has no better place
        rows.append(rest[:cut].rstrip())
        rest = "  " + rest[cut:].strip()
    return [*rows, rest]
