"""Which alarm explains which: a static graph from causes to effects, and what of it holds at a time. Pure.

An effect is often seen before its cause: loss of light within milliseconds, the trip of a supply with its next poll. So an
effect is told to people only after `hold_back`, while its state and its record are immediate; a cause that comes within that
time folds it afterwards. What began longer before the cause than that is its own alarm and stays visible, and so is what began
only when the cause had stood for `within`: a line that is fed from its other end stays lit, and a fibre that breaks an hour after
the trip of one feed is not dark because of it. After the cause has gone, it goes on explaining for `hold_off`: repeaters need time
to come back. What is folded and holds stays folded until then. Each new coming of an effect is judged anew, by its own onset; and
what was folded only because everything was coming back is judged anew when the cause comes back instead. A link that takes over
explains also what began long before its cause, if something else hides it at that moment: nothing is shown for a change of reasons.

A link that `follows` is stricter: the effect is brought about by the cause, as a booster shuts off because its pair has gone dark.
It is never seen before its cause, so that what began before is our own fault and is told; it begins soon or does not belong to it;
and once it has followed, it may go and come as often as it likes while the cause stands (such a booster sends a pulse now and then).
What has gone brings about nothing more.

    cause:  unseen --began--> explains --ended--> fades --hold_off--> unseen          fades --began--> explains

The graph must have no cycle, and nothing that protects people may be an effect. Both are reported as values, so that a
configuration can be refused with a sentence. Nothing here touches a protection or an automatic action.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from math import inf

from stationd.core.alarm.type import AlarmKey

HOLD_BACK_S = 1.5  # poll period of a cause and one retry; simulated: one message instead of 93 for a trip of the feed
WITHIN_S = 300.0  # light that outlived the loss of its feed by so much does not depend on it (assumption)
HOLD_OFF_S = 60.0  # repeaters and amplifiers after the feed is back (assumption)


@dataclass(frozen=True, slots=True)
class Link:
    """`cause` explains `effect`.

    `hold_back_s` is the longest time by which the effect may be seen before the cause, `within_s` the longest by which it may
    begin after it. With `takes_over` it explains also what another cause hides already. `intended`: people bring the cause about,
    and it may hide what is graver than itself. `follows`: the effect is brought about by the cause, see above; `hold_back_s` is not
    used then.
    """

    cause: AlarmKey
    effect: AlarmKey
    hold_back_s: float = HOLD_BACK_S
    hold_off_s: float = HOLD_OFF_S
    within_s: float = inf
    takes_over: bool = False
    intended: bool = False
    follows: bool = False


@dataclass(frozen=True, slots=True)
class Graph:
    """The links, followed to the end: a cause explains also what its effects explain.

    `causes[effect][cause]` and `effects[cause][effect]` hold the hold-back of the pair, `within_s[cause][effect]` how long after
    the cause the effect may begin; `hold_off_s[cause]` is the longest of its links; `takes_over` and `follows` are the pairs that do.
    A way ends at what follows: what that explains itself is not explained by what it follows from.
    """

    causes: Mapping[AlarmKey, Mapping[AlarmKey, float]]
    effects: Mapping[AlarmKey, Mapping[AlarmKey, float]]
    within_s: Mapping[AlarmKey, Mapping[AlarmKey, float]]
    hold_off_s: Mapping[AlarmKey, float]
    takes_over: frozenset[tuple[AlarmKey, AlarmKey]] = frozenset()
    follows: frozenset[tuple[AlarmKey, AlarmKey]] = frozenset()

    def hold_back_s(self, effect: AlarmKey) -> float:
        """Return how long an effect waits for its causes before it is told; 0 for an alarm that has none."""
        return max(self.causes.get(effect, {}).values(), default=0.0)


def cycles(links: Iterable[Link]) -> tuple[tuple[AlarmKey, ...], ...]:
    """Return the cycles among the links, each as the keys along it and the first again; empty for a graph that is right.

    Every alarm that is on any cycle is in one of those returned, so that mending all of them in turn ends.
    """
    after = _after(links)
    found: list[tuple[AlarmKey, ...]] = []
    done: set[AlarmKey] = set()
    for start in after:
        if start not in done:
            found += _walk(start, after, done)
    return tuple(found)


def _walk(start: AlarmKey, after: Mapping[AlarmKey, list[AlarmKey]], done: set[AlarmKey]) -> list[tuple[AlarmKey, ...]]:
    """Go down from `start`; a key that is met again on the way down closes a cycle. No recursion: graphs may be deep."""
    found: list[tuple[AlarmKey, ...]] = []
    path: dict[AlarmKey, None] = {start: None}
    stack = [iter(after.get(start, ()))]
    while stack:
        key = next(stack[-1], None)
        if key is None:
            stack.pop()
            done.add(path.popitem()[0])
        elif key in path:
            way = list(path)
            found.append((*way[way.index(key) :], key))
        elif key not in done:
            path[key] = None
            stack.append(iter(after.get(key, ())))
    return found


def _after(links: Iterable[Link]) -> dict[AlarmKey, list[AlarmKey]]:
    after: dict[AlarmKey, list[AlarmKey]] = {}
    for link in links:
        after.setdefault(link.cause, []).append(link.effect)
    return after


def graph(links: Iterable[Link]) -> Graph:
    """Return the graph of links that have no cycle. A pair that is reached on several ways has the longest times of them."""
    links = tuple(links)
    by_cause: dict[AlarmKey, list[Link]] = {}
    for link in links:
        if not link.follows:
            by_cause.setdefault(link.cause, []).append(link)
    effects = {cause: _reached(cause, by_cause, lambda link: link.hold_back_s, max) for cause in by_cause}
    within = {cause: _reached(cause, by_cause, lambda link: link.within_s, min) for cause in by_cause}
    follows = _follow(links, effects, within)
    causes: dict[AlarmKey, dict[AlarmKey, float]] = {}
    for cause, reached in effects.items():
        for effect, hold_back_s in reached.items():
            causes.setdefault(effect, {})[cause] = hold_back_s
    hold_off_s = dict[AlarmKey, float]()
    for link in links:
        hold_off_s[link.cause] = max(link.hold_off_s, hold_off_s.get(link.cause, 0.0))
    taking = frozenset((link.cause, link.effect) for link in links if link.takes_over)
    return Graph(causes, effects, within, hold_off_s, taking, follows)


def _follow(
    links: tuple[Link, ...], effects: dict[AlarmKey, dict[AlarmKey, float]], within: dict[AlarmKey, dict[AlarmKey, float]]
) -> frozenset[tuple[AlarmKey, AlarmKey]]:
    """Add what follows to what its causes, and theirs, explain; return the pairs. A pair that is explained otherwise too stays that."""
    found: set[tuple[AlarmKey, AlarmKey]] = set()
    for link in links:
        if link.follows:
            before = [cause for cause, reached in effects.items() if link.cause in reached]
            for cause in (link.cause, *before):
                if link.effect not in effects.setdefault(cause, {}):
                    effects[cause][link.effect] = 0.0
                    within.setdefault(cause, {})[link.effect] = link.within_s
                    found.add((cause, link.effect))
    return frozenset(found)


def _reached(
    cause: AlarmKey, by_cause: Mapping[AlarmKey, list[Link]], time_of: Callable[[Link], float], along: Callable[[float, float], float]
) -> dict[AlarmKey, float]:
    """Return what a cause explains, with a time: `along` joins those of the links of one way, the longest way counts."""
    reached: dict[AlarmKey, float] = {}
    ahead = [(link.effect, time_of(link)) for link in by_cause[cause]]
    while ahead:
        effect, time_s = ahead.pop()
        if effect != cause and reached.get(effect, -1.0) < time_s:
            reached[effect] = time_s
            ahead += [(link.effect, along(time_s, time_of(link))) for link in by_cause.get(effect, ())]
    return reached


@dataclass(frozen=True, slots=True)
class Explanation:
    """A cause that explains since `onset`; `ended` is when it went (None: it holds)."""

    onset: float
    ended: float | None = None


class Inhibitor:
    """Which causes explain at a time. Times are monotonic seconds; `onset` is when the condition of an alarm truly began."""

    def __init__(self, links: Graph) -> None:
        self.graph = links
        self._now: dict[AlarmKey, Explanation] = {}

    def began(self, cause: AlarmKey, onset: float) -> tuple[AlarmKey, ...]:
        """Take note that a cause holds, since `onset`; return the alarms that it may explain."""
        effects = self.graph.effects.get(cause)
        if effects is None:
            return ()
        self._now[cause] = Explanation(onset)
        return tuple(effects)

    def ended(self, cause: AlarmKey, now: float) -> float | None:
        """Take note that a cause has gone; return when it stops explaining, or None when it did not explain."""
        known = self._now.get(cause)
        if known is None:
            return None
        ended = now if known.ended is None else known.ended
        self._now[cause] = Explanation(known.onset, ended)
        return ended + self.graph.hold_off_s[cause]

    def faded(self, cause: AlarmKey) -> tuple[AlarmKey, ...]:
        """Forget a cause whose hold-off is over; return the alarms that it explained or might have."""
        known = self._now.get(cause)
        if known is None or known.ended is None:
            return ()
        del self._now[cause]
        return tuple(self.graph.effects[cause])

    def explained_by(self, effect: AlarmKey, onset: float) -> frozenset[AlarmKey]:
        """Return the causes that explain an effect that began at `onset`."""
        possible = self.graph.causes.get(effect)
        if possible is None or not self._now:
            return frozenset()
        found = frozenset(cause for cause, hold_back_s in possible.items() if self._covers(cause, effect, onset, hold_back_s))
        return found | {cause for cause in possible if self._takes_over(cause, effect)} if found else found

    def _takes_over(self, cause: AlarmKey, effect: AlarmKey) -> bool:
        known = self._now.get(cause)
        return known is not None and known.ended is None and (cause, effect) in self.graph.takes_over

    def _covers(self, cause: AlarmKey, effect: AlarmKey, onset: float, hold_back_s: float) -> bool:
        known = self._now.get(cause)
        if known is None or onset < known.onset - hold_back_s:
            return False
        if known.ended is not None and onset >= known.ended:
            return (cause, effect) not in self.graph.follows
        return onset <= known.onset + self.graph.within_s[cause][effect]

    def goes_on(self, effect: AlarmKey, causes: frozenset[AlarmKey]) -> frozenset[AlarmKey]:
        """Return those of the causes that hide an effect already which it follows from, and which still hold."""
        held = {cause for cause in causes if (known := self._now.get(cause)) is not None and known.ended is None}
        return frozenset(cause for cause in held if (cause, effect) in self.graph.follows)

    def known(self, cause: AlarmKey) -> Explanation | None:
        """Return since when a cause explains, or None when it does not."""
        return self._now.get(cause)

    def restore(self, cause: AlarmKey, known: Explanation) -> float | None:
        """Take back what was known of a cause before a restart; return when it stops explaining, if it had gone."""
        if cause not in self.graph.effects:
            return None
        self._now[cause] = known
        return None if known.ended is None else known.ended + self.graph.hold_off_s[cause]
