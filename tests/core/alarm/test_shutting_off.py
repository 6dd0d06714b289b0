"""A booster that shuts itself off because its pair receives nothing is no fault of ours; one that fails by itself is, and is told.

The taps of two fibre pairs, on the plan that every station has. The order in which fibres go dark is that of their samples.
"""

from __future__ import annotations

import pytest

from stationd.core.alarm.builtin import plan
from stationd.core.alarm.plan import SHUT_OFF_S, Facts, Unit
from stationd.core.alarm.type import AlarmKey
from stationd.core.model import PointId
from tests.core.alarm.plans import Desk

LINE_DOWN = AlarmKey("line", "LINE-DOWN")
OFF_S = 0.6  # after its pair has gone dark: 550 ms of persistence and a little


def lost(name: str) -> AlarmKey:
    return AlarmKey(name, "LIGHT-LOST")


def taps() -> Desk:
    """Return the desk of a station with light on both of its pairs."""
    ways = [(n, way) for n in (1, 2) for way in ("rx", "tx")]
    units = [Unit(f"fp{n}-{way}", "tap", {"power": 0.1, "los": 0.1}, fibre_pair=n, receives=way == "rx") for n, way in ways]
    boosters = [Unit(f"fp{n}-booster", "amplifier", {"pump_on": 1.0}, "amps", n, receives=False) for n in (1, 2)]
    desk = Desk(plan(Facts((*units, *boosters), ("amps",), repeatered=True)))
    for unit in units:
        desk.read(PointId(unit.name, "los"), False)
    for unit in boosters:
        desk.read(PointId(unit.name, "pump_on"), True)
    desk.wait(1.0)
    return desk


def dark(desk: Desk, *names: str, after_s: float = OFF_S, light: bool = False) -> None:
    for name in names:
        desk.read(PointId(name, "los"), not light)
    desk.wait(after_s)


def told(desk: Desk) -> list[str]:
    return [str(each.key) for each in desk.told()]


def test_a_cut_is_one_message_though_the_boosters_shut_off_after_it() -> None:
    desk = taps()
    dark(desk, "fp1-rx", "fp2-rx")
    dark(desk, "fp1-tx", "fp2-tx", after_s=600.0)
    assert told(desk) == ["line/LINE-DOWN"]
    assert [desk.letter(lost(f"fp{n}-tx")) for n in (1, 2)] == ["H", "H"]


def test_one_fibre_that_breaks_is_one_message_and_the_booster_of_its_pair_belongs_to_it() -> None:
    desk = taps()
    dark(desk, "fp1-rx")
    dark(desk, "fp1-tx", after_s=60.0)
    assert told(desk) == ["fp1-rx/LIGHT-LOST"]


def test_a_transmitter_that_fails_while_its_pair_is_lit_is_told_at_once() -> None:
    desk = taps()
    dark(desk, "fp1-tx", after_s=0.0)
    assert told(desk) == ["fp1-tx/LIGHT-LOST"]


def test_a_transmitter_that_failed_first_is_told_also_when_the_far_end_shuts_off_because_of_it() -> None:
    desk = taps()
    dark(desk, "fp1-tx", "fp2-tx", after_s=OFF_S)  # both: the supply of our boosters
    dark(desk, "fp1-rx", "fp2-rx", after_s=60.0)
    assert told(desk)[:2] == ["fp1-tx/LIGHT-LOST", "fp2-tx/LIGHT-LOST"]
    assert [desk.letter(lost(f"fp{n}-tx")) for n in (1, 2)] == ["B", "B"]
    assert desk.letter(LINE_DOWN) == "B"


@pytest.mark.parametrize("after_s", [SHUT_OFF_S + 0.1, 120.0, 7200.0])
def test_a_transmitter_that_goes_on_in_the_dark_and_fails_later_is_told(after_s: float) -> None:
    desk = taps()
    dark(desk, "fp1-rx", "fp2-rx", after_s=after_s)
    dark(desk, "fp1-tx", after_s=0.0)
    assert desk.letter(lost("fp1-tx")) == "B"
    assert told(desk) == ["line/LINE-DOWN", "fp1-tx/LIGHT-LOST"]


def test_another_pair_that_is_dark_explains_no_transmitter() -> None:
    desk = taps()
    dark(desk, "fp2-rx")
    dark(desk, "fp1-tx", after_s=60.0)
    assert sorted(told(desk)) == ["fp1-tx/LIGHT-LOST", "fp2-rx/LIGHT-LOST"]


def test_a_booster_that_tries_with_pulses_while_the_cable_is_cut_tells_nobody_each_time() -> None:
    desk = taps()
    dark(desk, "fp1-rx", "fp2-rx")
    dark(desk, "fp1-tx", after_s=100.0)
    for _ in range(5):
        dark(desk, "fp1-tx", light=True, after_s=9.0)
        dark(desk, "fp1-tx", after_s=91.0)
    assert told(desk) == ["line/LINE-DOWN"]


def test_a_transmitter_that_stays_dark_when_the_line_is_back_is_told_when_it_had_time_to_come_back() -> None:
    desk = taps()
    dark(desk, "fp1-rx", "fp2-rx")
    dark(desk, "fp1-tx", after_s=60.0)
    dark(desk, "fp1-rx", "fp2-rx", light=True, after_s=120.0)
    assert told(desk) == ["line/LINE-DOWN", "fp1-tx/LIGHT-LOST"]


def test_a_transmitter_that_fails_when_the_line_is_just_back_is_told_at_once() -> None:
    desk = taps()
    dark(desk, "fp1-rx", "fp2-rx", after_s=30.0)
    dark(desk, "fp1-rx", "fp2-rx", light=True, after_s=5.0)
    dark(desk, "fp1-tx", after_s=0.0)
    assert told(desk) == ["line/LINE-DOWN", "fp1-tx/LIGHT-LOST"]


def test_pumps_that_are_off_are_told_also_in_a_cut_since_their_reading_does_not_say_what_came_first() -> None:
    desk = taps()
    dark(desk, "fp1-rx", "fp2-rx")
    desk.read(PointId("fp1-booster", "pump_on"), False)
    desk.wait(10.0)
    assert told(desk) == ["line/LINE-DOWN", "fp1-booster/PUMP-OFF"]
