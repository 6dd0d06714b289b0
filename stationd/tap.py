"""Taps: the inputs of the optical sampler, in the same vocabulary as every other unit, so that all outputs know them.

A tap is a photodiode behind a coupler that takes a little of the light of a fibre. It is not polled and never written: its
points come with each window of the sampler (stationd.links.sampler).
"""

from __future__ import annotations

from dataclasses import dataclass

from stationd.core.model import Value
from stationd.driver import TAP, Driver, Point, Sampled
from stationd.links.sampler.readings import CONDITIONS, LIMITED, UNREMARKABLE, WORDS

MODEL = "optical-tap"
ROLE = "tap"
CONDITION_WORDS: dict[Value, Value] = dict(enumerate((UNREMARKABLE, *WORDS.values(), LIMITED)))


@dataclass(frozen=True, slots=True)
class Tap:
    """One input of the sampler, with the same face as a device."""

    name: str
    driver: Driver
    role: str = ROLE
    fibre_pair: int | None = None


def tap_driver(window_s: float) -> Driver:
    """Return the table of a tap whose windows are `window_s` long: that is how often each point comes."""
    points = (
        Point("power", Sampled(), unit="dBm", every_s=window_s, doc="mean level of the fibre over a window"),
        Point("power_min", Sampled(), unit="dBm", every_s=window_s, doc="lowest sample of a window"),
        Point("power_max", Sampled(), unit="dBm", every_s=window_s, doc="highest sample of a window"),
        Point("los", Sampled(), every_s=window_s, doc="light is lost: N of the last M samples were below the limit"),
        Point(CONDITIONS, Sampled(), values=CONDITION_WORDS, every_s=window_s, doc="what was not as wished in a window, comma between"),
    )
    return Driver(MODEL, TAP, (), points, "stationd.links.sampler")
