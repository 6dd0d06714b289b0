"""What is not known about a line and its meters, as numbers: the priors of every stated interval.

Bounds, not standard deviations, wherever a field says "share" or "per km": the truth is anywhere within plus and minus it.
Sources are those of the physics of the line (published repeater drops, copper, earth-potential practice); what has none is
called an assumption and belongs into the station's file once it was measured.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import sqrt

from stationd.core.line.words import Feed


@dataclass(frozen=True, slots=True)
class Uncertainty:
    """The priors. Narrow one with `dataclasses.replace` when it is known better, for instance from `learn`."""

    current_resolution_ma: float = 0.1  # assumption: meters of a 1 A feed
    voltage_resolution_v: float = 0.1  # assumption: meters of a feed of some 100 V
    current_noise_ma: float = 0.05  # rms; assumption
    voltage_noise_v: float = 0.05  # rms; assumption
    repeater_share: float = 0.03  # of the drop of a repeater, by pump load; assumption
    resistance_share: float = 0.03  # of the resistance of the whole line: data sheet, water temperature; assumption
    shore_share: float = 0.0585  # copper 0.39 %/K times 15 K of season in shallow water (assumption) on top, both shores alike
    shore_km: float = 30.0  # so far from each shore the season reaches; assumption
    earth_v: float = 0.0  # the earth potential (b minus a) that is expected
    earth_v_per_km: float = 0.1  # allowance rule of thumb of cable makers, times the length, both ways
    fault_ohm: float = 1000.0  # highest resistance of a shunt that is looked for; assumption
    electrode_ohm: float = 10.0  # highest resistance of a bare end in the sea; assumption
    droop_s: float = 3.3e-6  # current given up per volt: 3.3 mA per 1000 V, published for a 1978 system
    droop_share: float = 0.5  # assumption, until the feed's own droop was learnt
    capacitance_share: float = 0.1  # of the capacitance per km; assumption

    @property
    def voltage_sd_v(self) -> float:
        """Standard deviation of one voltage reading: noise and rounding."""
        return sqrt(self.voltage_noise_v**2 + self.voltage_resolution_v**2 / 12)

    @property
    def current_sd_ma(self) -> float:
        """Standard deviation of one current reading: noise and rounding."""
        return sqrt(self.current_noise_ma**2 + self.current_resolution_ma**2 / 12)


@dataclass(frozen=True, slots=True)
class Ends:
    """What both ends showed at about one moment; an end without a good reading is None."""

    a: Feed | None = None
    b: Feed | None = None


@dataclass(frozen=True, slots=True)
class NotVisible:
    """No fault can be seen in the figures, and why. Not the same as a sound line."""

    why: str
