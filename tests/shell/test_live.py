"""The live view: a terminal that does what a VT100 does shows each frame, few bytes travel, and a plain terminal sees no escape."""

from __future__ import annotations

import re

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from stationd.shell.live import GAP, SLOW_BAUD, Appender, Painter, period_s
from stationd.shell.screens.status import status_screen
from tests.console.desk import STATUS, value

TEXT = st.text(st.sampled_from("ab 0.-"), max_size=79) | st.sampled_from(["", "-" * 79, "set       420 mA", "set       421 mA", "set"])
FRAMES = st.lists(st.lists(TEXT, max_size=30), min_size=1, max_size=6)
STEP = re.compile(rb"\x1b\[(\d*)(?:;(\d*))?([HJK])|(\r\n)|([ -~])|(.)", re.DOTALL)


class Screen:
    """A terminal: what the bytes of a painter make of it. Wraps nothing: a sign beyond the last column is a mistake."""

    def __init__(self, rows: int = 24, columns: int = 80) -> None:
        self.rows, self.columns = rows, columns
        self.cells = [[" "] * columns for _ in range(rows)]
        self.row = self.column = 0

    def take(self, data: bytes) -> None:
        for first, second, final, newline, sign, other in STEP.findall(data):
            assert not other, f"{other!r} is nothing that a VT100 is sent here"
            if final == b"H":
                self.row, self.column = int(first or 1) - 1, int(second or 1) - 1
            elif final == b"J":
                begin = 0 if first == b"2" else self.row
                self.cells[begin:] = [[" "] * self.columns for _ in range(self.rows - begin)]
            elif final == b"K":
                self.cells[self.row][self.column :] = [" "] * (self.columns - self.column)
            elif newline:
                self.row, self.column = self.row + 1, 0
            else:
                assert self.row < self.rows
                assert self.column < self.columns - 1  # the last column would wrap on some terminals and not on others
                self.cells[self.row][self.column] = sign.decode()
                self.column += 1
            assert self.row < self.rows, "scrolled"

    def text(self) -> list[str]:
        lines = ["".join(row).rstrip() for row in self.cells]
        while lines and not lines[-1]:
            lines.pop()
        return lines


def seen(lines: list[str]) -> list[str]:
    """Return lines as a person sees them."""
    stripped = [line.rstrip() for line in lines]
    while stripped and not stripped[-1]:
        stripped.pop()
    return stripped


@settings(max_examples=150, deadline=None)
@given(FRAMES)
@example([["x" * 79] * 23, ["x"], ["x" * 79] * 23])
@example([["x" * 79] * 24, ["x"], ["y"] * 30])
def test_the_terminal_shows_each_frame_whatever_was_there_before(frames: list[list[str]]) -> None:
    painter, screen = Painter(), Screen()
    for frame in frames:
        screen.take(painter.painted(frame))
        if len(frame) <= 23:
            assert screen.text() == seen(frame)
            assert (screen.row, screen.column) == (len(frame), 0)
        else:
            assert screen.text()[:22] == seen(frame[:22]) or len(seen(frame[:22])) < 22
            assert f"({len(frame) - 22} more rows" in screen.text()[22]
        assert painter.painted(frame) == b""


def test_one_number_costs_at_most_100_bytes_and_far_less_where_its_place_is_fixed() -> None:
    for before, after in ((1412.0, 1411.9), (1412.0, 9.0), (-1412.5, 0.0)):
        painter = Painter()
        frames = [status_screen(station(volts)) for volts in (before, after)]
        painter.painted(frames[0])
        assert 0 < len(painter.painted(frames[1])) <= 100
    painter = Painter()
    painter.painted([" set       420 mA", "x" * 79])
    assert len(painter.painted([" set       421 mA", "x" * 79])) <= 16


def station(volts: float) -> dict[str, object]:
    return {**STATUS, "power_feeds": {"pfe-a": {**STATUS["power_feeds"]["pfe-a"], "output_voltage": value(volts, "V")}}}


def test_the_first_paint_clears_and_nothing_is_hidden_coloured_or_put_aside() -> None:
    sent = Painter().painted(["a", "b"])
    assert sent == b"\x1b[H\x1b[2Ja\r\nb\r\n"
    for forbidden in (b"?25", b"?1049", b"m"):
        assert forbidden not in sent


def test_runs_that_nearly_touch_are_one_and_those_far_apart_are_two() -> None:
    painter = Painter()
    painter.painted(["0" + "-" * GAP + "0" + "-" * 40 + "0"])
    sent = painter.painted(["1" + "-" * GAP + "1" + "-" * 40 + "1"])
    assert sent.count(b"H") == 3  # the two that nearly touch, the far one, and where the cursor stays


@settings(max_examples=60, deadline=None)
@given(st.lists(st.text(st.sampled_from("ab12"), min_size=1, max_size=12), min_size=1), st.integers(24, 60), st.integers(4, 12))
@example(["111", "111", "111", "111111111111"], 24, 4)
def test_on_a_small_terminal_no_word_is_cut_and_what_does_not_fit_is_counted(words: list[str], columns: int, rows: int) -> None:
    painter, screen = Painter(rows, columns), Screen(rows, columns)
    screen.take(painter.painted([" ".join(words)]))
    shown = " ".join(screen.text()).split()
    assert shown == words or "more" in shown
    assert shown[: len(words)] == words or shown[: shown.index("more") - 1] == words[: shown.index("more") - 1]


def test_a_plain_terminal_gets_the_time_and_the_lines_that_changed_and_no_escape() -> None:
    view = Appender()
    assert view.painted(["PFE A 1000 mA", "ok"], "2026-11-22T22:43:10.123Z") == b"22:43:10Z PFE A 1000 mA\n22:43:10Z ok\n"
    assert view.painted(["PFE A 1000 mA", "ok"], "2026-11-22T22:43:11.123Z") == b""
    sent = view.painted(["PFE A 999 mA", "ok", "\x1b[2Jx"], "2026-11-22T22:43:12.123Z")
    assert sent == b"22:43:12Z PFE A 999 mA\n22:43:12Z ?[2Jx\n"
    assert b"fewer lines" in view.painted(["ok"], "2026-11-22T22:43:13.123Z")


@settings(max_examples=60, deadline=None)
@given(FRAMES)
def test_a_plain_terminal_never_sees_a_control_sign(frames: list[list[str]]) -> None:
    view = Appender()
    for frame in frames:
        sent = view.painted(frame, "2026-11-22T22:43:10.123Z")
        assert all(sign == 10 or 32 <= sign <= 126 for sign in sent)
        assert all(len(line) <= 79 for line in sent.split(b"\n"))


@given(st.floats(0, 3600), st.sampled_from([0, 50, 300, 1200, 9600, 19_200, 38_400, 115_200]), st.integers(0, 4000))
def test_a_view_takes_at_most_a_quarter_of_a_slow_line_and_one_refresh_a_second(wanted: float, baud: int, size: int) -> None:
    period = period_s(wanted, baud, size)
    assert period >= max(wanted, 1.0)
    if 0 < baud <= SLOW_BAUD:
        assert size * 10 <= 0.25 * baud * period * (1 + 1e-9)
    else:
        assert period == max(wanted, 1.0)


@pytest.mark.parametrize(("baud", "size", "period"), [(9600, 37, 1.0), (9600, 2000, 20_000 / 2400), (300, 100, 1000 / 75), (0, 4000, 1.0)])
def test_the_period_of_a_serial_line(baud: int, size: int, period: float) -> None:
    assert period_s(1.0, baud, size) == pytest.approx(period)
