"""What happens to the cable: the verdict of both stations, how soon, and where they say it is.

A line without current tells nothing, so this is class 4: on a bench the contactors are closed and the feeds set for it.
"""

from __future__ import annotations

import time
from typing import Any

import pytest

from hil.door import DIAGNOSTICS
from hil.record import Dimension, Plot, Trace
from hil.rig import Rig
from hil.sheet import Sheet
from hil.station import Station

PATIENCE_S = 15.0
AT_ONCE_S, MARGINAL_S = 6.0, 3.5  # the goal on an idle machine is 3 s
SHUNT_KM, SHUNT_OHM = 50.0, 10.0
CUT_KM = 170.0
HALF_MOST_KM, HALF_MARGINAL_KM = 170.0, 20.0  # wide right after a start, when little is known of the line; half of it says nothing
SETTLE_S = 3.0
HEALTHY_MOST_S, HEALTHY_MARGINAL_S = 60.0, 20.0  # readings of amplifiers come every few seconds, and a fault must be gone for some


@pytest.mark.rig(needs=["shunt", "repair", "persons", "two-stations", "feed"], acts=True)
@pytest.mark.usefixtures("in_service")
def test_a_shunt_is_told_and_found(rig: Rig, aktau: Station, measure: Sheet) -> None:
    """10 ohm at km 50: both ends say shunt, with a place whose interval covers it."""
    _healthy(rig, measure)
    rig.shunt(SHUNT_KM, SHUNT_OHM)
    places, begin = list[Trace](), time.monotonic()
    for number, station in enumerate(rig.stations.values(), 1):
        verdict, after_s = _verdict(station, "shunt", begin)
        measure(f"{station.name}_verdict_after", after_s, "s", lo=0.0, hi=AT_ONCE_S, marginal_hi=MARGINAL_S)
        km, low_km, high_km = _interval(station, verdict)
        places.append(Trace(station.name, [(low_km, number), (high_km, number)]))
        places.append(Trace(f"place of {station.name}", [(km, number)], "points"))
        measure(f"{station.name}_shunt_error", abs(km - SHUNT_KM), "km", lo=0.0, hi=5.0, marginal_hi=2.0)
        measure(f"{station.name}_interval_half", (high_km - low_km) / 2.0, "km", lo=0.0, hi=HALF_MOST_KM, marginal_hi=HALF_MARGINAL_KM)
        measure(f"{station.name}_interval_covers", float(low_km <= SHUNT_KM <= high_km), "", lo=1.0)
    measure("shunt_place", SHUNT_KM, "km", plot=Plot(
        "Where the stations place the shunt", Dimension("distance from end a", "km"), Dimension("station", ""), places,
        [Trace("true place", [(SHUNT_KM, 0.5), (SHUNT_KM, 2.5)])]))  # fmt: skip


@pytest.mark.rig(needs=["cut", "repair", "persons", "light", "two-stations", "feed"], acts=True)
@pytest.mark.usefixtures("in_service")
def test_a_cut_is_told_at_both_ends(rig: Rig, aktau: Station, measure: Sheet) -> None:
    """The cable parted at km 170: both ends say so."""
    _healthy(rig, measure)
    rig.cut(CUT_KM)
    begin = time.monotonic()
    for station in rig.stations.values():
        _, after_s = _verdict(station, "cable-cut", begin)
        measure(f"{station.name}_verdict_after", after_s, "s", lo=0.0, hi=AT_ONCE_S, marginal_hi=MARGINAL_S)


def _line(station: Station) -> dict[str, Any]:
    found: dict[str, Any] = station.ask(f"{DIAGNOSTICS}.GetLine")["line"]
    return found


def _healthy(rig: Rig, measure: Sheet) -> None:
    """Measure how long it takes until both stations say that the line, on which nothing is wrong, is healthy."""
    begin = time.monotonic()
    for station in rig.stations.values():
        while (kind := _line(station)["verdict"]["kind"]) != "healthy" and time.monotonic() - begin < HEALTHY_MOST_S:
            time.sleep(0.1)
        after_s = time.monotonic() - begin if kind == "healthy" else None
        measure(f"{station.name}_healthy_after", after_s, "s", lo=0.0, hi=HEALTHY_MOST_S, marginal_hi=HEALTHY_MARGINAL_S)
    time.sleep(SETTLE_S)  # the model of the line takes the last readings of both ends


def _verdict(station: Station, kind: str, begin: float) -> tuple[dict[str, Any], float | None]:
    """Wait for a verdict; return the line's document and how long it took, None if it did not come."""
    until = begin + PATIENCE_S
    while (line := _line(station))["verdict"]["kind"] != kind:
        if time.monotonic() > until:
            return line, None
        time.sleep(0.05)
    return line, time.monotonic() - begin


def _interval(station: Station, line: dict[str, Any]) -> tuple[float, float, float]:
    """Return the place and its interval, from end a. A place needs a few readings of both ends."""
    until = time.monotonic() + PATIENCE_S
    while not line["verdict"].get("place") and time.monotonic() < until:
        time.sleep(0.2)
        line = _line(station)
    place = line["verdict"]["place"]
    km, low_km, high_km = (float(place[key]["v"]) for key in ("km", "low_km", "high_km"))
    if place["from"] == line["line"]["ends"]["a"]:
        return km, low_km, high_km
    length_km = float(line["line"]["length_km"])
    return length_km - km, length_km - high_km, length_km - low_km
