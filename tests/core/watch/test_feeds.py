"""The electrical memory of a station: which unit stands for the feed, and what may become normal."""

from __future__ import annotations

from dataclasses import replace

import pytest

from stationd.core.line.plan import FeedPoints
from stationd.core.line.words import End, Feed
from stationd.core.model import GOOD, PointId, Reading
from stationd.core.verdict.evidence import Power
from stationd.core.watch.feeds import FOLLOWED_V, FeedWatch
from tests.core.watch.watched_line import plan

MAIN, SPARE = "pfe", "pfe-b"
PLAN = plan(End.A)
TWO = replace(PLAN, feeds=(*PLAN.feeds, FeedPoints(SPARE, PointId(SPARE, "output_current"), PointId(SPARE, "output_voltage"), max_v=800.0)))


class Shown:
    """What the board shows of the feeds."""

    def __init__(self) -> None:
        self.readings: dict[PointId, Reading] = {}

    def show(self, device: str, current_ma: float, voltage_v: float, t: float) -> None:
        for name, value in (("output_current", current_ma), ("output_voltage", voltage_v)):
            point = PointId(device, name)
            self.readings[point] = Reading(point, value, GOOD, t)

    def hide(self, device: str) -> None:
        self.readings = {point: reading for point, reading in self.readings.items() if point.device != device}

    def look(self, point: PointId | None) -> Reading | None:
        return None if point is None else self.readings.get(point)


def test_a_spare_feed_that_idles_says_nothing_of_the_main_one_that_cannot_be_read() -> None:
    watch, shown = FeedWatch(TWO), Shown()
    shown.show(MAIN, 1000.0, 250.0, 1.0)
    shown.show(SPARE, 0.0, 200.0, 1.0)
    watch.read(shown.look)
    assert watch.here is Power.FEEDING
    shown.hide(MAIN)
    shown.show(SPARE, 0.0, 200.0, 2.0)
    watch.read(shown.look)
    assert (watch.here, watch.near) == (Power.UNKNOWN, None)


@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_a_panel_that_shows_signs_feeds_as_one_that_does_not(sign: float) -> None:
    watch, shown = FeedWatch(PLAN), Shown()
    shown.show(MAIN, sign * 1000.0, sign * 250.0, 1.0)
    watch.read(shown.look)
    watch.hear(Feed(sign * 999.0, sign * 251.0, 1.0))
    assert (watch.here, watch.there()) == (Power.FEEDING, Power.FEEDING)
    assert watch.near is not None
    assert (watch.near.current_ma, watch.near.voltage_v) == (1000.0, 250.0)


def test_a_leak_that_creeps_never_becomes_normal() -> None:
    watch, shown = FeedWatch(PLAN), Shown()
    t, volts = 0.0, 250.0
    for _ in range(30 * 24):  # an hour each, 4 V a day
        volts -= 4.0 / 24
        t += 3600.0
        for second in range(5):
            shown.show(MAIN, 1000.0, volts, t + second)
            watch.read(shown.look)
        watch.forget()
        watch.follow(t + 5.0)
    assert volts < 131.0
    assert watch.normal.near is not None
    assert watch.normal.near.voltage_v == pytest.approx(250.0 - FOLLOWED_V, abs=0.5)
