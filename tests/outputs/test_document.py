from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stationd.core.model import GOOD, Level, LightEvent, LightKind, PointId, Quality, Reading, Reason
from stationd.outputs.clock import Clock
from stationd.outputs.document import Documents, Limits, Mode, encode, valued
from tests.outputs.plant import BAD, LIVE, SIMULATED, STALE, TAP, UNCERTAIN, board, show

CLOCK = Clock(utc_s=1_772_366_400.0, monotonic_s=1000.0)  # 2026-03-01T12:00:00Z
POINT = PointId("pfe-a", "output_current")


def reading(value: float | str | bool | None, quality: Quality = GOOD, t: float = 1000.0) -> Reading:
    return Reading(POINT, value, quality, t)


def test_a_good_value_carries_unit_utc_of_its_exchange_and_quality() -> None:
    document = valued(reading(1000.0, t=999.75), "mA", Mode.LIVE, CLOCK)
    assert document == {"v": 1000.0, "u": "mA", "t": "2026-03-01T11:59:59.750Z", "q": "good"}


def test_a_stale_value_is_not_where_a_careless_reader_looks() -> None:
    document = valued(reading(1000.0, STALE, t=900.0), "mA", Mode.LIVE, CLOCK)
    assert document == {"v": None, "u": "mA", "t": "2026-03-01T11:58:20.000Z", "q": "stale", "last": 1000.0, "why": "timeout"}


def test_a_bad_value_is_null_with_its_reason_and_without_a_last() -> None:
    document = valued(reading(None, BAD), "mA", Mode.LIVE, CLOCK)
    assert document == {"v": None, "u": "mA", "t": "2026-03-01T12:00:00.000Z", "q": "bad", "why": "device-failure"}


def test_an_uncertain_value_is_shown_with_its_reason() -> None:
    document = valued(reading(2.5, UNCERTAIN), "V", Mode.SIM, CLOCK)
    assert document["v"] == 2.5
    assert document["q"] == "uncertain"
    assert document["why"] == "out-of-range"


@pytest.mark.parametrize("mode", [Mode.SIM, Mode.HIL])
def test_nothing_that_is_not_of_a_live_plant_is_ever_good(mode: Mode) -> None:
    assert valued(reading(1.0), "V", mode, CLOCK)["q"] == "sim"


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
def test_a_value_that_is_no_finite_number_is_bad(value: float) -> None:
    document = valued(reading(value), "V", Mode.LIVE, CLOCK)
    assert document["v"] is None
    assert document["q"] == "bad"
    assert document["why"] == "malformed"


def test_binary_noise_is_not_shown_and_whole_numbers_keep_every_digit() -> None:
    assert valued(reading(3 * 0.1), "V", Mode.LIVE, CLOCK)["v"] == 0.3
    assert valued(reading(4294967295), "h", Mode.LIVE, CLOCK)["v"] == 4294967295


@given(st.floats() | st.integers() | st.booleans() | st.text(), st.sampled_from(Level), st.sampled_from(Reason), st.sampled_from(Mode))
def test_only_a_fresh_finite_value_stands_where_a_value_is_read(value: float | str, level: Level, reason: Reason, mode: Mode) -> None:
    document = valued(reading(None if level is Level.BAD else value, Quality(level, reason)), "V", mode, CLOCK)
    assert json.loads(encode(document)) == document
    assert (document["v"] is None) == (document["q"] in ("stale", "bad"))


def test_times_of_one_document_agree_with_each_other() -> None:
    assert CLOCK.written(1000.0) == "2026-03-01T12:00:00.000Z"
    assert CLOCK.utc_s(1000.5) - CLOCK.utc_s(1000.25) == 0.25


def test_the_document_of_a_device_has_all_its_points_from_the_first_instant() -> None:
    target = board()
    document = Documents(LIVE, target).device("pfe-a", CLOCK)
    assert document["device"] == "pfe-a"
    assert document["up"] is False
    points = document["points"]
    assert isinstance(points, dict)
    assert list(points) == ["output_current", "output_voltage", "output_on", "regulation", "interlock"]
    assert {point["why"] for point in points.values()} == {"never-read", "not-offered"}


def test_the_status_counts_qualities_without_what_a_unit_does_not_have() -> None:
    target = board()
    show(target, "pfe-a.output_current", 1000.0)
    show(target, "pfe-a.output_voltage", 230.0, quality=STALE)
    show(target, "pfe-a.regulation", "cc", quality=UNCERTAIN)
    assert Documents(LIVE, target).status({}, CLOCK)["quality"] == {"good": 1, "sim": 0, "uncertain": 1, "stale": 1, "bad": 10}
    assert Documents(SIMULATED, target).status({}, CLOCK)["quality"] == {"good": 0, "sim": 1, "uncertain": 1, "stale": 1, "bad": 10}


def test_the_status_names_buses_devices_power_feeds_and_amplifiers() -> None:
    target = board()
    show(target, "pfe-a.output_current", 1000.0)
    show(target, "fp1-booster.input_power", -12.5, quality=STALE)
    status = json.loads(encode(Documents(SIMULATED, target).status({"pfe": True, "amps": False}, CLOCK)))
    assert (status["station"], status["mode"], status["operator"]) == ("aktau", "sim", "Kazakhtelecom")
    assert status["buses"] == {"pfe": {"up": True}, "amps": {"up": False}}
    assert {name: device["up"] for name, device in status["devices"].items()} == {"pfe-a": True, "fp1-booster": False, "meter": False}
    assert status["power_feeds"]["pfe-a"]["output_current"]["v"] == 1000.0
    assert status["amplifiers"]["fp1-booster"]["fibre_pair"] == 1
    assert status["amplifiers"]["fp1-booster"]["input_power"]["last"] == -12.5
    assert "gain" not in status["amplifiers"]["fp1-booster"]


def light(kind: LightKind = LightKind.LOST, channel: str = "fp1-rx", **more: object) -> dict[str, object]:
    event = LightEvent(kind, channel, 999.75, 999.748, 999.7502, 7, **more)  # type: ignore[arg-type]
    return json.loads(encode(Documents(SIMULATED, board((TAP,))).light_event(event, CLOCK)))  # type: ignore[no-any-return]


def test_a_light_event_has_the_time_of_its_own_sample_to_the_microsecond() -> None:
    assert light(level_dbm=-41.25) == {
        "station": "aktau",
        "mode": "sim",
        "kind": "light-lost",
        "channel": "fp1-rx",
        "fibre_pair": 1,
        "t": "2026-03-01T11:59:59.750000Z",
        "since": "2026-03-01T11:59:59.748000Z",
        "found": "2026-03-01T11:59:59.750200Z",
        "exact": True,
        "level": {"v": -41.25, "u": "dBm", "t": "2026-03-01T11:59:59.750Z", "q": "sim"},
    }


def test_a_level_that_cannot_be_measured_is_null_and_a_step_has_the_one_before_it() -> None:
    assert light()["level"] == {"v": None, "u": "dBm", "t": "2026-03-01T11:59:59.750Z", "q": "bad", "why": "below-range"}
    step = light(LightKind.STEP_DOWN, level_dbm=-3.0, reference_dbm=0.0)
    assert isinstance(step["reference"], dict)
    assert step["reference"]["v"] == 0.0


def test_an_event_of_unknown_time_says_so_and_has_no_level() -> None:
    event = light(exact=False, lost_before=3)
    assert (event["exact"], event["lost_before"]) == (False, 3)
    assert "level" not in event


def test_an_event_of_all_channels_names_none() -> None:
    event = light(LightKind.ENDED, "")
    assert event["kind"] == "source-lost"
    assert {"channel", "fibre_pair", "level"}.isdisjoint(event)


def test_a_tap_has_a_document_like_a_device_and_a_place_in_the_status() -> None:
    target = board((TAP,))
    show(target, "fp1-rx.power", -12.5)
    show(target, "fp1-rx.los", value=False)
    documents = Documents(LIVE, target)
    assert documents.device("fp1-rx", CLOCK)["kind"] == "tap"
    status = json.loads(encode(documents.status({}, CLOCK)))
    assert status["taps"]["fp1-rx"]["power"]["v"] == -12.5
    assert status["taps"]["fp1-rx"]["fibre_pair"] == 1
    assert status["devices"]["fp1-rx"] == {"kind": "tap", "up": True}


def test_the_document_of_a_device_has_the_limits_of_its_points_and_of_no_others() -> None:
    documents = Documents(SIMULATED, board(), limits={POINT: Limits(None, 1200.0), PointId("meter", "x"): Limits(1.0, 2.0)})
    limits = json.loads(encode(documents.device("pfe-a", CLOCK)))["limits"]
    assert limits == {"output_current": {"high": {"v": 1200.0, "u": "mA", "t": "2026-03-01T12:00:00.000Z", "q": "sim"}}}
    assert "limits" not in documents.device("fp1-booster", CLOCK)
