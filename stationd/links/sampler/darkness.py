"""Who is dark: what was told of each channel against what the loop in C says. No loss of light gets lost. Pure.

The loop counts every loss of light, whatever becomes of its event (sampler_drained.losses), and says who is dark now. A loss that
was counted and whose event is not there in the next look either, when it cannot be on its way any more, is told here, and says
that it is not exact: its ring was full, or its channel was limited. As loss and return of light take turns, a second loss also
says that a return is missing between the two, and the other way round.

A channel that flaps is limited in the loop to an event a second, and so is what is told here of the events that this costs: the
losses that are missing are gathered and told together, once in EVERY_S, with their number. Whatever it does, how it ends is told.

A loop that was made anew knows nothing. Whoever was dark before stays so, and is not told again, until the new loop has found it
dark too, or has seen enough valid samples without finding it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from stationd.core.model import LightKind
from stationd.links.sampler.native import Event, Window

WRAP = 1 << 32  # of the counts of losses
EVERY_S = 1.0  # from what is told of a channel's missing events to the next time: the interval of the limiter in the loop


class Untold(NamedTuple):
    """A change of light whose own event did not come: it lies between `since` and `t`, and `more` losses with it."""

    kind: LightKind
    channel: int
    since: float
    t: float
    more: int = 0


class _Suspect(NamedTuple):
    """What a look found that its events did not say, and when it looked."""

    losses: int
    dark: bool
    since: float
    t: float
    seen: float


@dataclass(slots=True)
class _Former:
    """Of a channel that was dark before the loop was made anew: until when that is known, and the samples seen since."""

    since: float | None
    scans: int = 0


class Darkness:
    """The channels of one sampler over all its loops. `needed` are the valid samples that decide about each of them."""

    def __init__(self, needed: Sequence[int]) -> None:
        self._needed = tuple(needed)
        self._told = 0
        self._came = [0] * len(needed)  # losses that were told, of those that the loop has counted
        self._settled = [float("-inf")] * len(needed)  # what was found until then has been told
        self._touched = 0
        self._suspects: dict[int, _Suspect] = {}
        self._due = [float("-inf")] * len(needed)  # when what is missing may be told again
        self._held: dict[int, float] = {}  # channels of which something is gathered, and since when
        self._former: dict[int, _Former] = {}
        self._looked: float | None = None

    def begin(self) -> None:
        """Begin with a fresh loop, which has counted nothing and found nobody dark."""
        self._came = [0] * len(self._needed)
        self._suspects.clear()
        self._held.clear()
        self._touched = 0
        for channel in range(len(self._needed)):
            if self._told >> channel & 1:
                self._former.setdefault(channel, _Former(self._looked)).scans = 0

    @property
    def suspicious(self) -> bool:
        """True when another look will tell whether an event is missing."""
        return bool(self._suspects)

    def told(self, channel: int) -> bool:
        """True when a channel's light is lost, as far as was told."""
        return bool(self._told >> channel & 1)

    def undecided(self, channel: int) -> bool:
        """True while a fresh loop has not seen enough of a channel that was dark before."""
        return channel in self._former

    def take(self, event: Event) -> tuple[list[Untold], bool]:
        """Take a loss or return of light; return what is to be told before it, and whether it is to be told itself."""
        channel, lost = event.channel, event.kind is LightKind.LOST
        self._touched |= 1 << channel
        if event.found_s <= self._settled[channel]:
            return [], False
        self._came[channel] += lost
        known = self._former.pop(channel, None) is not None
        if known and lost:
            return [], False
        self._came[channel] += known  # the loss before this return is the one that was told in the former loop
        before = [] if known or self.told(channel) is not lost else [self._opposite(event)]
        self._tell(channel, lost)
        return before, True

    def _opposite(self, event: Event) -> Untold:
        """Return the change that must lie between the last one that was told and this event."""
        lost = event.kind is LightKind.LOST
        self._came[event.channel] += not lost
        suspect = self._suspects.get(event.channel)
        looked = event.since_s if self._looked is None else self._looked
        since = min(event.since_s, self._held.get(event.channel, looked if suspect is None else suspect.since))
        return Untold(LightKind.BACK if lost else LightKind.LOST, event.channel, since, event.since_s)

    def look(self, losses: Sequence[int], dark: int, windows: Sequence[Window], now: float, last: bool = False) -> list[Untold]:
        """Return what the former look found missing and has not come since; note what this look misses.

        To be called after a look that left no event behind, with the counts and the set of its last call. `last` says that the
        loop has ended: nothing is gathered any more.
        """
        untold = [each for channel, suspect in self._suspects.items() for each in self._settle(channel, suspect, dark)]
        for each in untold:
            self._due[each.channel] = now + EVERY_S
        bounds = self._decide(windows, dark)
        since = now if self._looked is None else self._looked
        self._suspects, held, self._held = {}, self._held, {}
        for channel in self._doubtful(losses, dark):
            first, t = bounds.get(channel) or self._bounds(channel, windows, since, now)
            first = min(first, held.get(channel, first))
            if now < self._due[channel] and not last:
                self._held[channel] = first
            else:
                self._suspects[channel] = _Suspect(losses[channel], bool(dark >> channel & 1), first, t, now)
        self._touched = 0
        self._looked = now
        return untold

    def _doubtful(self, losses: Sequence[int], dark: int) -> Iterator[int]:
        if dark == self._told and list(losses) == self._came:
            return
        for channel, (counted, came) in enumerate(zip(losses, self._came, strict=True)):
            differs = (dark ^ self._told) >> channel & 1 and channel not in self._former
            if differs or _missing(counted, came):
                yield channel

    def _settle(self, channel: int, suspect: _Suspect, dark: int) -> Iterator[Untold]:
        """Tell what brings what was told in line with what the loop said in the former look."""
        missing = _missing(suspect.losses, self._came[channel])
        self._came[channel] += missing
        if missing and self._former.pop(channel, None) is not None:
            missing -= 1
        gone, there = self.told(channel), bool(dark >> channel & 1)
        kinds = [LightKind.BACK, LightKind.LOST][not gone :] if missing else []
        still = suspect.dark is there and not self._touched >> channel & 1 and channel not in self._former
        if still and (kinds[-1] is LightKind.LOST if kinds else gone) is not there:
            kinds.append(LightKind.LOST if there else LightKind.BACK)
            self._came[channel] += there
        for kind in kinds:
            self._settled[channel] = suspect.seen
            self._tell(channel, kind is LightKind.LOST)
            yield Untold(kind, channel, suspect.since, suspect.t, max(0, missing - 1) if kind is LightKind.LOST else 0)

    def _decide(self, windows: Sequence[Window], dark: int) -> dict[int, tuple[float, float]]:
        """Count the valid samples of those that were dark before; return between which times the light of whom came back."""
        back: dict[int, tuple[float, float]] = {}
        for window in windows:
            for channel, former in list(self._former.items()):
                former.scans += window.scans - window.levels[channel].saturated
                if former.scans >= self._needed[channel] and not dark >> channel & 1:
                    back[channel] = (window.first_s if former.since is None else min(former.since, window.last_s), window.last_s)
                    del self._former[channel]
        return back

    def _bounds(self, channel: int, windows: Sequence[Window], since: float, now: float) -> tuple[float, float]:
        """Return between which times light was lost: within the first window that says so, else between two looks."""
        seen = [window for window in windows if window.scans and window.levels[channel].was_dark]
        return (seen[0].first_s, seen[0].last_s) if seen and not self.told(channel) else (since, now)

    def _tell(self, channel: int, lost: bool) -> None:
        self._told = self._told | 1 << channel if lost else self._told & ~(1 << channel)


def _missing(counted: int, came: int) -> int:
    """Return how many losses were counted and did not come; events may also be ahead of a count that was read before them."""
    apart = (counted - came) % WRAP
    return apart if apart < WRAP // 2 else 0
