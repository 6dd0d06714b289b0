"""Pump diodes of this station against the end of their life.

A diode needs more and more current for the same light. Where the unit knows the current at the end of its life, the limit is
95 % of it (usual alarm of amplifier makers); elsewhere the growth against the baseline is all there is (assumption: 25 %).
"""

from __future__ import annotations

from dataclasses import dataclass

from stationd.core.light.baseline import Baseline
from stationd.core.light.pair import Look, number_of
from stationd.core.line.plan import AmplifierPoints

OLD_SHARE = 0.95  # of the end-of-life current: usual alarm limit of amplifier makers
GROWN_SHARE = 1.25  # of the current at the baseline, where the unit does not know its end of life (assumption)
BACK_SHARE = 0.01  # so much lower before an old pump counts as good again (assumption)


@dataclass(frozen=True, slots=True)
class Ageing:
    """A pump that is near its end: `share` of its end-of-life current, or of the baseline where `against_baseline`."""

    device: str
    point: str
    current_ma: float
    share: float
    against_baseline: bool


def ageing(look: Look, amplifier: AmplifierPoints, baseline: Baseline | None, *, was_old: bool = False) -> Ageing | None:
    """Return the pump of an amplifier that is nearest to its end, if any is there; `was_old` holds it a little longer."""
    back = BACK_SHARE if was_old else 0.0
    found: list[Ageing] = []
    for pump in amplifier.pumps:
        current, end = number_of(look(pump.current)), number_of(look(pump.end_of_life))
        before = baseline.of(pump.current) if baseline is not None else None
        if current is None:
            continue
        if end is not None and end > 0:
            if current / end >= OLD_SHARE - back:
                found.append(Ageing(amplifier.device, pump.current.point, current, current / end, against_baseline=False))
        elif before is not None and before > 0 and current / before >= GROWN_SHARE - back:
            found.append(Ageing(amplifier.device, pump.current.point, current, current / before, against_baseline=True))
    return max(found, key=lambda each: each.share, default=None)
