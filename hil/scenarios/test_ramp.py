"""Ramp and hold: two persons bring the current up, hold it on the way, go on, and switch off. The current never passes its profile."""

from __future__ import annotations

import pytest

from hil.acting import Crew, Curve, above, profile
from hil.record import Dimension, Plot, Trace
from hil.rig import Rig
from hil.sheet import Sheet
from hil.station import Station

TO_MA, HOLD_AT_MA, RATE_MA_PER_S, DOWN_MA_PER_S = 400.0, 200.0, 100.0, 200.0
HOLD_S = 2.0
LEAD_MA = 50.0  # a set point goes at most a second of the rate ahead of the measured current, and never more than a deviation (50 mA here)
METER_MA = 3.0  # droop of the feed and noise of its meter


@pytest.mark.rig(needs=["persons", "feed", "repair", "meter:a.current_ma", "meter:a.voltage_v"], acts=True)
@pytest.mark.timeout(240)
def test_the_current_follows_its_profile_and_stands_still_when_it_is_held(rig: Rig, aktau: Station, measure: Sheet) -> None:
    """Up to 400 mA at 100 mA/s with a hold at 200 mA, two seconds of holding, then on, and off."""
    end, feed = aktau.section.end, aktau.section.feed
    for name in rig.stations:
        rig.feed(name, 0.0)
    aktau.until(lambda page: (page.value("stationd_pfe_output_current_amperes", device=feed) or 0.0) < 0.005, 20.0, "the feed is not off")
    crew, curve = Crew.of(aktau), Curve()
    with crew.running(feed, {"verb": "energise", "toMilliamperes": TO_MA, "rateMilliamperesPerSecond": RATE_MA_PER_S}) as name:
        begin_s = curve.current[-1][0] if curve.current else 0.0
        curve.until(rig, end, lambda now: now > HOLD_AT_MA)
        crew.first.order("Hold", operation=name)
        crew.wait(name, ["held"])
        held_from_s = curve.current[-1][0]
        curve.watch(rig, end, HOLD_S)
        held = [value for t, value in curve.current if t > held_from_s + 1.0]
        _go_on(crew, name)
        on_from_s = curve.current[-1][0]
        curve.until(rig, end, lambda now: now > TO_MA - METER_MA)
        curve.watch(rig, end, 2.0)
        crew.wait(name, ["closed"])
    _off(rig, crew, curve, end, feed)
    over_ma = above(curve.current, begin_s, 0.0, RATE_MA_PER_S, TO_MA)
    plot = _plot(curve, begin_s, held_from_s, on_from_s)
    measure("ramp_above_profile", over_ma, "mA", hi=LEAD_MA + METER_MA, marginal_hi=LEAD_MA, plot=plot)
    measure("hold_moves", max(held) - min(held), "mA", lo=0.0, hi=METER_MA)
    measure("ramp_reaches", max(value for _, value in curve.current), "mA", lo=TO_MA - METER_MA, hi=TO_MA + METER_MA)
    measure("off_leaves", curve.current[-1][1], "mA", hi=1.0)
    measure("voltage_highest", max(value for _, value in curve.voltage), "V", lo=0.0, hi=800.0, plot=Plot(
        "Voltage of the feed", Dimension("time", "s"), Dimension("voltage", "V"), [Trace("measured", curve.voltage)],
        [Trace("limit", [(curve.voltage[0][0], 800.0), (curve.voltage[-1][0], 800.0)])]))  # fmt: skip


def _go_on(crew: Crew, name: str) -> None:
    """Go on upward: another code, and where it is wanted the other person again."""
    prepared = crew.first.order("Prepare", operation=name, way="resume")
    if prepared["operation"].get("wantsApproval"):
        crew.second.order("Approve", operation=name)
    crew.first.order("Execute", operation=name, code=prepared["code"])


def _off(rig: Rig, crew: Crew, curve: Curve, end: str, feed: str) -> None:
    with crew.running(feed, {"verb": "off", "rateMilliamperesPerSecond": DOWN_MA_PER_S}) as name:
        curve.until(rig, end, lambda now: now < 1.0)
        crew.wait(name, ["closed"])


def _plot(curve: Curve, begin_s: float, held_s: float, on_s: float) -> Plot:
    """Return the current beside its profile: up to where it was held, level, on from there, level, and down."""
    last_s = curve.current[-1][0]
    held_ma = min(TO_MA, RATE_MA_PER_S * (held_s - begin_s))
    highest = [*profile(begin_s, 0.0, RATE_MA_PER_S, held_ma, on_s), *profile(on_s, held_ma, RATE_MA_PER_S, TO_MA, last_s)]
    return Plot(
        "Ramp and hold", Dimension("time", "s"), Dimension("current", "mA"),
        [Trace("measured", curve.current),
         Trace("held", [(held_s, 0.0), (held_s, TO_MA)]), Trace("goes on", [(on_s, 0.0), (on_s, TO_MA)])],
        [Trace("profile", highest), Trace("profile and lead", [(t, value + LEAD_MA) for t, value in highest])],
    )  # fmt: skip
