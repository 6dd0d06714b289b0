"""What came first: the events of both ends in one order, as far as the clocks can tell them apart.

A time is known only within its uncertainty: a sample of the loop to a millisecond, a value that is polled to its period, a time
of the far station to what both clocks may be wrong. What overlaps the earliest is tied with it, and is said so.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from stationd.core.verdict.words import First

FIRSTS: Mapping[str, str] = {  # what can be told of, by either end
    "light-lost": "loss of light",
    "transmit-lost": "own light lost",
    "voltage-step": "voltage step",
    "feed-off": "feed off",
    "feed-trip": "feed tripped",
    "over-voltage": "over-voltage",
    "interlock": "interlock opened",
    "mains-failed": "mains failed",
    "reflection": "light comes back",
    "power-reduced": "power reduced",
}


def first_out(events: Iterable[First]) -> tuple[First | None, tuple[First, ...]]:
    """Return what came first, and what is tied with it. With a tie nothing is first: (None, those that are tied)."""
    ordered = sorted((each for each in events if each.what in FIRSTS), key=lambda each: (each.t, each.uncertainty_s, each.where))
    if not ordered:
        return None, ()
    earliest_end = min(each.t + each.uncertainty_s for each in ordered)
    tied = tuple(each for each in ordered if each.t - each.uncertainty_s <= earliest_end)
    if len(tied) == 1:
        return tied[0], ()
    return None, tied
