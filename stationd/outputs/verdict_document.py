"""The verdict as JSON: what happened, whose it is, how sure, where, why, and what to do next. Pure.

Numbers are values as in every document of the station (stationd.outputs.document): {"v", "u", "t", "q"}. Kilometres count from
end a in both stations; `from` names the station there. What is not known is null and never 0.
"""

from __future__ import annotations

from collections.abc import Mapping

from stationd.core.line.words import Interval, Location
from stationd.core.model import Level
from stationd.core.verdict.words import First, Verdict
from stationd.outputs.clock import Clock
from stationd.outputs.document import Document, Mode, quality_word

CLOCK_DIGITS = 6  # of the times in the sequence: the sampler knows them to less than a millisecond


class VerdictDocuments:
    """Writes the verdicts of one station. `origin` is the name of the station at end a."""

    def __init__(self, mode: Mode, origin: str) -> None:
        self._word = quality_word(Level.GOOD, mode)
        self._origin = origin

    def verdict(self, verdict: Verdict, clock: Clock) -> Document:
        """Return a verdict; `clock` translates its times."""
        at = clock.written(clock.now)
        return {
            "kind": verdict.kind.value,
            "ours": verdict.ours.value,
            "confidence": verdict.confidence.value,
            "sentence": verdict.sentence,
            "where": verdict.where,
            "why": list(verdict.why),
            "next": list(verdict.next),
            "since": clock.written(verdict.since),
            "one_end": verdict.one_end,
            "pairs": list(verdict.pairs),
            "place": None if verdict.place is None else self._place(verdict.place, at),
            "location": None if verdict.location is None else self._location(verdict.location, at),
            "first_out": None if verdict.first_out is None else self._first(verdict.first_out, clock),
            "tied": [self._first(each, clock) for each in verdict.tied],
        }

    def _place(self, place: Interval, at: str) -> Document:
        figures = {"km": place.km, "low_km": place.low_km, "high_km": place.high_km}
        return {"from": self._origin, **{name: self.figure(km, "km", at) for name, km in figures.items()}}

    def _location(self, location: Location, at: str) -> Document:
        return {
            "fault": location.fault.value,
            "ends": location.ends,
            "place": self._place(location.place, at),
            "from_a": self.figure(location.from_a_km, "km", at),
            "from_b": self.figure(location.from_b_km, "km", at),
            "residual": self.figure(location.residual_v, "V", at),
            "repeater": location.repeater,
        }

    def _first(self, first: First, clock: Clock) -> Document:
        at = clock.written(first.t, CLOCK_DIGITS)
        return {"what": first.what, "where": first.where, "t": at, "uncertainty": self.figure(first.uncertainty_s, "s", at)}

    def figure(self, known: float | None, unit: str, at: str) -> Mapping[str, object] | None:
        """Return a number that the station worked out itself, or None."""
        return None if known is None else {"v": float(f"{known:.9g}"), "u": unit, "t": at, "q": self._word}
