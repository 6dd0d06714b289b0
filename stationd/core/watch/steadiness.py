"""The verdict that is shown: at once when something is wrong, and steady when it is not. No clock of its own.

A fault is told as soon as it is found, and another one in its place likewise. That it is over, or that it cannot be told any
more, is believed when it has held for HOLD_S: a level at the edge would else flap. `since` stays that of the incident.
"""

from __future__ import annotations

from dataclasses import replace

from stationd.core.verdict.told import VerdictChanged
from stationd.core.verdict.words import Confidence, Kind, Ours, Verdict

HOLD_S = 3.0  # before a fault counts as over, or as not to be told (assumption: three readings)
SLOW = frozenset({Kind.MIS_SET, Kind.EARTH_POTENTIAL, Kind.REPEATER_PUMP})
SLOW_HOLD_S = 60.0  # what creeps, and comes and goes (assumption)
GATHER_S = 0.25  # before a healthy line cannot be told any more: what goes dark together is seen together
QUIET = frozenset({Kind.HEALTHY, Kind.CANNOT_TELL})
MOVED_KM = 0.5  # a place that moves by less is the same (assumption), or by less than half of its own uncertainty
START = Verdict(
    Kind.CANNOT_TELL, Ours.CANNOT_TELL, Confidence.LOW, "Just started: too little is known yet", "not known",
    ("nothing has been read since the start",), (), 0.0, one_end=True,
)  # fmt: skip


class Steadiness:
    """Holds the verdict. `due` is when it may change by time alone, or None."""

    def __init__(self, now: float) -> None:
        self.verdict = replace(START, since=now)
        self.due: float | None = None
        self._told = self.verdict
        self._leaving: tuple[Kind, float] | None = None
        self._incident_t: float | None = None
        self._started = False
        self.kept: tuple[Kind, float] | None = None  # of before a restart: what it was, and since when

    def take(self, found: Verdict, began: float, now: float) -> VerdictChanged | None:
        """Take what the evidence says now; return the change, if it is one that people are told."""
        if not self._may(found, now):
            return None
        self._leaving, self.due = None, None
        self._started = self._started or found.kind is not Kind.CANNOT_TELL
        self.verdict = replace(found, since=self._since(found, began, now))
        before = self._told
        if not differs(before, self.verdict):
            return None
        self._told = self.verdict
        return VerdictChanged(self.verdict, before, now)

    def _may(self, found: Verdict, now: float) -> bool:
        """Return whether the new verdict is believed; one that says less than the old has to hold."""
        kind = self.verdict.kind
        if found.kind is kind or found.kind not in QUIET or not self._started:
            return True
        hold_s = GATHER_S if kind is Kind.HEALTHY else SLOW_HOLD_S if kind in SLOW else HOLD_S
        if self._leaving is None or self._leaving[0] is not found.kind:
            self._leaving = (found.kind, now)
        self.due = self._leaving[1] + hold_s
        return now >= self.due

    def _since(self, found: Verdict, began: float, now: float) -> float:
        if found.kind is self.verdict.kind:
            return self.verdict.since
        if found.kind is Kind.HEALTHY:
            self._incident_t = None
            return self._again(found) or now
        if self._incident_t is None:
            self._incident_t = self._again(found) or began
        return self._incident_t

    def _again(self, found: Verdict) -> float | None:
        """Return since when it is so, where it was so before the restart."""
        kept, self.kept = self.kept, None if found.kind is not Kind.CANNOT_TELL else self.kept
        return kept[1] if kept is not None and kept[0] is found.kind else None


def differs(before: Verdict, after: Verdict) -> bool:
    """Return whether a verdict says something else: other words for another second do not count."""
    one = (before.kind, before.ours, before.confidence, before.pairs, before.one_end, before.location is None)
    other = (after.kind, after.ours, after.confidence, after.pairs, after.one_end, after.location is None)
    if one != other or _first(before) != _first(after) or (before.place is None) != (after.place is None):
        return True
    if before.place is None or after.place is None:
        return False
    return abs(before.place.km - after.place.km) > max(MOVED_KM, before.place.half_km / 2)


def _first(verdict: Verdict) -> frozenset[tuple[str, str]]:
    """Return what came first, at which station; single channels do not matter."""
    named = (*verdict.tied, *((verdict.first_out,) if verdict.first_out is not None else ()))
    return frozenset((each.what, each.where.partition(" ")[0]) for each in named)
