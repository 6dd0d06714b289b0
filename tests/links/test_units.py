"""What the owner of a line keeps of its units when the units on it become others."""

from __future__ import annotations

from stationd.links.turnaround import Timing
from stationd.links.units import Units
from tests.links.test_bus import read

SLOW = Timing(late_s=2.0)


def test_a_late_answer_is_kept_apart_also_when_its_unit_is_declared_again() -> None:
    units = Units()
    units.declare(1, SLOW)
    units.hold(read(1), 100.0)
    assert units.quiet_until(read(1)) == 102.0
    units.keep_only({1, 2})
    units.declare(1, Timing())
    units.declare(2, Timing())
    assert units.quiet_until(read(1)) == 102.0
    assert units[1].late_s == 2.0


def test_a_unit_that_is_asked_no_more_is_none_that_could_be_mute() -> None:
    units = Units()
    for unit in (1, 2):
        units.declare(unit, Timing())
    units.keep_only({2})
    assert set(units.addresses()) == {2}
