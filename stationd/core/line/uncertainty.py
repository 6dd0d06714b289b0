"""What is not known about a line and its meters, as numbers: the priors of every stated interval.

Bounds, not standard deviations, wherever a field says "share" or "per km": the truth is anywhere within plus and minus it.
Sources are those of the physics of the line (published repeater drops, copper, earth-potential practice); what has none is
called an assumption and belongs into the station's file once it was measured.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import sqrt

from stationd.core.line.words import End, Feed

HIGHEST_DROOP_S = 1.0e-5  # 10 mA per 1000 V: three times the published 1978 system; assumption
PUBLISHED_DROOP_S = 3.3e-6  # 3.3 mA per 1000 V, of a 1978 system


@dataclass(frozen=True, slots=True)
class Droop:
    """What a feed gives up per volt, between two bounds, in siemens. `known` once it was configured or learnt."""

    low_s: float = 0.0
    high_s: float = HIGHEST_DROOP_S
    known: bool = False

    @property
    def middle_s(self) -> float:
        """The middle of the bounds."""
        return (self.low_s + self.high_s) / 2

    @staticmethod
    def about(droop_s: float, share: float) -> Droop:
        """A droop that is known to so much of itself."""
        return Droop(droop_s * (1 - share), droop_s * (1 + share), known=True)


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
    sea_earth_ohm: float = 1.5  # of each earth bed, about that of the cable: 2 to 5 ohm about 3.5; assumption
    fault_ohm: float = 1000.0  # highest resistance of a shunt that is looked for; assumption
    electrode_ohm: float = 10.0  # highest resistance of a bare end in the sea; assumption
    droop_a: Droop = Droop()
    droop_b: Droop = Droop()
    capacitance_share: float = 0.1  # of the capacitance per km; assumption
    usual_earth_v_per_km: float = 0.0105  # residual of a published shunt calculation: 37 V over 3529 km
    usual_earth_v: float = 3.0  # diurnal; earth potentials of 1 to 3 V are seen on quiet days

    @property
    def droop_s(self) -> float:
        """The middle of what both feeds may have."""
        return (self.droop_a.middle_s + self.droop_b.middle_s) / 2

    def droop(self, end: End) -> Droop:
        """What is known of the droop of one end's feed."""
        return self.droop_a if end is End.A else self.droop_b

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
