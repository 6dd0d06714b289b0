"""The screens of the plant: 79 columns, 7-bit ASCII, every value on them whole, and an amplifier healthy only where its causes say so."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stationd.shell.screens import plant, typeset
from tests.console.desk import STATUS, value
from tests.shell.screens.test_status import ALARMS, DEVICES, NAMES, STATUSES, VALUES, alarm, fits

LIMITS = st.dictionaries(
    st.sampled_from(["input_power", "pump1_current"]),
    st.dictionaries(st.sampled_from(["low", "high"]), st.builds(value, st.floats(-100, 100), st.just("dBm"))),
)
DEVICE = st.fixed_dictionaries(
    {"station": NAMES, "mode": st.sampled_from(["live", "sim"]), "t": st.just("2026-11-22T22:04:12.000Z"), "device": NAMES},
    optional={
        "up": st.booleans(), "role": NAMES, "driver": NAMES, "fibre_pair": st.integers(1, 24), "limits": LIMITS,
        "points": st.dictionaries(st.sampled_from(["input_power", "pump1_current", "los", "gain"]) | NAMES, VALUES, max_size=12),
    },
)  # fmt: skip
SAMPLER = st.none() | st.fixed_dictionaries(
    {"running": st.booleans(), "rate": st.none() | st.builds(value, st.floats(0, 2000), st.just("Hz")), "real_time": st.booleans()},
    optional={"missed": VALUES, "missed_lately": VALUES, "lately": VALUES},
)
ROWS = st.none() | st.integers(12, 60)


def every_value(group: object) -> list[str]:
    """Return every value of a part of the document as it has to be on the screen: what `float` reads back is what went in."""
    return [typeset.value(form) for _, unit in typeset.named(group) for form in unit.values() if typeset.offered(form)]


def holds(lines: list[str], shown: str) -> bool:
    """Return whether a text is on the screen, however its lines were broken."""
    return "".join(shown.split()) in "".join("".join(lines).split())


@settings(max_examples=30, deadline=None)
@given(STATUSES, SAMPLER, ROWS)
def test_the_lists_of_any_station_fit_the_screen(status: dict[str, Any], sampler: dict[str, Any] | None, rows: int | None) -> None:
    for lines in (
        plant.feeds_screen(status, rows), plant.amplifiers_screen(status, rows), plant.optical_screen(status, rows, {"sampler": sampler}),
    ):  # fmt: skip
        assert fits(lines, rows)


@settings(max_examples=30, deadline=None)
@given(DEVICES)
def test_every_current_voltage_and_power_is_on_the_list_whole(devices: dict[str, Any]) -> None:
    status = {"power_feeds": devices, "amplifiers": devices, "taps": devices}
    lists = {
        ("output_current", "output_voltage"): plant.feeds_screen(status, None),
        ("input_power", "output_power"): plant.amplifiers_screen(status, None),
        ("power",): plant.optical_screen(status, None),
    }
    for points, lines in lists.items():
        for unit in devices.values():
            for point in points:
                assert not typeset.offered(unit.get(point)) or holds(lines, typeset.value(unit[point]))


@settings(max_examples=30, deadline=None)
@given(DEVICE, st.lists(ALARMS, max_size=6), ROWS)
def test_any_amplifier_fits_and_each_point_is_on_it(device: dict[str, Any], alarms: list[dict[str, Any]], rows: int | None) -> None:
    assert fits(plant.amplifier_screen(device, alarms, rows), rows)
    every = plant.amplifier_screen(device, alarms, None)
    assert fits(every, None)
    for form in (device.get("points") or {}).values():
        assert not typeset.offered(form) or holds(every, typeset.value(form))


@settings(max_examples=30, deadline=None)
@given(STATUSES, NAMES, ROWS)
def test_any_input_fits_the_screen_and_one_that_is_not_there_has_none(status: dict[str, Any], name: str, rows: int | None) -> None:
    for tap in status.get("taps") or {}:
        lines = plant.tap_screen(status, tap, rows)
        assert lines is not None
        assert fits(lines, rows)
    shown = [typeset.ascii_only(tap) for tap in status.get("taps") or {}]
    assert (plant.tap_screen(status, name) is None) == (typeset.ascii_only(name) not in shown)


OA3 = {
    "station": "aktau", "mode": "live", "t": "2026-11-22T22:04:12.000Z", "device": "oa-3", "role": "preamp", "fibre_pair": 3,
    "driver": "some-edfa", "up": True,
    "points": {
        "input_power": value(-31.4, "dBm"), "output_power": value(17.0, "dBm"), "gain": value(None, "dB", "bad", why="not-offered"),
        "pump1_current": value(None, "mA", "stale", last=612.0), "los": value(True, ""), "case_temperature": value(61.5, "degC"),
    },
    "limits": {
        "input_power": {"low": value(-24.0, "dBm"), "high": value(-10.0, "dBm")}, "case_temperature": {"high": value(60.0, "degC")},
        "output_power": {"low": value(14.0, "dBm")},
    },
}  # fmt: skip
HIDDEN = alarm("oa-3/AMP-LOS", "2026-11-22T22:01:07.000Z", letter="H", causes=["line/LINE-BREAK"])


def test_each_point_stands_beside_its_limits_and_its_state() -> None:
    lines = plant.amplifier_screen(OA3, [], None)
    rows = {line[:25].strip(): line.split()[-1] for line in lines}
    assert rows["input power"] == "LOW"
    assert rows["output power"] == "ok"
    assert rows["case temperature"] == "HIGH"
    assert rows["pump1 current"] == "STALE"
    assert "gain" not in rows  # what the unit has not is no point of it
    assert any("-24 .. -10" in line for line in lines) or any("-24 .. -10" in " ".join(line.split()) for line in lines)


def test_the_age_of_a_unit_is_that_of_its_newest_good_answer() -> None:
    points = {
        "serial_number": {**value(7.0, "dBm"), "t": "2026-11-22T21:59:00.000Z"},
        "input_power": {**value(-3.0, "dBm"), "t": "2026-11-22T22:04:11.600Z"},
        "fault": {**value(None, "", "bad"), "t": "2026-11-22T22:04:12.000Z"},
    }
    assert "answers   age 0.4 s" in " ".join(plant.amplifier_screen({**OA3, "points": points, "up": True}, [], None))


@pytest.mark.parametrize(
    ("alarms", "more", "said"),
    [
        ([HIDDEN], {}, "oa-3 itself is healthy; its input is lost upstream (line/LINE-BREAK)."),
        ([{**HIDDEN, "causes": []}], {}, "look at oa-3 itself: oa-3/AMP-LOS."),
        ([HIDDEN, alarm("oa-3/AMP-FAULT", "2026-11-22T22:01:07.000Z")], {}, "look at oa-3 itself: oa-3/AMP-FAULT."),
        ([{**HIDDEN, "causes": ["oa-3/PUMP-OFF"]}], {}, "look at oa-3 itself: oa-3/PUMP-OFF."),
        ([HIDDEN, {**HIDDEN, "key": "oa-3/AMP-LOP", "causes": ["oa-3/AMP-LOS"]}], {},
         "oa-3 itself is healthy; its input is lost upstream (line/LINE-BREAK)."),
        ([HIDDEN, {**HIDDEN, "key": "oa-3/AMP-LOP", "causes": ["oa-3/PUMP-OFF"]}], {},
         "look at oa-3 itself: line/LINE-BREAK, oa-3/PUMP-OFF."),
        ([{**HIDDEN, "letter": "B"}], {}, "look at oa-3 itself: oa-3/AMP-LOS."),
        ([], {}, "no alarm of oa-3 stands."),
        ([HIDDEN], {"up": False}, "oa-3 does not answer: what it does is not known."),
        ([{**HIDDEN, "letter": "D", "causes": []}], {}, "no alarm of oa-3 stands."),
        ([{**HIDDEN, "key": "oa-3/DEVICE-SILENT", "causes": ["amps/BUS-DOWN"]}], {"points": {}},
         "oa-3 itself is healthy; what it shows follows from elsewhere (amps/BUS-DOWN)."),
    ],
)  # fmt: skip
def test_an_amplifier_is_healthy_only_where_every_alarm_of_it_has_its_cause_elsewhere(
    alarms: list[dict[str, Any]], more: dict[str, Any], said: str
) -> None:
    text = " ".join(" ".join(plant.amplifier_screen({**OA3, **more}, alarms, None)).split())
    assert f"VERDICT {said}" in text


@given(st.lists(st.text("ab1", min_size=1, max_size=12), min_size=1, max_size=5), st.text("c ", max_size=90))
def test_cells_of_a_row_never_run_into_one_another(cells: list[str], rest: str) -> None:
    lines = typeset.in_columns(cells, [8] * len(cells), rest)
    assert fits(lines, None)
    assert " ".join(lines).split()[: len(cells)] == cells


def test_the_loop_is_on_the_screen_of_the_light_where_somebody_asked_for_it() -> None:
    sampler = {"running": True, "rate": value(1000.0, "Hz"), "missed": value(7, ""), "real_time": False}
    text = "\n".join(plant.optical_screen(STATUS, None, {"sampler": sampler}))
    assert "loop 1000 Hz, 7 missed   without real-time priority" in text
    assert "loop" not in "\n".join(plant.optical_screen(STATUS, None)).lower()
    assert "LOOP NOT RUNNING" in "\n".join(plant.optical_screen(STATUS, None, {"sampler": {"running": False}}))
