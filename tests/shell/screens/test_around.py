"""The first screen with what the client asked for beside the Status document: nothing that nobody asked for is shown as none."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stationd.shell.screens import typeset
from stationd.shell.screens.status import Around, status_screen
from tests.console.desk import STATUS, value
from tests.shell.screens.test_acting import AUTHORITIES, HOLDS, INTERLOCKS, VIEWS
from tests.shell.screens.test_line import VERDICT
from tests.shell.screens.test_plant import holds
from tests.shell.screens.test_status import CONTACT, LISTINGS, NAMES, STAMPS, STATUSES, TRIP, alarm, fits, listing
from tests.shell.scripted import STAMP

FIGURES = st.none() | st.builds(value, st.floats(0, 1e6) | st.integers(0, 10**6), st.sampled_from(["s", "Hz", ""]))
HEALTH = st.fixed_dictionaries(
    {},
    optional={
        "mqtt": st.none() | st.fixed_dictionaries({"connected": st.booleans()}), "scrape": st.fixed_dictionaries({"age": FIGURES}),
        "sparkplug": st.none() | st.fixed_dictionaries({"connected": st.booleans()}), "daemon": st.fixed_dictionaries({"up": FIGURES}),
        "sampler": st.none() | st.fixed_dictionaries({"running": st.booleans(), "rate": FIGURES, "missed": FIGURES}),
        "journal": st.fixed_dictionaries({"outbox_records": FIGURES}),
    },
)  # fmt: skip
CLOCKS = st.fixed_dictionaries(
    {"synchronised": st.booleans(), "error_max": FIGURES, "local": st.just("2026-11-23T03:04:12.123+05:00"), "daemon_up": FIGURES}
)
AROUND = st.builds(
    Around,
    authority=st.none() | AUTHORITIES, holds=st.none() | st.lists(HOLDS, max_size=6),
    interlocks=st.none() | st.lists(INTERLOCKS, max_size=9),
    operations=st.none() | st.lists(VIEWS, max_size=3), health=st.none() | HEALTH, clock=st.none() | CLOCKS,
    shift=st.none() | st.fixed_dictionaries({"by": NAMES, "since": STAMPS, "yours": st.booleans()}),
)  # fmt: skip
CLOSED = [{"name": f"io1.di{n}", "feeds": ["pfe-a"], "closed": value(True, ""), "bypassedUntil": None} for n in range(9)]
ALL_WELL = Around(
    authority={
        "holder": "a.bekov", "place": "local", "yours": True, "released": False, "since": STAMP, "requestedBy": "", "keySwitch": None,
    },
    holds=[], interlocks=CLOSED, operations=[], shift={"by": "a.bekov", "since": STAMP, "yours": True},
    health={
        "sampler": {"running": True, "rate": value(1000.0, "Hz"), "missed": value(0, "")}, "mqtt": {"connected": True},
        "journal": {"outbox_records": value(0, "")}, "scrape": {"age": value(8.0, "s")},
    },
    clock={
        "synchronised": True, "error_max": value(0.0004, "s"), "local": "2026-11-23T03:04:12.000+05:00",
        "daemon_up": value(3_550_000.0, "s"),
    },
)  # fmt: skip
FAR = {"name": "Siyazan", "known": True, "why": "", "age": value(0.2, "s"), "shared": ["feed"],
       "feed": {"on": False, "current": value(0.0, "mA"), "voltage": value(0.0, "V")}}  # fmt: skip
LINE = {"name": "s1", "ends": {"a": "Aktau", "b": "Siyazan"}, "capacity": value(400.0, "Tb/s")}
NIGHT = {
    **STATUS, "verdict": VERDICT, "line": LINE, "far_end": FAR, "you": {"name": "a.bekov", "role": "power"},
    "buses": {"pfe": {"up": True}, "amps": {"up": True}},
}  # fmt: skip


@settings(max_examples=40, deadline=None)
@given(STATUSES, LISTINGS | st.none(), AROUND)
def test_the_first_screen_fits_whatever_was_asked_beside_it(status: dict[str, Any], alarms: dict[str, Any] | None, around: Around) -> None:
    assert fits(status_screen(status, alarms, 23, around), 23)
    every = status_screen(status, alarms, None, around)
    assert fits(every, None)
    for hold in (around.holds or ())[:2]:
        assert holds(every, typeset.ascii_only(hold["name"]))
        assert "NOT AN ISOLATION" in " ".join(" ".join(every).split())


def test_at_3_am_the_screen_is_whole_on_23_rows_and_says_each_thing_once() -> None:
    lines = status_screen(NIGHT, listing(TRIP, CONTACT, alarm("io/DOOR", "2026-11-22T21:10:44.000Z", severity="minor")), 23, ALL_WELL)
    text = "\n".join(lines)
    assert fits(lines, 23)
    assert len(text) <= 2000
    assert "more row" not in text
    for part in (
        "authority LOCAL a.bekov", "(03:04:12 +05)", "clock OK", "daemon up 41d02h", "data age 0.0 s", "you a.bekov (power)",
        "VERDICT LINE DOWN - THE FAULT IS NOT IN THIS STATION", "S1 Aktau - Siyazan   cable-cut for 3m04s   capacity 400 Tb/s",
        "PFE     pfe-a  ON   1000 mA   +1412 V   interlocks 9/9 OK", "loop 1000 Hz, 0 missed",
        "LINK    Siyazan age 0.2 s   MQTT up, queue 0   scraped 8s ago", "HOLDS none   BYPASSES none   OPERATION none",
        "SHIFT a.bekov since 22:43:31Z",
    ):  # fmt: skip
        assert part in text, part
    assert "traffic" not in text.lower()


def test_what_nobody_asked_for_is_not_shown_as_none() -> None:
    text = "\n".join(status_screen(NIGHT))
    for word in ("HOLDS", "BYPASSES", "OPERATION", "SHIFT", "authority", "interlocks", "loop", "MQTT", "clock"):
        assert word not in text, word


@pytest.mark.parametrize(
    ("interlocks", "said"),
    [
        ([*CLOSED[:8], {**CLOSED[8], "closed": value(False, "")}], "interlocks 8/9 NOT OK"),
        ([*CLOSED[:8], {**CLOSED[8], "closed": value(None, "", "bad")}], "interlocks 8/9 NOT OK"),
        ([*CLOSED[:8], {**CLOSED[8], "bypassedUntil": STAMP}], "interlocks 9/9 OK BYPASSED io1.di8"),
    ],
)
def test_an_interlock_that_is_open_not_known_or_bypassed_is_never_one_that_is_well(interlocks: list[dict[str, Any]], said: str) -> None:
    text = " ".join(" ".join(status_screen(NIGHT, None, None, ALL_WELL._replace(interlocks=interlocks))).split())
    assert said in text
    assert ("BYPASSES io1.di8 until" in text) == ("BYPASSED" in said)


@pytest.mark.parametrize(
    ("fault", "interlock", "said"),
    [
        (value(True, ""), value(False, ""), "   fault yes   interlock no"),
        (value(None, "", "bad"), value(None, "", "bad"), "   fault no value   interlock no value"),
        (value(False, ""), value(True, ""), ""),
    ],
)
def test_a_fault_and_an_interlock_that_stops_a_unit_are_shown_and_what_is_well_is_not(fault: object, interlock: object, said: str) -> None:
    feed = {**STATUS["power_feeds"]["pfe-a"], "fault": fault, "interlock": interlock}
    lines = status_screen({**STATUS, "power_feeds": {"pfe-a": feed}})
    assert f"PFE     pfe-a  ON   1000 mA   +1412 V{said}" in lines


def test_an_unsure_clock_marks_the_time_and_a_held_operation_is_what_comes_next() -> None:
    operation = {"name": "OP-42", "object": "pfe-a", "phase": "held"}
    around = ALL_WELL._replace(clock={**(ALL_WELL.clock or {}), "synchronised": False}, operations=[operation])
    text = "\n".join(status_screen(NIGHT, None, None, around))
    assert "~2026-11-22 22:04:12Z" in text
    assert "CLOCK NOT SYNCED" in text
    assert "OPERATION OP-42 pfe-a HELD" in text
    assert "Next:  show operations OP-42" in text
    unsure = {**listing(), "asOf": {"t": "2026-11-22T22:05:09.000Z", "synchronised": False}}
    assert "CLOCK NOT SYNCED" in "\n".join(status_screen(NIGHT, unsure))


def test_when_much_is_wrong_every_part_still_says_its_line() -> None:
    dark = {f"fp{n}-rx": {"los": value(True, ""), "power": value(-60.0, "dBm")} for n in range(8)}
    amplifiers = {f"fp{n}-preamp": {"up": True, "los": value(True, ""), "input_power": value(-60.0, "dBm")} for n in range(8)}
    since = "2026-11-22T22:05:09.000Z"
    alarms = listing(*(alarm(f"fp{n}-preamp/T-{n}", since) for n in range(9)))
    lines = status_screen({**NIGHT, "taps": dark, "amplifiers": amplifiers}, alarms, 23, ALL_WELL)
    assert fits(lines, 23)
    starts = {line.split()[0] for line in lines if line[:1].isalpha()}
    assert {"VERDICT", "LINE", "PFE", "FAR", "AMPS", "OPTICAL", "LINK", "ALARMS", "HOLDS", "Next:"} <= starts
    assert any("more row" in line and "show status" in line for line in lines)


@pytest.mark.parametrize("rows", range(19, 30))
def test_no_part_of_the_plant_is_cut_in_two(rows: int) -> None:
    name = "a station with a name that takes more than a row of any screen, for once"
    status = {**NIGHT, "line": {**LINE, "name": name}, "far_end": {**FAR, "name": name}}
    lines = status_screen(status, listing(TRIP), rows, ALL_WELL)
    every = "\n".join(status_screen(status, listing(TRIP), None, ALL_WELL))
    begin = next((number for number, line in enumerate(lines) if line.startswith("LINE ")), None)
    assert fits(lines, rows)
    if begin is not None:
        end = next(number for number, line in enumerate(lines) if "more row" in line or (number > begin and line == typeset.RULE))
        after = every.partition("\n".join(lines[begin:end]))[2].split("\n")[1]
        assert not after.startswith(" " * 8)  # what comes next is no second row of what was shown last
