"""Pictures: every one is XML that opens, and no curve is drawn where nothing was measured."""

from __future__ import annotations

from collections.abc import Sequence
from xml.etree import ElementTree

from hypothesis import given, settings
from hypothesis import strategies as st

from stationd.outputs.incidents.plot import Curve, Frame, pieces, plot, tick_step

FRAME = Frame(-60_000, 600_000, 1_795_000_000.0, "F-2026-11-18-1 11:06:40")
SVG = "{http://www.w3.org/2000/svg}"
VALUES = st.none() | st.floats() | st.floats(-20_000, 20_000)
TIMES = st.lists(st.integers(-70_000, 610_000), max_size=60).map(sorted)
POINTS = TIMES.flatmap(lambda times: st.tuples(*(st.tuples(st.just(ms), VALUES) for ms in times)))
CURVES = st.lists(st.builds(Curve, st.text(max_size=30), POINTS), max_size=30)


@settings(max_examples=60, deadline=None)
@given(st.text(max_size=60), st.text(max_size=10), CURVES)
def test_any_curves_make_a_picture_that_opens_and_says_its_unit_and_utc(title: str, unit: str, curves: list[Curve]) -> None:
    root = ElementTree.fromstring(plot(title, "voltage", unit, curves, FRAME).encode())
    said = " ".join(each.text or "" for each in root.iter(f"{SVG}text"))
    assert "UTC" in said
    assert FRAME.event in said
    for shape in root.iter(f"{SVG}polyline"):
        for pair in shape.attrib["points"].split():
            x, y = (float(each) for each in pair.split(","))
            assert 0 <= x <= 960
            assert 0 <= y <= 420


@given(POINTS)
def test_a_curve_is_never_drawn_through_a_missing_value(points: Sequence[tuple[int, float | None]]) -> None:
    found = list(pieces(points, FRAME))
    drawn = [point for piece in found for point in piece]
    inside = [(ms, value) for ms, value in points if -60_000 <= ms <= 600_000]
    assert drawn == [(ms, value) for ms, value in inside if value is not None and abs(value) <= 1e12]
    missing = {ms for ms, value in inside if value is None}
    for piece in found:
        assert not any(piece[0][0] < ms < piece[-1][0] for ms in missing)


def test_a_silence_of_more_than_five_seconds_is_a_gap() -> None:
    points = [(t * 1000, 1.0) for t in (*range(10), *range(16, 20))]
    assert [len(piece) for piece in pieces(points, FRAME)] == [10, 4]


@given(st.floats(1e-9, 1e9))
def test_marks_on_an_axis_are_one_two_or_five(span: float) -> None:
    step = tick_step(span)
    assert step * 6 >= span * 0.999
    assert f"{step:.0e}"[0] in "125"
