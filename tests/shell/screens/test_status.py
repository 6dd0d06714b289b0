"""The screens: 80x24, 7-bit ASCII, nothing cut off, nothing missing shown as there."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stationd.shell.screens import alarms as alarm_screens
from stationd.shell.screens import folding, typeset
from stationd.shell.screens import status as screens
from tests.console.desk import CRITICAL, DEVICE_LOST, KEYS, STATUS, Desk, serving, value

NAMES = st.text(max_size=40) | st.sampled_from(["fp1-booster", "pfe-a", "усилитель", "a\x1b[2Jb"])
QUALITIES = ["good", "sim", "uncertain", "stale", "bad"]
VALUES = st.one_of(
    st.none(),
    st.builds(
        lambda v, u, q: value(None if q in ("stale", "bad") else v, u, q, **({"last": v} if q == "stale" else {})),
        st.floats(allow_nan=False, allow_infinity=False) | st.booleans() | st.integers() | st.text(max_size=12) | st.none(),
        st.sampled_from(["dBm", "mA", "V", "", "degC"]),
        st.sampled_from(QUALITIES),
    ),
)
DEVICES = st.dictionaries(
    NAMES,
    st.dictionaries(
        st.sampled_from("input_power output_power output_current output_voltage output_on los fault power regulation".split()),
        VALUES,
    ).map(lambda points: {"up": len(points) % 2 == 0, **points}),
    max_size=8,
)
STATUSES = st.fixed_dictionaries(
    {},
    optional={
        "station": NAMES,
        "operator": NAMES,
        "mode": st.sampled_from(["live", "sim", "hil"]),
        "t": st.just("2026-11-22T22:04:12.000Z"),
        "local": st.just("2026-11-23T03:04:12+05:00"),
        "quality": st.fixed_dictionaries({word: st.integers(0, 9999) for word in QUALITIES}),
        "power_feeds": DEVICES,
        "amplifiers": DEVICES,
        "taps": DEVICES,
        "buses": st.dictionaries(NAMES, st.fixed_dictionaries({"up": st.booleans()}), max_size=6),
        "you": st.fixed_dictionaries({"name": NAMES, "role": st.just("operate")}),
    },
)
STAMPS = st.fixed_dictionaries(
    {"t": st.sampled_from(["2026-11-22T22:01:07.123Z", "2025-01-01T00:00:00.000Z"]), "synchronised": st.booleans() | st.none()}
)
SHELVES = st.none() | st.fixed_dictionaries({"until": STAMPS, "by": NAMES, "reason": NAMES})
ALARMS = st.fixed_dictionaries(
    {
        "key": st.sampled_from([str(key) for key in KEYS] + ["x" * 90 + "/Y", "усилитель/LOW"]),
        "letter": st.sampled_from("BCDEFGHI"),
        "severity": st.sampled_from(sorted(alarm_screens.SHORT)),
        "unknown": st.booleans(),
        "since": STAMPS | st.none(),
        "age": st.floats(0, 1e9).map(lambda seconds: value(seconds, "s")),
        "text": st.text(max_size=120),
        "firstAction": st.text(max_size=200),
        "hides": st.integers(0, 999).map(lambda count: value(count, "")),
        "causes": st.lists(st.sampled_from([str(key) for key in KEYS]), max_size=3),
        "firstOut": st.booleans(),
        "occurrence": st.integers(1, 10**6),
        "shelf": SHELVES,
        "outage": st.none() | st.fixed_dictionaries({"review": STAMPS, "by": NAMES, "second": NAMES, "reason": NAMES}),
        "seen": st.none() | st.fixed_dictionaries({"by": NAMES, "note": NAMES, "at": STAMPS}),
    }
)
LISTINGS = st.fixed_dictionaries(
    {
        "alarms": st.lists(ALARMS, max_size=12),
        "asOf": st.just({"t": "2026-11-22T22:05:09.000Z", "synchronised": True}),
        "total": st.integers(0, 2000),
    }
)


def fits(lines: list[str], rows: int | None = 24) -> bool:
    assert max(map(len, lines)) <= 79
    assert all(" " <= sign <= "~" for line in lines for sign in line)
    return rows is None or len(lines) <= rows


@settings(max_examples=40, deadline=None)
@given(status=STATUSES, alarms=LISTINGS | st.none())
def test_the_status_of_any_station_fits_the_screen(status: dict[str, Any], alarms: dict[str, Any] | None) -> None:
    assert fits(screens.status_screen(status, alarms))
    assert fits(screens.status_screen(status, alarms, 19), 20)
    assert all(" " <= sign <= "~" for line in screens.status_lines(status, alarms) for sign in line)


@settings(max_examples=40, deadline=None)
@given(status=STATUSES, alarms=LISTINGS)
def test_any_list_of_alarms_fits_the_screen_and_each_alarm_is_on_it_or_counted(status: dict[str, Any], alarms: dict[str, Any]) -> None:
    lines = alarm_screens.alarms_screen(status, alarms)
    assert fits(lines)
    every = alarm_screens.alarms_screen(status, alarms, rows=None)
    assert fits(every, None)
    assert told(lines, alarms["alarms"]) == told(every, alarms["alarms"]) == len(alarms["alarms"])
    assert len(alarm_screens.alarm_lines(alarms)) == len(alarms["alarms"])


def told(lines: list[str], alarms: list[dict[str, Any]]) -> int:
    """Return how many alarms a screen shows, one row for those that are one event, or counts."""
    begin = next(number for number, line in enumerate(lines) if line.startswith("--- ----- "))
    rows = lines[begin + 1 : lines.index(typeset.RULE)]
    more = sum(int(row.split()[1]) for row in rows if row.startswith("and "))
    shown = sum(1 for row in rows if row[0] in "BCDEFGHI")
    return more + sum(len(group) for group in folding.folded(alarms)[:shown])


def alarm(key: str, since: str, **more: Any) -> dict[str, Any]:
    usual = {"key": key, "letter": "B", "severity": "critical", "unknown": False, "since": {"t": since, "synchronised": True}, "seen": None}
    usual |= {"age": value(12.0, "s"), "text": "Power feed has tripped", "firstAction": "call", "hides": value(1, ""), "firstOut": False}
    return {**usual, "causes": [], "occurrence": 1, "shelf": None, "outage": None, **more}


def listing(*alarms: dict[str, Any]) -> dict[str, Any]:
    return {"alarms": list(alarms), "asOf": {"t": "2026-11-22T22:05:09.000Z", "synchronised": True}, "total": len(alarms)}


TRIP, CONTACT = alarm("pfe/PFE-TRIP", "2026-11-22T22:05:01.584Z"), alarm("io/PFE-TRIP/di8", "2026-11-22T22:05:01.194Z")


def test_alarms_of_the_same_type_and_onset_are_one_row_with_all_their_keys_and_the_desk_counts_each() -> None:
    both = listing(CONTACT, TRIP)
    shown = "\n".join(alarm_screens.alarms_screen(STATUS, both))
    assert shown.count("Power feed has") == 1
    assert "io/PFE-TRIP/di8 + pfe/PFE-TRIP" in shown
    assert "hides 2 alarms" in shown
    glance = "\n".join(screens.status_screen(STATUS, both))
    assert "2 critical" in glance
    assert glance.count("PFE-TRIP") == 4  # both keys on one row, and in the order that acknowledges both
    assert len(alarm_screens.alarm_lines(both)) == 2


@pytest.mark.parametrize(
    "other",
    [
        alarm("io/PFE-TRIP/di8", "2026-11-22T22:05:04.000Z"), alarm("io/MAINS-FAIL", "2026-11-22T22:05:01.584Z"),
        {**CONTACT, "letter": "C"}, {**CONTACT, "severity": "major"}, {**CONTACT, "since": None},
    ],
    ids=["later", "another type", "acknowledged", "less severe", "no time"],
)  # fmt: skip
def test_alarms_that_differ_in_more_than_their_source_are_rows_of_their_own(other: dict[str, Any]) -> None:
    assert len(folding.folded([TRIP, other])) == 2


def test_what_an_alarm_says_of_itself_this_time_is_on_the_screen_and_in_the_plain_line() -> None:
    lost = listing(alarm("station/FAR-STATION-LOST", "2026-11-22T22:05:01.000Z", note="no key: file:/x is empty"))
    assert "(no key: file:/x is empty)" in "\n".join(alarm_screens.alarms_screen(STATUS, lost))
    assert "no key: file:/x is empty; first:" in alarm_screens.alarm_lines(lost)[0]


def test_a_flood_of_one_type_is_one_row_that_names_some_and_counts_the_others() -> None:
    many = [alarm(f"fp{pair}-preamp/LIGHT-LOST", "2026-11-22T22:05:01.000Z") for pair in range(1, 25)]
    lines = alarm_screens.alarms_screen(STATUS, listing(*many))
    assert fits(lines)
    assert "and 21 more" not in "\n".join(lines)
    assert "+ 21 more" in " ".join(" ".join(lines).split())


def test_the_list_that_does_not_fit_names_the_command_that_shows_that_list_whole() -> None:
    many = [alarm(f"u{number}/T-{number}", "2026-11-22T22:05:01.000Z") for number in range(30)]
    lines = alarm_screens.alarms_screen(STATUS, listing(*many), 23, "show alarms suppressed")
    assert fits(lines, 23)
    assert any(row.endswith("more: stationctl --plain show alarms suppressed") for row in lines)


def test_a_status_without_a_screen_is_whole() -> None:
    many = {f"amp-{number:02}": {"up": True, "los": value(True, "")} for number in range(3)}
    status = {**STATUS, "amplifiers": many, "taps": {f"tap-{n}": {"los": value(True, "")} for n in range(2)}}
    alarms = listing(*(alarm(f"u{number}/T-{number}", "2026-11-22T22:05:01.000Z") for number in range(30)))
    whole = screens.status_screen(status, alarms, None)
    assert len(whole) > 40
    assert not any("more rows" in row or row.startswith("and ") for row in whole)


@given(st.floats(allow_nan=False, allow_infinity=False, min_value=-1e5, max_value=1e5), st.sampled_from(["dBm", "mA", "V", "", "degC"]))
def test_no_number_is_cut_off(known: float, unit: str) -> None:
    shown = float(typeset.number(known, unit))
    assert shown == pytest.approx(known, rel=1e-11, abs=0.5 * 10 ** -typeset.DECIMALS.get(unit, 11) * 1.0001)


@pytest.mark.parametrize(
    ("form", "shown"),
    [
        (None, "--"),
        ({}, "--"),
        (value(None, "mA", "bad", why="timeout"), "no value"),
        (value(None, "dBm", "bad", why="below-range"), "BELOW RANGE"),
        (value(None, "mA", "stale", last=1000.0), "1000? mA STALE"),
        (value(-18.31, "dBm"), "-18.31 dBm"),
        (value(3.0, "dBm", "sim"), "+3 dBm"),
        (value(1000.0, "mA", "uncertain"), "1000? mA"),
        (value(True, ""), "yes"),
        (value(0.0, "dBm"), "0 dBm"),
        (value("cc", ""), "cc"),
    ],
)
def test_a_value_that_is_not_good_never_looks_good(form: object, shown: str) -> None:
    assert typeset.value(form) == shown


@pytest.mark.parametrize(
    ("seconds", "shown"), [(0, "0s"), (59.9, "59s"), (242, "4m02s"), (11_040, "3h04m"), (41 * 86_400 + 7200, "41d02h"), (-5, "0s")]
)
def test_ages_are_short_and_right(seconds: float, shown: str) -> None:
    assert typeset.age(seconds) == shown


def test_a_time_says_when_the_clock_was_not_synchronised_and_when_it_is_of_another_day() -> None:
    assert typeset.clock({"t": "2026-11-22T22:01:07.123Z", "synchronised": True}, "2026-11-22T23:00:00Z") == "22:01:07"
    assert typeset.clock({"t": "2026-11-22T22:01:07.123Z", "synchronised": False}, "2026-11-22T23:00:00Z") == "~22:01:07"
    assert typeset.clock({"t": "2026-11-20T22:01:07.123Z", "synchronised": None}, "2026-11-22T23:00:00Z") == "11-20 22:01"


def test_the_status_shows_the_gravest_alarm_first_and_one_that_stands_before_one_that_is_gone() -> None:
    since = "2026-11-22T22:05:01.000Z"
    gone, stands = alarm("u1/GONE", since, severity="warning", letter="D"), alarm("u2/STANDS", since, letter="C")
    left, warns = alarm("u3/LEFT", since, letter="D"), alarm("u4/WARNS", since, severity="warning", letter="B")
    text = "\n".join(screens.status_screen(STATUS, listing(gone, left, warns, stands)))
    assert sorted(("STANDS", "LEFT", "WARNS", "GONE"), key=text.index) == ["STANDS", "LEFT", "WARNS", "GONE"]


def test_one_of_a_thing_is_told_in_the_singular() -> None:
    assert (typeset.counted(1, "alarm"), typeset.counted(2, "alarm"), typeset.counted(0, "alarm")) == ("1 alarm", "2 alarms", "0 alarms")
    shown = alarm_screens.alarms_screen(STATUS, listing(alarm("u1/TRIP", "2026-11-22T22:05:01.000Z")))
    assert "hides 1 alarm of this cause" in "\n".join(shown)


def test_the_status_names_what_is_wrong_and_shows_no_row_of_what_there_is_not() -> None:
    text = "\n".join(screens.status_screen({**STATUS, "you": {"name": "a.bekov", "role": "operate"}}))
    for part in (
        "AKTAU LIVE",
        "2026-11-22 22:04:12Z",
        "you a.bekov (operate)",
        "PFE     pfe-a  ON   1000 mA   +1412 V",
        "fp2-booster  LOS, fault no value   in -41.2 dBm",
        "OPTICAL 0 of 1 inputs have light",
        "not known   -18.3? dBm STALE",
        "DOWN: amps",
    ):
        assert part in text, part
    assert "ALARMS" not in text
    lacking = {"up": True, "los": value(None, "", "bad", why="not-offered"), "input_power": value(-18.3, "dBm")}
    shown = screens.status_screen({**STATUS, "amplifiers": {"fp1-booster": lacking}})
    assert "AMPS    1 of 1 answer   1 without a fault" in shown
    empty = "\n".join(screens.status_screen({"station": "x", "mode": "sim"}))
    assert not any(word in empty for word in ("PFE", "AMPS", "OPTICAL", "BUSES", "ALARMS"))


async def test_what_has_gone_unseen_still_says_what_to_do_first() -> None:
    async with serving(desk=Desk()) as served:
        for key in (DEVICE_LOST, CRITICAL):
            served.desk.signal(key, True)
            served.desk.signal(key, False)
        listing = (await (await served.caller()).call("io.stationd.Alarm.List"))["parameters"]
    assert sorted(alarm["letter"] for alarm in listing["alarms"]) == ["D", "E"]
    text = " ".join(" ".join(alarm_screens.alarms_screen(STATUS, listing, None)).split())
    for alarm in listing["alarms"]:
        assert f"-> {alarm['firstAction']}; ack when understood" in text


async def test_the_screen_of_alarms_tells_what_to_do_and_who_has_seen_it() -> None:
    async with serving(desk=Desk()) as served:
        served.desk.signal(DEVICE_LOST, True)
        served.desk.signal(CRITICAL, True)
        caller = await served.caller()
        await caller.call("io.stationd.Alarm.Acknowledge", {"keys": [str(DEVICE_LOST)], "note": "jointer on site"})
        listing = (await caller.call("io.stationd.Alarm.List"))["parameters"]
        await asyncio.sleep(0)
    lines = alarm_screens.alarms_screen(STATUS, listing)
    text = "\n".join(lines)
    assert fits(lines)
    assert "B!  CRIT" in text
    assert "-> " in text
    assert "uid 4242" in text
    assert "jointer on site" in text
    assert "F latched, needs reset" in text
