"""The screens of diagnostics: 79 columns, 23 rows, 7-bit ASCII; the answer first, and no number cut or invented."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stationd.shell.screens.clock import clock_screen, offset
from stationd.shell.screens.config import config_screen
from stationd.shell.screens.feed import events_screen, feed_screen, limits_screen
from stationd.shell.screens.health import health_screen
from stationd.shell.screens.history import INTERVALS, axis_of, history_screen, points_screen
from stationd.shell.screens.log import log_screen
from stationd.shell.screens.packed import packed
from stationd.shell.screens.selftest import report_screen
from stationd.shell.screens.version import version_screen
from tests.console.desk import value
from tests.shell.screens.test_status import NAMES, fits

ROWS = 23
T = "2026-11-22T22:04:12.000Z"
HEAD = {"station": "aktau", "mode": "live", "t": T}
TEXTS = st.text(max_size=120) | st.sampled_from(["x" * 100, "усилитель", "a\x1b[2Jb", ""])
NUMBERS = st.floats(allow_nan=False, allow_infinity=False) | st.integers(0, 2**62)
UNITS = ["", "mA", "V", "s", "ms", "MiB", "%", "Hz", "KiB", "mA/s", "d"]
FIGURES = st.none() | st.builds(value, NUMBERS, st.sampled_from(UNITS), st.sampled_from(["good", "sim"]))
FLAGS = st.booleans() | st.none()


def optional(names: str, values: st.SearchStrategy[Any]) -> dict[str, st.SearchStrategy[Any]]:
    return dict.fromkeys(names.split(), values)


def part(figures: str = "", flags: str = "", texts: str = "") -> st.SearchStrategy[Any]:
    each = {**optional(figures, FIGURES), **optional(flags, FLAGS), **optional(texts, TEXTS)}
    return st.none() | st.fixed_dictionaries({}, optional=each)


COUNTS = st.dictionaries(st.sampled_from(["timeout", "checksum", "replayed"]), FIGURES, max_size=3)
HEALTH = st.fixed_dictionaries(
    HEAD_FIXED := {name: st.just(text) for name, text in HEAD.items()},
    optional={
        "good": FLAGS,
        "troubles": st.lists(TEXTS, max_size=12),
        "daemon": part("up memory cpu load lag_p99 lag_max", "", "version since"),
        "disk": part("free total free_share used quota", "", "path"),
        "journal": part("records lost torn waiting outbox_records outbox audit_position reach_minutes", "", "state reason audit_digest"),
        "mqtt": part("connections", "connected", "reason"),
        "sparkplug": part("connections", "connected online", "reason"),
        "scrape": part("age took scrapes"),
        "sampler": part("rate missed overruns", "running real_time"),
        "buses": st.dictionaries(NAMES, st.fixed_dictionaries(
            {"failures": COUNTS}, optional=optional("transactions quarantines busy", FIGURES) | {"up": FLAGS}), max_size=9),
        "devices": st.dictionaries(NAMES, st.fixed_dictionaries({"up": FLAGS, "age": FIGURES}), max_size=12),
        "far_station": st.none() | st.fixed_dictionaries({"name": NAMES, "heard": FLAGS, "why": TEXTS, "rejects": COUNTS},
                                                         optional=optional("age sequence rejected", FIGURES)),
    },
)  # fmt: skip
SMALL = st.fixed_dictionaries(
    HEAD_FIXED, optional={**optional("offset error_max error_estimated up daemon_up", FIGURES), "synchronised": FLAGS, "leap": TEXTS,
                          **optional("utc local zone daemon_since", TEXTS | st.just(T))},
)  # fmt: skip
VERSIONS = st.fixed_dictionaries(
    HEAD_FIXED,
    optional={
        **optional("stationd python sqlite platform machine", TEXTS),
        "config": part("", "changed", "path sha256 loaded"),
        "drivers": st.lists(
            st.fixed_dictionaries({"devices": st.lists(NAMES, max_size=20)}, optional=optional("model kind protocol", TEXTS)), max_size=9
        ),
    },
)  # fmt: skip
TREES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXTS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(NAMES, inner, max_size=5),
    max_leaves=20,
)
EVENTS = st.lists(
    st.fixed_dictionaries({}, optional={
        **optional("t level event kind what key severity letter who note", TEXTS | st.just(T)), "synchronised": FLAGS, "value": FIGURES,
        "fields": st.dictionaries(NAMES, TEXTS | st.integers(), max_size=5),
    }), max_size=30,
)  # fmt: skip
REPORT_ROWS = st.lists(st.fixed_dictionaries({"n": st.integers(1, 99), "name": NAMES, "ok": FLAGS, "text": TEXTS}), max_size=30)
COLUMNS = st.lists(
    st.none() | st.builds(
        lambda low, high, last, q: {"min": None if low is None or high is None else min(low, high),
                                    "max": None if low is None or high is None else max(low, high), "last": last, "q": q, "to": T},
        st.none() | st.floats(-1e12, 1e12), st.none() | st.floats(-1e12, 1e12), st.none() | st.floats(-1e12, 1e12) | NAMES,
        st.sampled_from(["good", "bad", "stale", "sim"]),
    ), max_size=200,
)  # fmt: skip
FEEDS = st.fixed_dictionaries(
    {**HEAD_FIXED, "device": NAMES},
    optional={
        "limits": part("nominal max ramp ramp_down deviation deviation_time rise model discharged discharge_time trim droop droop_doubt"),
        "interlocks": st.lists(
            st.fixed_dictionaries({"point": NAMES, "closed": FLAGS, "age": FIGURES, "bypassed_until": st.none() | st.just(T)}), max_size=9
        ),
        "hardware_only": st.none() | TEXTS,
        **optional("polarity regulation earthed electroding", FIGURES),
        "state": TEXTS,
        "holds": st.lists(st.fixed_dictionaries(optional("id object who reason", TEXTS) | {"since": st.just(T)}), max_size=4),
        "operation": part("", "", "id task phase armer approver reason ending cause detail"),
        "read_only": FLAGS,
    },
)  # fmt: skip
POINTS = st.fixed_dictionaries({"up": FLAGS, "points": st.dictionaries(NAMES, FIGURES, max_size=30)})
HEIGHTS = st.sampled_from([None, ROWS, ROWS, 40])


def within(lines: list[str], rows: int | None) -> None:
    fits(lines)
    assert rows is None or len(lines) <= rows


@settings(max_examples=60, deadline=None)
@given(st.data(), HEIGHTS)
def test_every_screen_fits_whatever_the_daemon_answers(data: st.DataObject, rows: int | None) -> None:
    within(health_screen(data.draw(HEALTH), rows), rows)
    within(clock_screen(data.draw(SMALL), rows), rows)
    within(version_screen(data.draw(VERSIONS), rows), rows)
    within(config_screen({"path": data.draw(NAMES), "file": data.draw(TEXTS), "value": data.draw(TREES), "defaults": ["a"]}, rows), rows)
    within(log_screen({**HEAD, "events": data.draw(EVENTS), "dropped": 3, "cut": True}, rows), rows)
    within(events_screen({**HEAD, "subject": "pfe-a", "events": data.draw(EVENTS), "torn": 1, "cut": True}, rows), rows)
    report = {**HEAD, "mode": data.draw(st.sampled_from(["live", "hil", "sim"])), "rows": data.draw(REPORT_ROWS), "took": value(1.0, "s")}
    within(report_screen(report, rows), rows)
    feed = data.draw(FEEDS)
    within(feed_screen(data.draw(POINTS), feed, rows), rows)
    within(limits_screen(feed, rows), rows)


@settings(max_examples=60, deadline=None)
@given(COLUMNS, st.sampled_from(["mA", "dBm", ""]), FLAGS, HEIGHTS)
def test_every_chart_fits_whatever_was_recorded(columns: list[Any], unit: str, synchronised: bool | None, rows: int | None) -> None:
    series = {**HEAD, "point": "pfe-a.output_current", "u": unit, "from": "2026-11-22T21:04:12Z", "to": T, "columns": columns}
    within(history_screen({**series, "synchronised": synchronised}, rows), rows)


@settings(deadline=None)
@given(st.floats(-1e300, 1e300), st.floats(-1e300, 1e300))
def test_the_numbers_beside_a_chart_are_exact_equally_far_apart_and_hold_every_value(one: float, other: float) -> None:
    low, high = min(one, other), max(one, other)
    axis = axis_of(low, high, 3)
    labels = [Decimal(axis.label(interval)) for interval in range(INTERVALS + 1)]
    assert labels == [axis.step * (axis.first + interval) for interval in range(INTERVALS + 1)]
    assert labels[0] <= Decimal(low)
    assert labels[-1] >= Decimal(high)
    assert 0 <= axis.row(low) <= axis.row(high) <= INTERVALS * 3


def chart(columns: list[Any], **more: object) -> list[str]:
    series = {"point": "p.q", "u": "V", "from": "2026-11-22T21:04:12Z", "to": T, "columns": columns, "synchronised": True, **more}
    return history_screen(series)


def column(low: object, high: object, quality: str = "good", last: object = 1.0) -> dict[str, object]:
    return {"min": low, "max": high, "last": last, "q": quality, "to": T}


def test_a_spike_in_one_column_is_drawn_from_the_lowest_to_the_highest() -> None:
    lines = chart([column(0.0, 0.0)] * 20 + [column(0.0, 8.0)] + [column(0.0, 0.0)] * 45)
    drawn = [line[12 + 20 : 12 + 21] for line in lines if re.match(r" *[-0-9.]* +\|", line)]
    assert drawn.count("*") == len(drawn)


def test_a_gap_stays_empty_is_marked_and_said() -> None:
    lines = chart([column(5.0, 5.0)] * 30 + [None] * 6 + [column(5.0, 5.0)] * 30)
    assert all(line[12 + 30 : 12 + 36].strip() == "" for line in lines if re.match(r" *[-0-9.]* +\|", line))
    assert any("+" + "-" * 30 + "." * 6 + "-" * 30 in line for line in lines)
    assert any("nothing recorded: 6 of 66 columns" in line for line in lines)


def test_what_is_said_of_the_extremes_is_what_was_recorded() -> None:
    lines = chart([column(-1412.375, 1.0), column(2.0, 2148.0625)])
    assert any("lowest -1412.375 V" in line and "highest 2148.0625 V" in line for line in lines)


def test_more_columns_than_there_is_room_for_lose_no_extreme() -> None:
    lines = chart([column(1.0, 1.0)] * 99 + [column(1.0, 9.0)] + [column(1.0, 1.0)] * 100)
    assert any("highest 9 V" in line for line in lines)
    fits(lines)


def test_nothing_at_all_is_said_and_not_drawn_as_zero() -> None:
    lines = chart([None] * 66)
    assert "no value was recorded in this time" in lines
    assert not any("|" in line for line in lines)


def test_words_are_told_by_when_they_began() -> None:
    lines = chart([column(None, None, last="cc")] * 40 + [column(None, None, last="cv")] * 26)
    assert [line.split()[-1] for line in lines[1:3]] == ["cc", "cv"]


def test_a_clock_that_nobody_set_marks_every_time() -> None:
    assert "~21:04:12Z" in "\n".join(chart([column(1.0, 2.0)] * 66, synchronised=False))
    assert clock_screen({**HEAD, "utc": T, "synchronised": False})[0].startswith("CLOCK  NOT SYNCHRONISED")
    assert any("~2026-11-22 22:04:12Z" in line for line in clock_screen({**HEAD, "utc": T, "synchronised": None}))


@pytest.mark.parametrize(("seconds", "shown"), [(18_000.0, "+05"), (-12_600.0, "-03:30"), (0.0, "+00"), (None, "--")])
def test_the_distance_from_utc_is_written_as_people_do(seconds: float | None, shown: str) -> None:
    assert offset(None if seconds is None else value(seconds, "s")) == shown


def test_the_answer_stands_first() -> None:
    assert health_screen({**HEAD, "good": True, "troubles": []})[0].startswith("HEALTH  good")
    lines = health_screen({**HEAD, "good": False, "troubles": ["port pfe is not open"]})
    assert lines[0].startswith("HEALTH  NOT GOOD")
    assert lines[1] == "  - port pfe is not open"


def report(**more: object) -> dict[str, object]:
    rows = [{"n": 1, "name": "clock", "ok": True, "text": "synchronised"}, {"n": 2, "name": "bus pfe", "ok": False, "text": "not open"}]
    end = {"passed": 1, "failed": 1, "unknown": 0, "took": value(0.4, "s"), "saved": "/var/lib/stationd/selftest/x.json", "not_saved": ""}
    return {"kind": "self", **HEAD, "good": False, "rows": rows, **end, **more}


def test_a_self_test_ends_with_its_result_and_where_it_is() -> None:
    lines = report_screen(report())
    assert lines[-2].startswith("RESULT  1 ok, 1 FAILED")
    assert lines[-1] == "Report saved: /var/lib/stationd/selftest/x.json   (exit code 1)"


def test_a_bench_and_a_simulation_say_in_their_first_line_that_this_is_not_the_sea() -> None:
    for mode in ("sim", "hil"):
        assert "Nothing here is the sea cable" in report_screen(report(mode=mode))[0]
    assert "sea cable" not in "\n".join(report_screen(report()))


def test_what_failed_is_never_among_the_rows_that_found_no_room() -> None:
    good = [{"n": number, "name": f"bus {number}", "ok": True, "text": "x" * 60} for number in range(1, 40)]
    failed = [{"n": 40, "name": "interlock inputs", "ok": False, "text": "io1.door is open"}]
    lines = report_screen(report(rows=[*good, *failed]), ROWS)
    assert len(lines) <= ROWS
    assert any("io1.door is open" in line for line in lines)


def test_what_is_not_known_of_a_contact_is_never_shown_as_closed() -> None:
    contacts = [{"point": "io1.door", "closed": None, "age": None}, {"point": "io1.key", "closed": True, "age": value(0.5, "s")}]
    lines = feed_screen({"up": True, "points": {}}, {**HEAD, "device": "pfe-a", "interlocks": contacts})
    assert any("1 of 2 closed" in line for line in lines)
    assert any("io1.door" in line and "NOT KNOWN" in line for line in lines)


def test_a_hold_says_that_it_is_not_an_isolation() -> None:
    hold = {"id": "H-7", "object": "pfe-a", "who": "j.smith", "reason": "ship on cable", "since": T}
    assert "NOT AN ISOLATION" in " ".join(feed_screen({"points": {}}, {**HEAD, "device": "pfe-a", "holds": [hold]}))


@given(st.dictionaries(st.sampled_from("nominal max ramp rise trim".split()), st.floats(-1e9, 1e9).map(lambda v: float(f"{v:.12g}"))))
def test_a_limit_is_read_back_as_it_was(limits: dict[str, float]) -> None:
    form = {**HEAD, "device": "pfe-a", "limits": {name: value(known, "V") for name, known in limits.items()}}
    numbers = [float(found) for line in limits_screen(form, None) for found in re.findall(r"(?:^|\s)(-?[0-9][-+.e0-9]*) V$", line)]
    assert sorted(numbers) == sorted(limits.values())


@given(st.lists(st.integers(0, 10**15).map(lambda number: f"{number} MiB"), max_size=30))
def test_a_number_and_its_unit_stay_on_one_line(facts: list[str]) -> None:
    lines = packed("DISK      ", facts)
    fits(lines)
    assert re.findall(r"[0-9]+ MiB", "\n".join(lines)) == facts


def test_the_configuration_can_be_copied_into_a_file() -> None:
    config = {"path": "pfe.pfe-a", "file": "/etc/stationd/station.toml", "sha256": "ab" * 32, "value": {"max_v": 800.0, "droop": None},
              "defaults": ["pfe.pfe-a.max_v"]}  # fmt: skip
    assert config_screen(config)[2:] == ["[pfe.pfe-a]", "max_v = 800.0   # default", "# droop is not set"]


def test_the_newest_events_stay_when_there_is_no_room_for_all() -> None:
    events = [{"t": T, "level": "info", "event": f"event {number}", "fields": {}} for number in range(100)]
    lines = log_screen({**HEAD, "events": events, "dropped": 0}, ROWS)
    assert len(lines) == ROWS
    assert lines[-1].endswith("event 99")
    assert "older events" in lines[2]


def test_points_stand_under_their_unit_with_their_measure() -> None:
    lines = points_screen([{"point": "pfe-a.output_current", "unit": "mA"}, {"point": "pfe-a.output_on", "unit": ""}])
    assert lines[1] == "pfe-a. output_current (mA)  output_on"
