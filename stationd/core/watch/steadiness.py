"""The verdict that is shown: at once when something is wrong, and steady when it is not. No clock of its own.

A fault is told as soon as it is found, and another one in its place likewise. That it is over, or that it cannot be told any
more, is believed when it has held for HOLD_S: a level at the edge would else flap. `since` stays while the same fault is told,
or one that is only named better within REFINED_S; another fault in its place begins when it began itself.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from stationd.core.verdict.told import VerdictChanged
from stationd.core.verdict.words import Confidence, Kind, Ours, Verdict

HOLD_S = 3.0  # before a fault counts as over, or as not to be told (assumption: three readings)
REFINED_S = 5.0  # what is told of a fault at first is refined by the next readings of both ends (assumption: a few periods)
APART_S = 2.0  # the far end's view of a fault may be so much earlier than ours (assumption: a period at each end)
FIGURE_S, FIGURE_SHARE, FIGURE = 60.0, 0.2, 1.0  # reasons are told again so often, if a figure moved by that share and that much
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
        self._kind_t: float | None = None  # when the fault of now was told first; None: there is none
        self.floor = float("-inf")  # what happened before belongs to something that was over or is told no more
        self._named: Verdict | None = None  # the fault of now, as it was named last
        self._told_t = now
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
        if not differs(before, self.verdict) and not (now >= self._told_t + FIGURE_S and moved(before.why, self.verdict.why)):
            return None
        self._told, self._told_t = self.verdict, now
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
        """Return since when it is so: of an incident since its first event, and of another one in its place since its own."""
        verdict = self.verdict
        if found.kind is Kind.HEALTHY:
            self._kind_t, self.floor = None, now if verdict.kind is not Kind.HEALTHY else self.floor
            return verdict.since if verdict.kind is Kind.HEALTHY else self._again(found) or now
        again = self._again(found)
        if self._kind_t is None or again is not None:
            self._kind_t, self._named = now, found
            return again or began
        if self._continues(found, began, now):
            self._named = self._named if found.kind is Kind.CANNOT_TELL else found
            return verdict.since
        self.floor, self._kind_t, self._named = max(self._kind_t, began - APART_S), now, found
        return began

    def _continues(self, found: Verdict, began: float, now: float) -> bool:
        """Return whether this is the fault that is told already, however it is named now, and no other one in its place."""
        if self._kind_t is None or found.kind is Kind.CANNOT_TELL or now <= self._kind_t + REFINED_S:
            return True
        named = self._named
        if named is None or named.kind is Kind.CANNOT_TELL:
            return began >= now  # nothing new has happened: what could not be told is understood now
        return found.kind is named.kind and set(found.pairs) <= set(named.pairs)

    def begins_after(self, now: float) -> float:
        """Return the time before which nothing can belong to a fault that is found now."""
        return self._kind_t if self._kind_t is not None and now > self._kind_t + REFINED_S else self.floor

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


_FIGURE = re.compile(r"[-+]?\d+(?:\.\d+)?")


def moved(before: Sequence[str], after: Sequence[str]) -> bool:
    """Return whether a figure in the reasons has changed so much that the old ones mislead; other words count too."""
    one, other = " ".join(before), " ".join(after)
    if _FIGURE.sub("#", one) != _FIGURE.sub("#", other):
        return True
    pairs = zip(map(float, _FIGURE.findall(one)), map(float, _FIGURE.findall(other)), strict=True)
    return any(abs(a - b) > max(FIGURE, FIGURE_SHARE * max(abs(a), abs(b))) for a, b in pairs)


def _first(verdict: Verdict) -> frozenset[tuple[str, str]]:
    """Return what came first, at which station; single channels do not matter."""
    named = (*verdict.tied, *((verdict.first_out,) if verdict.first_out is not None else ()))
    return frozenset((each.what, each.where.partition(" ")[0]) for each in named)
