"""The report: one page that stands by itself, with every curve beside its limits, and what was skipped and why."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from dataclasses import replace
from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hil.plot import HEIGHT, WIDTH, svg, ticks
from hil.record import Dimension, Measurement, Outcome, Plot, Record, Trace
from hil.report import page
from tests.hil.test_record import BENCH, CURVE, RECORDS

PAGE = page(BENCH, RECORDS, 1_795_000_100.0)
NUMBERS = st.floats(-1e6, 1e6, allow_subnormal=False).filter(lambda x: x == 0 or abs(x) > 1e-6)


class Reader(HTMLParser):
    """What a browser would load or run."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.loads: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.loads += [str(value) for name, value in attrs if name in ("src", "href", "srcset", "data", "action")]


def test_the_page_loads_nothing_and_runs_nothing() -> None:
    reader = Reader()
    reader.feed(PAGE)
    assert reader.loads == []
    assert {"script", "link", "img", "iframe", "object"}.isdisjoint(reader.tags)
    assert re.search(r"url\(|@import|https?://", PAGE) is None


def test_the_page_names_bench_device_hashes_and_who_was_there() -> None:
    said = (BENCH.station_id, BENCH.rig_sha256, BENCH.git_sha, BENCH.person, BENCH.load_serial, BENCH.lock_token, "2026-01-15", "0.1.0")
    assert all(each in PAGE for each in said)


def test_what_was_skipped_stands_there_with_its_reason_and_is_counted() -> None:
    assert "Skipped: 1" in PAGE
    assert "the rig file has no [hil.act.attenuate]" in PAGE


def test_what_failed_stands_there_with_the_command_that_plays_it_again() -> None:
    assert RECORDS[2].replay in PAGE
    assert "not measured" in PAGE


def test_nothing_in_a_record_can_break_the_page() -> None:
    hostile = replace(RECORDS[2], name="<script>x</script>", detail="</pre><img src=x>", replay="a & b")
    reader = Reader()
    reader.feed(page(BENCH, [hostile], 0.0))
    assert "script" not in reader.tags
    assert reader.loads == []


def test_a_curve_stands_beside_its_limits() -> None:
    with_limit = Plot(CURVE.title, CURVE.x, CURVE.y, CURVE.traces, [Trace("limit", [(0.0, 50.0), (1.0, 50.0)])])
    tree = ET.fromstring(svg(with_limit))
    lines = [each for each in tree.iter() if each.tag == "polyline"]
    assert [each.get("stroke-dasharray") is not None for each in lines] == [False, True]
    assert {"measured", "limit"} <= {str(each.text) for each in tree.iter("text")}


@given(st.lists(st.tuples(NUMBERS, NUMBERS), min_size=1, max_size=40))
def test_every_point_lies_in_the_picture(points: list[tuple[float, float]]) -> None:
    plot = Plot("p", Dimension("x", "s"), Dimension("y", "V"), [Trace("t", points, "points")])
    for circle in ET.fromstring(svg(plot)).iter("circle"):
        assert 0 <= float(circle.get("cx", "-1")) <= WIDTH
        assert 0 <= float(circle.get("cy", "-1")) <= HEIGHT


@given(low=NUMBERS, width=st.floats(1e-3, 1e6))
def test_ticks_are_few_round_and_within(low: float, width: float) -> None:
    found = ticks(low, low + width)
    assert 1 <= len(found) <= 12
    assert found == sorted(found)


def test_a_plot_without_points_says_so() -> None:
    assert "nothing was measured" in svg(Plot("empty", Dimension("x", ""), Dimension("y", ""), []))


@pytest.mark.parametrize("outcome", list(Outcome))
def test_every_outcome_can_be_shown(outcome: Outcome) -> None:
    assert outcome.value in page(BENCH, [Record("one", outcome, 0.0, 1.0, (Measurement("m", 1.0, ""),))], 0.0)
