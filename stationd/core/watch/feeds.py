"""The feeds of both ends over the last minutes: what is normal, when it changed, and what it is since then. Pure, no clock.

    readings --> Feed --> near history --.
    far end  ----------> far history  ---+--> normal (slow), onset (fast), before and after, averaged

Voltage and current of a unit may come from two questions; they make a Feed when both are new. An onset is a step against the
last seconds; what creeps is found against `normal`, which follows a healthy line slowly (season, electrodes) and nothing else.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from stationd.core.light.pair import Look, number_of, true
from stationd.core.line.plan import FeedPoints, LinePlan
from stationd.core.line.words import Feed, Regulation
from stationd.core.verdict.evidence import Power

TOGETHER_S = 0.6  # voltage and current of one feed belong together: asked once a second each, one after the other
SAME_STEP_S = 2.0  # both ends, and voltage and current of one, show a step within their periods
KEPT_S = 180.0  # of history; a Feed a second
KEPT = 400
RECENT_S = 10.0  # what the last readings are compared with
SETTLED = 3  # readings that make a steady state
STEP_V = 3.0  # the step that is a change (alarm list of power feeds)
STEP_SHARE = 0.002  # of the nominal current: more than that is a change of the current
STEADY_V, STEADY_MA = 1.0, 0.5  # readings nearer than that to the latest are averaged with it (noise is 0.05 of each)
YOUNG_S = 3600.0  # a normal state that is younger may have been found with a fault on the line (assumption)
FOLLOW_S = 12 * 3600.0  # time constant with which the normal state follows a healthy line (assumption: slower than any tide)
FOLLOWED_V = 10.0  # the normal voltage follows no further than that from where it was first found or vouched for (assumption)
FEEDING_SHARE = 0.10  # of the nominal current: less is not feeding
OFF_V_SHARE = 0.10  # of the highest voltage: less with no current is off
RESPLIT_S = 0.9  # a line and its feeds have found their new split so long after a step: 0.1 to 1 s (physics of the line)
AGREEING = 2  # readings in a row that agree are settled, however early
AT_LIMIT_SHARE = 0.97  # of the highest voltage (assumption)
NOMINAL_MA = 1000.0  # where the file has none


@dataclass(frozen=True, slots=True)
class BothEnds:
    """What both ends showed at about one time; None for an end that is not known."""

    near: Feed | None = None
    far: Feed | None = None
    count: int = 1  # how many readings of the end that has fewer of them were averaged
    near_settled: bool = True  # an average of readings after the line has come to rest, not one on its way
    far_settled: bool = True


@dataclass(frozen=True, slots=True)
class Onset:
    """A step: the first changed reading is of `t`, the last unchanged one of `after`. `before` are averages from then."""

    t: float
    after: float
    before: BothEnds
    near_saw: bool


class FeedWatch:
    """The electrical memory of one station's line."""

    def __init__(self, plan: LinePlan) -> None:
        self._plan = plan
        self.near_history: deque[Feed] = deque(maxlen=KEPT)
        self.far_history: deque[Feed] = deque(maxlen=KEPT)
        self.near: Feed | None = None
        self.far: Feed | None = None
        self.here = Power.UNKNOWN if plan.cable.fed else Power.ABSENT
        self.here_t = float("-inf")  # since when our feed stands so: of the first reading
        self.normal = BothEnds()
        self._anchor = BothEnds()  # where the normal state began: a leak that creeps must not become normal day by day
        self._fed = ""  # the unit that fed last
        self._young_until = float("-inf")
        self._last: dict[str, Feed] = {}
        self.onset: Onset | None = None
        self.device = next((feed.device for feed in plan.feeds), "")
        self.nominal_ma = next((feed.nominal_ma for feed in plan.feeds if feed.nominal_ma), NOMINAL_MA)
        self.max_v = next((feed.max_v for feed in plan.feeds if feed.max_v), None)

    # What comes in.

    def read(self, look: Look) -> bool:
        """Look at the feeds of this station again; return whether there is a new Feed, or the state of the feed has changed."""
        found = [self._composed(look, each) for each in self._plan.feeds]
        known = [(self._power(feed) is Power.FEEDING, feed.voltage_v, number) for number, feed in enumerate(found) if feed is not None]
        before = self.here
        best = max(known, default=None)
        self.near = found[best[2]] if best is not None else None
        self.device = self._plan.feeds[best[2]].device if best is not None else self.device
        self._fed = self.device if best is not None and best[0] else self._fed
        self.here = self._stand(found)
        if self.here is Power.UNKNOWN:
            self.near = None
        if self.here is not before and self.near is not None:
            self.here_t = self.near.t
        new = self.near is not None and (not self.near_history or self.near.t > self.near_history[-1].t)
        if new and self.near is not None:
            self._note(self.near_history, self.near, near=True)
        return new or before is not self.here

    def _composed(self, look: Look, points: FeedPoints) -> Feed | None:
        """Return the last Feed of a unit; between the answers to its two questions that is the one before."""
        volts, current = number_of(look(points.voltage_v)), number_of(look(points.current_ma))
        if volts is None or current is None:
            self._last.pop(points.device, None)
            return None
        feed = _feed(look, points)
        if feed is not None:
            self._last[points.device] = feed
        return self._last.get(points.device)

    def _stand(self, found: Sequence[Feed | None]) -> Power:
        if not self._plan.cable.fed:
            return Power.ABSENT
        powers = [Power.UNKNOWN if feed is None else self._power(feed) for feed in found]
        unread = any(feed is None and points.device == self._fed for feed, points in zip(found, self._plan.feeds, strict=True))
        if unread and Power.FEEDING not in powers:  # a spare one that idles says nothing of the one that feeds
            return Power.UNKNOWN
        for power in (Power.FEEDING, Power.AT_LIMIT, Power.UNKNOWN, Power.OFF):
            if power in powers:
                return power
        return Power.UNKNOWN

    def hear(self, feed: Feed | None) -> None:
        """Take what the far station says of its feed; None: it does not say, or is not heard."""
        self.far = feed = None if feed is None else replace(feed, current_ma=abs(feed.current_ma), voltage_v=abs(feed.voltage_v))
        if feed is not None and (not self.far_history or feed.t > self.far_history[-1].t):
            self._note(self.far_history, feed, near=False)

    def there(self) -> Power:
        """Return how the far feed stands, by its own words."""
        if not self._plan.cable.fed:
            return Power.ABSENT
        return Power.UNKNOWN if self.far is None else self._power(self.far)

    def _power(self, feed: Feed) -> Power:
        if feed.on is False or feed.regulation is Regulation.OFF:
            return Power.OFF
        if feed.current_ma >= FEEDING_SHARE * self.nominal_ma:
            return Power.FEEDING
        if self.max_v is not None and feed.voltage_v >= AT_LIMIT_SHARE * self.max_v:
            return Power.AT_LIMIT
        return Power.OFF if feed.voltage_v <= OFF_V_SHARE * (self.max_v or feed.voltage_v + 1.0) else Power.AT_LIMIT

    # The step.

    def _note(self, history: deque[Feed], feed: Feed, *, near: bool) -> None:
        if self._stepped(history, feed):
            self._begin(history, feed, near=near)
        history.append(feed)
        while history and history[0].t < feed.t - KEPT_S:
            history.popleft()

    def _stepped(self, history: Sequence[Feed], feed: Feed) -> bool:
        recent = [each for each in history if each.t >= feed.t - RECENT_S]
        if len(recent) < SETTLED:
            return False
        usual = mean(steady(recent))
        return abs(feed.voltage_v - usual.voltage_v) > STEP_V or abs(feed.current_ma - usual.current_ma) > STEP_SHARE * self.nominal_ma

    def _begin(self, history: Sequence[Feed], feed: Feed, *, near: bool) -> None:
        """Note the onset. The other end shows the same one within a second or two; a later step belongs to the same incident."""
        onset = self.onset
        if onset is not None:  # of the same incident, what was before stays; what is new counts from the last step
            again = feed.t - onset.t > SAME_STEP_S
            begun = history[-1].t - history[-1].uncertainty_s
            t, after = (feed.t, begun) if again else (min(onset.t, feed.t), min(onset.after, begun))
            self.onset = replace(onset, t=t, after=after, near_saw=onset.near_saw or near)
            return
        last = history[-1]
        begun = last.t - last.uncertainty_s
        before = BothEnds(self._until(self.near_history, last.t), self._until(self.far_history, begun))
        self.onset = Onset(feed.t, begun, before, near)

    def _until(self, history: Iterable[Feed], t: float) -> Feed | None:
        found = [each for each in history if t - RECENT_S <= each.t <= t]
        return mean(steady(found)) if found else None

    # Before and after.

    def before(self) -> BothEnds:
        """Return what was before: just before the step if there was one, else the normal state."""
        onset = self.onset
        if onset is None:
            return self.normal
        return BothEnds(onset.before.near or self.normal.near, onset.before.far or self.normal.far)

    def after(self, now: float, dark_t: float | None = None) -> BothEnds:
        """Return the averages of the settled readings since the change (the step, or else since all fibres went dark).

        An end that has none since then is None.
        """
        since = self.onset.t if self.onset is not None else now - RECENT_S if dark_t is None else dark_t
        near = self._since(self.near_history, self.near, since, now)
        far = self._since(self.far_history, self.far, since, now)
        counts = [len(each) for each in (near, far) if each]
        rested = [len(each) >= AGREEING or bool(each and each[-1].t >= since + RESPLIT_S) for each in (near, far)]
        return BothEnds(mean(near) if near else None, mean(far) if far else None, min(counts, default=1), rested[0], rested[1])

    def moving_v(self) -> float:
        """Return by how much the last reading of this end differs from the one before: what it may still move by, V."""
        last = list(self.near_history)[-2:]
        return abs(last[1].voltage_v - last[0].voltage_v) if len(last) == 2 else 0.0

    def _since(self, history: Iterable[Feed], latest: Feed | None, since: float, now: float) -> list[Feed]:
        """Return what is averaged. What creeps is averaged as it is, at both ends over the same time; a step has to settle."""
        if latest is None or latest.t < since:
            return []
        found = [each for each in history if each.t >= max(since, now - RECENT_S)]
        return found if self.onset is None else steady(found)

    def forget(self) -> None:
        """The change is over: what is measured now is what was before it, or has been taken as normal."""
        self.onset = None

    # Normal.

    def follow(self, now: float) -> None:
        """Let the normal state follow what is measured now; only for a line that is known to be healthy."""
        near = self._settled(self.near_history, self.near, now)
        far = self._settled(self.far_history, self.far, now)
        if self.normal.near is None and near is not None:
            self._young_until = now + YOUNG_S
        self._anchor = BothEnds(self._anchor.near or near, self._anchor.far or far)
        self.normal = BothEnds(
            _bounded(_followed(self.normal.near, near), self._anchor.near), _bounded(_followed(self.normal.far, far), self._anchor.far)
        )

    def settle(self, normal: BothEnds) -> None:
        """Take this as the normal state: somebody vouches for it, or it was so before a restart."""
        self.normal = self._anchor = normal
        self._young_until = float("-inf")

    def young(self, now: float) -> bool:
        """Return whether nothing is normal yet, or only what was found so here a short time ago."""
        return self.normal.near is None or now < self._young_until

    def begin_anew(self) -> None:
        """Forget what was taken for normal, the change against it, and all from before it: it was not the line's sound state."""
        since = self.onset.t + RESPLIT_S if self.onset is not None else float("-inf")
        for history in (self.near_history, self.far_history):
            while history and history[0].t < since:
                history.popleft()
        self.normal, self._anchor, self.onset = BothEnds(), BothEnds(), None

    def restart(self) -> None:
        """Forget everything from before: people have changed the line on purpose, and what is measured from now on is its state."""
        self.near_history.clear()
        self.far_history.clear()
        self.normal, self._anchor, self.onset = BothEnds(), BothEnds(), None

    def _settled(self, history: Sequence[Feed], latest: Feed | None, now: float) -> Feed | None:
        if latest is None:
            return None
        found = steady([each for each in history if each.t >= now - RECENT_S])
        return mean(found) if len(found) >= SETTLED else None

    def recent(self, now: float) -> BothEnds:
        """Return the averages of the last settled readings of both ends."""
        return BothEnds(self._settled(self.near_history, self.near, now), self._settled(self.far_history, self.far, now))


def _feed(look: Look, points: FeedPoints) -> Feed | None:
    """Return what a unit measures, or None while its voltage or current is not known or they do not belong together."""
    voltage, current = look(points.voltage_v), look(points.current_ma)
    volts, milliamperes = number_of(voltage), number_of(current)
    if voltage is None or current is None or volts is None or milliamperes is None or abs(voltage.t - current.t) > TOGETHER_S:
        return None
    regulation = look(points.regulation)
    word = regulation.value if regulation is not None and regulation.quality.good else None
    known = {each.value: each for each in Regulation}
    apart_s, on = abs(voltage.t - current.t), true(look(points.on))
    return Feed(abs(milliamperes), abs(volts), max(voltage.t, current.t), on, known.get(str(word)), uncertainty_s=apart_s)


def steady(feeds: Sequence[Feed]) -> list[Feed]:
    """Return the latest readings that agree with the last one, newest last."""
    found: list[Feed] = []
    last = feeds[-1] if feeds else None
    for each in reversed(feeds):
        if last is None or abs(each.voltage_v - last.voltage_v) > STEADY_V or abs(each.current_ma - last.current_ma) > STEADY_MA:
            break
        found.append(each)
    return found[::-1]


def mean(feeds: Sequence[Feed]) -> Feed:
    """Return the average of readings, with time, output and regulation of the last one. ValueError for none."""
    if not feeds:
        raise ValueError("no readings to average")
    count = len(feeds)
    current, voltage = sum(each.current_ma for each in feeds) / count, sum(each.voltage_v for each in feeds) / count
    return replace(feeds[-1], current_ma=current, voltage_v=voltage)


def _followed(normal: Feed | None, settled: Feed | None) -> Feed | None:
    """Return the normal state a little nearer to what is measured."""
    if settled is None or normal is None or settled.t <= normal.t:
        return normal if normal is not None else settled
    share = min((settled.t - normal.t) / FOLLOW_S, 1.0)
    current = normal.current_ma + share * (settled.current_ma - normal.current_ma)
    return replace(settled, current_ma=current, voltage_v=normal.voltage_v + share * (settled.voltage_v - normal.voltage_v))


def _bounded(normal: Feed | None, anchor: Feed | None) -> Feed | None:
    """Return the normal state no further from where it began than it may follow."""
    if normal is None or anchor is None:
        return normal
    volts = min(max(normal.voltage_v, anchor.voltage_v - FOLLOWED_V), anchor.voltage_v + FOLLOWED_V)
    return replace(normal, voltage_v=volts)


def feed_as_plain(feed: Feed | None) -> dict[str, Any] | None:
    """Return current and voltage as a plain dictionary."""
    return None if feed is None else {"current_ma": feed.current_ma, "voltage_v": feed.voltage_v}


def feed_from_plain(plain: Any, t: float) -> Feed | None:
    """Return the Feed of `feed_as_plain` with the time `t`. KeyError, TypeError or ValueError for what is none."""
    return None if plain is None else Feed(float(plain["current_ma"]), float(plain["voltage_v"]), t)
