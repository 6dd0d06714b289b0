"""The screens of the line and its faults: 79 columns, 24 rows, 7-bit ASCII, and nothing missing shown as there."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stationd.shell.screens import line as line_screens
from stationd.shell.screens import status as screens
from stationd.shell.wish import Kind
from tests.console.desk import STATUS, value
from tests.shell.screens.test_status import NAMES, fits

TIMES = st.sampled_from(["2026-11-22T22:01:07.123Z", "2026-11-22T22:01:07.388123Z", "", None])
NUMBERS = st.floats(allow_nan=False, allow_infinity=False)


def figures(unit: str) -> st.SearchStrategy[Any]:
    return st.none() | st.builds(value, NUMBERS | st.floats(-20_000, 20_000) | st.none(), st.just(unit), st.sampled_from(["good", "sim"]))


PLACES = st.none() | st.fixed_dictionaries({name: figures("km") for name in ("km", "low_km", "high_km")})
VERDICTS = st.fixed_dictionaries(
    {},
    optional={
        "kind": st.sampled_from(["healthy", "shunt", "cable-cut"]),
        "sentence": st.text(max_size=60),
        "where": st.text(max_size=100),
        "confidence": st.sampled_from(["high", "medium", "low"]),
        "ours": st.sampled_from(sorted(line_screens.OURS)),
        "why": st.lists(st.text(max_size=100), max_size=9),
        "next": st.lists(st.text(max_size=60), max_size=9),
        "since": TIMES,
        "one_end": st.booleans(),
        "place": PLACES,
    },
)
LINES = st.fixed_dictionaries(
    {},
    optional={
        "name": st.text(max_size=20), "length_km": NUMBERS, "ends": st.fixed_dictionaries({"a": NAMES, "b": NAMES}),
        "repeaters_km": st.lists(NUMBERS, max_size=5),
    },
)  # fmt: skip
FEEDS = st.none() | st.fixed_dictionaries(
    {"on": st.none() | st.booleans(), "current": figures("mA"), "voltage": figures("V"), "age": figures("s"), "regulation": st.just("cc")}
)
PAIRS = st.fixed_dictionaries(
    {"number": st.integers(1, 99), "lost": st.none() | st.booleans()},
    optional={
        **{name: figures("dBm") for name in line_screens.LEVELS}, "remark": st.text(max_size=60),
        "far": st.none() | st.fixed_dictionaries({"lost": st.none() | st.booleans(), "receive": figures("dBm")}),
    },
)  # fmt: skip
WHOLE_LINES = st.fixed_dictionaries(
    {},
    optional={
        "station": NAMES, "t": TIMES, "line": LINES, "verdict": VERDICTS, "near": FEEDS, "far": FEEDS,
        "far_station": st.fixed_dictionaries({"name": NAMES, "known": st.booleans(), "why": st.text(max_size=50)}),
        "virtual_earth": figures("km"), "residual": figures("V"), "pairs": st.lists(PAIRS, max_size=24),
        "learnt": st.none() | st.fixed_dictionaries({"resistance": figures("Ohm/km"), "resistance_sigma": figures("Ohm/km")}),
        "baseline": st.none() | st.fixed_dictionaries({"t": TIMES, "who": NAMES, "note": NAMES}),
    },
)  # fmt: skip
METHODS = st.lists(
    st.fixed_dictionaries(
        {"method": st.text(max_size=50), "km": figures("km"), "half": figures("km"), "weight": st.just("high"), "why": st.text(max_size=60)}
    ),
    max_size=7,
)
SEQUENCES = st.lists(
    st.fixed_dictionaries({"t": TIMES, "what": NAMES, "where": NAMES, "uncertainty": figures("s"), "first": st.booleans()}), max_size=20
)
SECTIONS = st.fixed_dictionaries({"after": st.none() | st.integers(1, 9), "after_km": NUMBERS, "before": st.none(), "before_km": NUMBERS})
FAULTS = st.fixed_dictionaries(
    {"id": st.just("F-2026-11-22-1")},
    optional={
        "opened": TIMES, "synchronised": st.booleans(), "standing": st.booleans(), "complete": st.booleans(), "line": LINES,
        "verdict": VERDICTS, "methods": METHODS, "sequence": SEQUENCES, "sentence": st.text(max_size=60), "where": st.text(max_size=90),
        "section": st.none() | SECTIONS,
    },
)  # fmt: skip
BASELINES = st.none() | st.fixed_dictionaries(
    {"t": TIMES, "who": NAMES, "values": st.dictionaries(NAMES, figures("dBm"), max_size=40)},
    optional={"note": NAMES, "far_current": figures("mA")},
)


@settings(max_examples=40, deadline=None)
@given(WHOLE_LINES)
def test_any_line_fits_the_screen_and_each_pair_is_on_it_or_counted(line: dict[str, Any]) -> None:
    assert fits(line_screens.line_screen(line))
    every = line_screens.line_screen(line, None)
    assert fits(every, None)
    at = every.index(line_screens.PAIR_HEAD)
    for pair in line.get("pairs", ()):
        assert any(row.startswith(f"{pair['number']} ") for row in every[at + 1 :])


@settings(max_examples=40, deadline=None)
@given(FAULTS)
def test_any_fault_fits_the_screen(fault: dict[str, Any]) -> None:
    assert fits(line_screens.fault_screen(fault))
    assert fits(line_screens.fault_screen(fault, rows=None), None)
    assert fits(line_screens.faults_screen([fault] * 30))


@settings(max_examples=40, deadline=None)
@given(BASELINES)
def test_any_baseline_fits_the_screen(baseline: dict[str, Any] | None) -> None:
    assert fits(line_screens.baseline_screen(baseline))


@settings(max_examples=40, deadline=None)
@given(VERDICTS)
def test_the_status_begins_with_any_verdict_and_still_fits(verdict: dict[str, Any]) -> None:
    lines = screens.status_screen({**STATUS, "verdict": verdict})
    assert fits(lines)
    assert any(line.startswith("VERDICT") for line in lines[:5])


CLOCKS = value(0.0005, "s")
VERDICT = {
    "kind": "cable-cut", "ours": "no", "confidence": "high", "sentence": "LINE DOWN - THE FAULT IS NOT IN THIS STATION", "one_end": False,
    "where": "Sea cable, 118.4 km from Aktau (+-0.3)", "why": ["all 8 pairs dark within 3 ms", "V and I of both ends agree"],
    "next": ["read it to the NOC"], "since": "2026-11-22T22:01:07.388Z",
    "place": {name: value(km, "km") for name, km in (("km", 118.4), ("low_km", 118.1), ("high_km", 118.7))},
}  # fmt: skip
FAULT = {
    "id": "F-2026-11-22-1", "opened": "2026-11-22T22:01:07.412Z", "synchronised": True, "standing": True, "complete": True,
    "line": {"name": "s1", "ends": {"a": "aktau", "b": "siyazan"}, "length_km": 341.0}, "verdict": VERDICT,
    "section": {"after": 1, "after_km": 68.2, "before": 2, "before_km": 136.4},
    "methods": [
        {"method": "aktau voltage / cable model", "km": value(118.5, "km"), "half": None, "weight": "medium", "why": "this end alone"},
        {"method": "both ends together", "km": value(118.4, "km"), "half": value(0.3, "km"), "weight": "high", "why": "residual +1.2 V"},
    ],
    "sequence": [
        {"t": "2026-11-22T22:01:07.388123Z", "what": "light-lost", "where": "aktau fp3-rx", "first": True, "uncertainty": CLOCKS},
        {"t": "2026-11-22T22:01:07.412Z", "what": "VOLTAGE-STEP", "where": "pfe-a", "uncertainty": None, "first": False},
    ],
    "sentence": VERDICT["sentence"], "where": VERDICT["where"], "ours": "no",
}  # fmt: skip


def test_the_first_screen_says_whose_it_is_before_anything_else() -> None:
    lines = screens.status_screen({**STATUS, "verdict": VERDICT})
    assert lines[3] == "VERDICT LINE DOWN - THE FAULT IS NOT IN THIS STATION            confidence HIGH"
    assert lines[4] == "        Sea cable, 118.4 km from Aktau (+-0.3).  since 22:01:07Z"
    assert "show fault" in lines[-1]
    assert "VERDICT" not in "\n".join(screens.status_screen(STATUS))


def test_the_screen_of_a_fault_shows_methods_sequence_and_whose_it_is() -> None:
    text = "\n".join(line_screens.fault_screen(FAULT))
    for part in (
        "FAULT F-2026-11-22-1   S1",
        "still there",
        "118.4 km from aktau (118.1 km to 118.7 km)",
        "between R1 (km 68.2) and R2 (km 136.4)",
        "both ends together",
        "high    residual +1.2 V",
        "22:01:07.388123Z light-lost aktau fp3-rx +- 0.0005 s first out",
        "NO, confidence HIGH.",
        "read it to the NOC",
        "support fault F-2026-11-22-1",
    ):
        assert part in text, part


def test_a_silent_far_end_is_shown_as_unknown_and_never_with_a_figure() -> None:
    line = {
        "station": "aktau", "line": {"name": "s1", "ends": {"a": "aktau", "b": "siyazan"}}, "verdict": VERDICT, "near": None, "far": None,
        "far_station": {"name": "siyazan", "known": False, "why": "silent for 4 s"}, "pairs": [{"number": 1, "lost": None}],
    }  # fmt: skip
    lines = line_screens.line_screen(line)
    assert "SIYAZAN     -- mA   -- V   unknown: silent for 4 s" in lines
    assert "AKTAU       -- mA   -- V   no good reading" in lines
    assert "MODEL       virtual earth --   residual --" in lines
    assert lines[-1].split() == ["1", "--", "--", "--", "--", "--", "--"]


@pytest.mark.parametrize("kind", [Kind.LINE, Kind.FAULT, Kind.FAULTS, Kind.BASELINE, Kind.TAKE, Kind.BUNDLE])
def test_each_answer_has_its_screen(kind: Kind) -> None:
    bundle = {"path": "/var/lib/stationd/bundles/F-2026-11-22-1.zip", "size": 81234, "sha256": "0" * 64, "complete": False}
    answer = {"line": {}, "fault": FAULT, "faults": [FAULT], "baseline": {"t": "2026-11-22T22:01:07Z", "who": "a.bekov"}, "bundle": bundle}
    assert fits(line_screens.shown(kind, answer, STATUS))


def test_the_status_shows_the_far_end_or_why_it_is_unknown() -> None:
    feed = {"on": True, "current": value(1000.0, "mA"), "voltage": value(252.8, "V")}
    far = {"name": "siyazan", "known": True, "why": "", "age": value(1.9, "s"), "feed": feed}
    assert "FAR     siyazan  ON   1000 mA   +252.8 V   age 1.9 s" in screens.status_screen({**STATUS, "far_end": far})
    lost = {**far, "known": False, "why": "silent for 4 s"}
    assert "FAR     siyazan  UNKNOWN: silent for 4 s; last heard 1s ago" in screens.status_screen({**STATUS, "far_end": lost})


LONG = {
    "id": "F-2026-11-22-1", "opened": "2026-11-22T22:01:07.123Z", "line": {},
    "verdict": {
        "sentence": "Conductor open: voltage to the limit, no current", "where": "sea cable", "ours": "no", "confidence": "high",
        "why": [f"reason {number} that goes on and on until it fills most of its row" for number in range(4)],
        "next": ["do not raise the voltage limit", "locate it: show fault"],
    },
    "methods": [{"method": f"method {number}", "weight": "low", "why": "a reason that takes more than one row"} for number in range(6)],
    "sequence": [{"t": "2026-11-22T22:01:07.388123Z", "what": "light-lost", "where": f"aktau fp{number}-rx"} for number in range(20)],
}  # fmt: skip


@pytest.mark.parametrize("rows", [19, 23, 30])
def test_a_fault_that_does_not_fit_still_says_whose_it_is_what_to_do_and_how_to_see_the_rest(rows: int) -> None:
    lines = line_screens.fault_screen(LONG, rows=rows)
    assert fits(lines, rows)
    assert any(line.startswith("OURS?       NO") for line in lines)
    assert any(line.startswith("NEXT") for line in lines)
    assert any(line.endswith("more rows: stationctl --plain show fault F-2026-11-22-1") for line in lines)


def test_the_screen_of_a_fault_does_not_send_its_reader_to_itself() -> None:
    assert not any(": show fault" in line for line in line_screens.fault_screen({**LONG, "methods": [], "sequence": []}, rows=None))


def test_a_far_end_that_is_unknown_says_when_it_was_heard_last_and_one_that_hides_its_feed_from_one_that_cannot_read_it() -> None:
    silent = {"name": "Siyazan", "known": False, "why": "no valid message since 22:01:07Z", "age": value(14.2, "s")}
    status = {**STATUS, "far_end": {**silent, "feed": None}}
    for shown in (line_screens.line_screen({"far_station": silent}), screens.status_screen(status)):
        assert "last heard 14" in " ".join(" ".join(shown).split())
    for shares, said in (([], "shared"), (["feed"], "cannot be read")):
        far = {"name": "Siyazan", "known": True, "why": "", "age": value(0.2, "s"), "shared": shares}
        for shown in (line_screens.line_screen({"far_station": far}), screens.status_screen({**STATUS, "far_end": {**far, "feed": None}})):
            assert said in "\n".join(shown)
