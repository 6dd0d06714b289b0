"""A set value that is outside its limits already may come nearer to them, step by step, and never go further out."""

from __future__ import annotations

import pytest

from stationd.core.operation.words import Accepted, Cause
from tests.core.operation.setting import GAIN, Setting, causes


def outside(gain_db: float) -> Setting:
    """Return a desk whose unit is set outside its limits of 10 to 30 dB, in steps of 1 dB."""
    points = Setting()
    points.read_all({GAIN: gain_db}, times=2)
    return points


def test_it_is_brought_back_step_by_step() -> None:
    points = outside(31.5)
    for value in (30.5, 29.5):
        points.read_all()
        assert points.stage(value) == Accepted((str(GAIN),), "staged, nothing is sent")
        assert isinstance(points.apply(), Accepted)
        points.carry_out()
        assert points.set_to(GAIN) == value


@pytest.mark.parametrize(("stands", "wanted"), [(31.5, 32.0), (31.5, 9.5), (8.5, 8.0), (8.5, 30.5), (29.5, 30.5), (10.5, 9.5)])
def test_nothing_else_outside_its_limits_is_staged(stands: float, wanted: float) -> None:
    assert Cause.STEP_LIMIT in causes(outside(stands).stage(wanted))


def test_a_step_toward_the_limits_is_no_larger_than_any_other() -> None:
    assert causes(outside(33.5).stage(30.5)) == {Cause.STEP_LIMIT}


def test_what_was_brought_nearer_is_not_taken_back_to_further_outside() -> None:
    points = outside(31.5)
    points.applied_gain(30.5, within_s=60.0)
    points.wait_over()
    for _ in range(3):
        points.read_all()
    assert points.set_to(GAIN) == 30.5
    assert points.state == "left"
