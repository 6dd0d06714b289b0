"""The far station as a unit of the board, in the same vocabulary as every other unit, so that all outputs know it.

It is not polled and never written: its points come with each message that is believed. It has the name of the far station and a
kind of its own, so that nothing can take one of its values for one of this station (no metric of a power feed, no alarm of one).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from stationd.core.line.words import Regulation
from stationd.core.model import Value
from stationd.driver import Driver, Kind, Point, Sampled

MODEL = "far-station"
ROLE = "far-station"
PERIOD_S = 1.0  # a station speaks once a second
STALE_PERIODS = 3.0  # as in stationd.core.station
KIND = Kind(MODEL, {"output_current": "mA", "output_voltage": "V", "output_on": "", "regulation": "", "earth": "", "age": "s"}, {})
FEED_POINTS = ("output_current", "output_voltage", "output_on", "regulation")
EARTHS = ("open", "closed")  # of the earth switch of the cable end


@dataclass(frozen=True, slots=True)
class FarUnit:
    """The far station, with the same face as a device. `pairs` are its fibre pairs."""

    name: str
    driver: Driver
    pairs: tuple[int, ...] = ()
    role: str = ROLE
    fibre_pair: int | None = None

    @property
    def feed_points(self) -> tuple[str, ...]:
        """The points of its power feed."""
        return FEED_POINTS if self.driver.point(FEED_POINTS[0]) else ()


def far_unit(name: str, fibre_pairs: int, max_age_s: float, *, fed: bool) -> FarUnit:
    """Return the unit of a far station. Values grow stale after three seconds, or later where messages may be older."""
    every_s = max(PERIOD_S, (PERIOD_S + max_age_s) / STALE_PERIODS)
    pairs = tuple(range(1, fibre_pairs + 1))
    points = (*(_feed(every_s) if fed else ()), *_own(every_s), *(each for pair in pairs for each in _pair(pair, every_s)))
    return FarUnit(name, Driver(MODEL, KIND, (), points, "stationd.farstation"), pairs)


def _feed(every_s: float) -> Iterator[Point]:
    words: Mapping[Value, Value] = {each.value: each.value for each in Regulation}
    yield Point("output_current", Sampled(), unit="mA", every_s=every_s, doc="current of the far end, as its panel shows it")
    yield Point("output_voltage", Sampled(), unit="V", every_s=every_s, doc="voltage of the far end, as its panel shows it")
    yield Point("output_on", Sampled(), every_s=every_s, doc="the far end's output is on")
    yield Point("regulation", Sampled(), values=words, every_s=every_s, doc="what the far end holds")


def _own(every_s: float) -> Iterator[Point]:
    yield Point("earth", Sampled(), values={word: word for word in EARTHS}, every_s=every_s, doc="earth switch of the far cable end")
    yield Point("age", Sampled(), unit="s", every_s=every_s, doc="age of its last message when that came, by both clocks")


def _pair(pair: int, every_s: float) -> Iterator[Point]:
    yield Point(f"fp{pair}_receive", Sampled(), unit="dBm", every_s=every_s, doc=f"level that the far end receives on pair {pair}")
    yield Point(f"fp{pair}_transmit", Sampled(), unit="dBm", every_s=every_s, doc=f"level that the far end sends on pair {pair}")
    yield Point(f"fp{pair}_lost", Sampled(), every_s=every_s, doc=f"the far end has lost the light of pair {pair}")
