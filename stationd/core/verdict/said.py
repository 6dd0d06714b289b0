"""How a verdict is worded: short, exact, for somebody who was woken at three, and with no blame beyond the evidence."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from stationd.core.line.words import Interval, Location
from stationd.core.verdict.evidence import Evidence
from stationd.core.verdict.words import Confidence, Kind, Ours

SENTENCE = 60  # characters of the first line of the status screen

HIGH, MEDIUM, LOW = Confidence.HIGH, Confidence.MEDIUM, Confidence.LOW


@dataclass(frozen=True, slots=True)
class Said:
    """What one row of the table says of the evidence; the fields are those of the verdict."""

    ours: Ours
    confidence: Confidence
    sentence: str
    where: str
    why: tuple[str, ...]
    next: tuple[str, ...]
    place: Interval | None = None
    location: Location | None = None
    pairs: tuple[int, ...] = ()
    one_end: bool = False


@dataclass(frozen=True, slots=True)
class Row:
    """One row of the event table: when it holds, and what is then said. Where `say` finds no words the next row is asked."""

    kind: Kind
    holds: Callable[[Evidence], bool]
    say: Callable[[Evidence], Said]


def short(*sentences: str) -> str:
    """Return the first sentence that fits the line; the last one has to fit by itself and is cut if it does not."""
    return next((each for each in sentences if len(each) <= SENTENCE), sentences[-1][:SENTENCE])


def km(evidence: Evidence, place: Interval) -> str:
    """Return a place in words, counted from this station: "118.4 km from Aktau (+-0.3)"."""
    return f"{evidence.from_here_km(place.km):.1f} km from {evidence.station} (+-{max(place.half_km, 0.05):.1f})"


def ours_at(evidence: Evidence, place: Interval | None) -> Ours:
    """Return whose a fault of the cable is: ours within our demarcation, theirs beyond it, else it cannot be told.

    Only the whole interval counts: a best kilometre on our side of the demarcation is no evidence against us.
    """
    if place is None:
        return Ours.CANNOT_TELL
    nearest, farthest = evidence.place_from_here(place)
    if farthest <= evidence.demarcation_km:
        return Ours.YES
    return Ours.NO if nearest > evidence.demarcation_km else Ours.CANNOT_TELL


def pairs_text(numbers: Iterable[int]) -> str:
    """Return "pair 3", "pairs 1, 4" or "8 pairs" where the list would be long."""
    found = sorted(numbers)
    if len(found) == 1:
        return f"pair {found[0]}"
    return f"pairs {', '.join(map(str, found))}" if len(found) <= 4 else f"{len(found)} pairs"


def far_unknown(evidence: Evidence) -> str:
    """Return the reason of `why` that tells that the verdict rests on this end alone."""
    if evidence.far_known:
        unread = "does not tell what its feed measures" if evidence.fed else "does not tell what light it has"
        awaited = "has been heard; its reading since then is awaited"
        what = awaited if evidence.fed and evidence.electric.far is not None else unread
        return f"rests on this end alone: {evidence.far_station} {what}"
    because = f": {evidence.far_why}" if evidence.far_why else ""
    return f"rests on this end alone: {evidence.far_station} is not heard{because}"


def misfit(evidence: Evidence) -> str:
    """Return the reason of `why` that tells that model and measurement part by more than the stated facts allow."""
    return f"the line facts do not fit (residual {volts(evidence.electric.doubt_v)}): check resistance, repeaters and length"


def volts(value: float | None) -> str:
    """Return a voltage for people, "--" where it is not known."""
    return "--" if value is None else f"{value:.1f} V"
