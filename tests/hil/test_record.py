"""Records: limits are judged at their edges, and the format stands still."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hil.record import (
    Attachment,
    Bench,
    Dimension,
    Limits,
    Measurement,
    Outcome,
    Plot,
    Record,
    Trace,
    as_json,
    document,
)
from hil.report import page
from hil.rigfile import Limit
from hil.sheet import Sheet

GOLDEN = Path(__file__).with_name("golden_record.json")
BENCH = Bench(
    "Single rack on lab-1", "rack", "rack", "a" * 64, "0.1.0", "0123456789ab", {"rack": "b" * 64},
    {"multimeter": date(2026, 1, 15)}, "f00df00df00df00d", "A. Bekov", "RL-341-0001",
)  # fmt: skip
CURVE = Plot("Ramp", Dimension("time", "s"), Dimension("current", "mA"), [Trace("measured", [(0.0, 0.0), (1.0, 100.0)])])
RECORDS = (
    Record(
        "test_ramp.py::test_ramp", Outcome.MARGINAL, 1_795_000_000.0, 12.5,
        (Measurement("ramp_above_profile", 51.0, "mA", Limits(hi=53.0, marginal_hi=50.0), (CURVE.x, CURVE.y), CURVE),
         Measurement("hold_moves", 0.25, "mA", Limits(0.0, 3.0))),
        (Attachment("log", b"a line\n"),),
        ({"t": 1.0, "utc_s": 2.0, "what": "injected", "kind": "serial.drop", "where": "pfe", "params": {}, "seed": 1},),
    ),
    Record("test_light.py::test_light", Outcome.SKIP, 1_795_000_020.0, 0.0, detail="attenuate: the rig file has no [hil.act.attenuate]"),
    Record("test_kill.py::test_kill", Outcome.FAIL, 1_795_000_030.0, 3.0, (Measurement("ready_after", None, "s", Limits(hi=5.0)),),
           detail="not ready", replay="python -m pytest hil/scenarios/test_kill.py::test_kill --rig rack --seed 7"),
)  # fmt: skip


def test_the_format_of_a_record_stands_still() -> None:
    assert json.loads(as_json(BENCH, RECORDS)) == json.loads(GOLDEN.read_text(encoding="utf-8")), (
        "the format of the record has changed; who reads records has to know: change hil.record.FORMAT and the golden file on purpose"
    )


def test_the_whole_is_as_its_worst_part_and_a_skip_is_none() -> None:
    assert document(BENCH, RECORDS)["outcome"] == "FAIL"
    assert document(BENCH, RECORDS[:2])["outcome"] == "MARGINAL"
    assert document(BENCH, RECORDS[1:2])["outcome"] == "NOTHING RAN"
    assert document(replace(BENCH, trouble="the loop is open"), RECORDS[:2])["outcome"] == "ERROR"


def test_what_is_no_number_loses_nobody_the_rest_of_the_record() -> None:
    plot = Plot("p", Dimension("x", "s"), Dimension("y", "V"), [Trace("t", [(0.0, float("nan")), (1.0, 2.0)])])
    broken = Record("one", Outcome.FAIL, 0.0, 1.0, (Measurement("m", float("nan"), "V", plot=plot),), faults=({"t": float("inf")},))
    (phase,) = json.loads(as_json(BENCH, [broken]))["phases"]
    assert (phase["measurements"]["m"]["measured_value"], phase["measurements"]["m"]["outcome"]) == ("nan", "FAIL")
    assert "polyline" in page(BENCH, [broken], 0.0)


def test_a_value_that_only_the_limits_of_the_rig_let_pass_is_marginal_and_told_first() -> None:
    sheet = Sheet({"ready": Limit("s", 0.0, 35.0)}, lambda name, text: None)
    sheet("ready", 20.0, "s", lo=0.0, hi=15.0)
    (measured,) = sheet.measurements
    assert (measured.outcome, measured.beyond_usual) == (Outcome.MARGINAL, True)
    shown = page(BENCH, [Record("one", Outcome.MARGINAL, 0.0, 1.0, (measured,), lateness_ms=412.0)], 0.0)
    told = "ready is 20 s, beyond the scenario&#x27;s own limit (0 &lt;= x &lt;= 15) and within this rig&#x27;s"
    assert told + "; this machine was late by up to 412 ms meanwhile" in shown
    assert shown.index(told) < shown.index("<table>")


def test_what_a_rig_does_not_measure_is_left_out_with_its_reason_and_fails_nothing() -> None:
    sheet = Sheet({}, lambda name, text: None)
    sheet.leave_out("commands_sent", "no witness")
    assert sheet.failures == []
    shown = page(BENCH, [Record("one", Outcome.PASS, 0.0, 1.0, tuple(sheet.measurements))], 0.0)
    assert "Left out: 1" in shown
    assert "no witness" in shown


def test_overdue_instruments_and_a_rig_that_failed_stand_before_everything_else() -> None:
    shown = page(replace(BENCH, overdue=("meter: calibrated on 2020-01-01",), trouble="no voltage seen to be gone"), RECORDS, 0.0)
    assert shown.index("The rig itself has failed: no voltage seen to be gone") < shown.index("<table>")
    assert shown.index("Calibration: meter: calibrated on 2020-01-01") < shown.index("<table>")
    assert document(BENCH, RECORDS)["skipped"] == 1


@pytest.mark.parametrize(
    ("value", "outcome"),
    [(0.0, "MARGINAL"), (-0.001, "FAIL"), (1.0, "PASS"), (9.0, "PASS"), (9.001, "MARGINAL"), (10.0, "MARGINAL"), (10.001, "FAIL"),
     (None, "FAIL"), (float("nan"), "FAIL"), (float("inf"), "FAIL")],
)  # fmt: skip
def test_a_limit_belongs_to_what_it_allows_and_what_is_not_measured_fails(value: float | None, outcome: str) -> None:
    assert Limits(0.0, 10.0, 1.0, 9.0).judge(value).value == outcome


@given(value=st.floats(allow_nan=False), lo=st.floats(-10, 10), hi=st.floats(-10, 10))
def test_a_pass_is_always_within_the_limits(value: float, lo: float, hi: float) -> None:
    assert (Limits(lo, hi).judge(value) is Outcome.PASS) == (lo <= value <= hi)


def test_the_limits_of_the_rig_take_the_place_of_the_scenarios() -> None:
    sheet = Sheet({"latency": Limit("ms", 0.0, 500.0, None, 60.0)}, lambda name, text: None)
    assert sheet("latency", 100.0, "ms", hi=50.0).outcome is Outcome.MARGINAL
    assert sheet("other", 100.0, "ms", hi=50.0).outcome is Outcome.FAIL
    assert sheet.failures == ["other is 100 ms, it must be x <= 50"]


def test_limits_in_another_unit_and_a_name_that_is_there_twice_are_mistakes() -> None:
    sheet = Sheet({"latency": Limit("ms")}, lambda name, text: None)
    with pytest.raises(ValueError, match="are in 'ms', it is measured in 's'"):
        sheet("latency", 1.0, "s")
    sheet("twice", 1.0)
    with pytest.raises(ValueError, match="measured twice"):
        sheet("twice", 1.0)


def test_what_was_not_measured_is_said_so() -> None:
    sheet = Sheet({}, lambda name, text: None)
    sheet("verdict_after", None, "s", hi=3.0)
    assert sheet.failures == ["verdict_after is not measured, it must be x <= 3"]


def test_an_attachment_is_named_by_its_bytes() -> None:
    assert Attachment("log", b"abc").sha1 == "a9993e364706816aba3e25717850c26c9cd0d89d"
