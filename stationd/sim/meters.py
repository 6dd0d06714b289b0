"""The instruments of the simulated plant: noise that can be repeated, then a resolution.

What it is: what turns an exact value into what a display shows. What it is not: the state of the plant, or how it gets there
after a change; see `plant`. Numbers tagged [E] are assumptions.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import cos, floor, log, pi, sin, sqrt

_WORD = (1 << 64) - 1


@dataclass(frozen=True, slots=True)
class Meter:
    """An instrument: adds noise, then rounds to its resolution.

    The noise is a function of seed, channel and conversion number alone, so a run can be repeated exactly, and two
    readings within one conversion agree, as on a real converter.
    """

    resolution: float
    noise_rms: float
    seed: int = 1
    conversion_s: float = 0.02  # one mains period [E]

    def read(self, true: float, channel: int, now: float) -> float:
        """What it shows at `now`; `channel` tells instruments of one kind apart."""
        noisy = true + self.noise_rms * _gaussian(self.seed, channel, floor(now / self.conversion_s))
        return round(round(noisy / self.resolution) * self.resolution, 9) + 0.0

    def swing(self, now: float) -> float:
        """Return where an unrelated oscillation of amplitude 1 stands in the conversion of `now`."""
        return sin(floor(now / self.conversion_s) * 2.4)  # 2.4 rad from one to the next: it never repeats


@dataclass(frozen=True, slots=True)
class Meters:
    """The instruments of the plant, by quantity."""

    current_ma: Meter = Meter(0.1, 0.05)
    voltage_v: Meter = Meter(0.1, 0.05)
    level_db: Meter = Meter(0.01, 0.02)  # [E]
    pump_ma: Meter = Meter(0.1, 0.2)  # [E]
    temperature_c: Meter = Meter(0.01, 0.02)  # [E]

    def seeded(self, seed: int) -> Meters:
        """The same instruments with another run of noise."""
        names = (self.current_ma, self.voltage_v, self.level_db, self.pump_ma, self.temperature_c)
        return Meters(*(replace(meter, seed=seed) for meter in names))


def quiet(meters: Meters) -> Meters:
    """The same instruments without their noise: only the resolution is left."""
    every = (meters.current_ma, meters.voltage_v, meters.level_db, meters.pump_ma, meters.temperature_c)
    return Meters(*(replace(meter, noise_rms=0.0) for meter in every))


def _gaussian(seed: int, channel: int, sample: int) -> float:
    """A standard normal number that depends on nothing but these three (Box-Muller on two hashed words)."""
    word = _mixed(_mixed(_mixed(seed) + channel) + sample)
    first, second = (word + 1) / (_WORD + 2), _mixed(word) / (_WORD + 1)
    return sqrt(-2 * log(first)) * cos(2 * pi * second)


def _mixed(number: int) -> int:
    """The finishing steps of splitmix64: neighbouring numbers give unrelated words."""
    z = (number + 0x9E3779B97F4A7C15) & _WORD
    z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & _WORD
    z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & _WORD
    return z ^ (z >> 31)
