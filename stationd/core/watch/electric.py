"""From the memory of the feeds to what voltage and current say: one sign, with its place. Pure, no clock.

What a change means is decided by stationd.core.line.change, where a fault lies by stationd.core.line.locate. Here it is decided
which readings are compared, and whether the far end is to be believed: on every line of this kind a change moves both ends by
about as much, so that a far end that moves alone, or not at all, contradicts what this end measures and is left out.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from stationd.core.line.cable import line_v, repeater_v
from stationd.core.line.change import Cause, Finding, what_changed
from stationd.core.line.locate import facts_v, locate_cut, locate_shunt, residual_v
from stationd.core.line.plan import LinePlan
from stationd.core.line.uncertainty import PUBLISHED_DROOP_S, Ends, NotVisible, Uncertainty
from stationd.core.line.words import End, Feed, Interval, Location
from stationd.core.verdict.evidence import Electric, Power, Sign
from stationd.core.watch.aftermath import KNEE_SHARE
from stationd.core.watch.feeds import TOGETHER_S, BothEnds, FeedWatch

MOVED_V = 4.0  # against the normal state: less is weather, electrodes and meters (diurnal earth potential is 1 to 3 V)
EARTH_V = 5.0  # of the sum: an earth potential that is worth telling (assumption)
AGREE_V, AGREE_SHARE = 25.0, 0.10  # both ends move by as much, but for bare ends in the sea (10 ohm each) and the model (assumption)
STILL_V = 2.0  # this end has not moved
WHOLE_SHARE = 0.85  # of the voltage of the whole line: this end carries it, where nothing from before is known (assumption)
PLAUSIBLE_V_PER_KM = 0.15  # of the sum: earth potential 0.1 V/km (rule of thumb), resistance and repeaters off by 3 % (assumption)
CREEPS_S = 600.0  # what came without a step has taken longer than any step
FAR_TRIES_S = 3.0  # so long after a step the far end's next readings are waited for: its period and that of its messages
EVEN_MA = 0.33  # a set point may be off by that (published stability, 24 h), and a leak of so little is not told from it
UNFED_S = 1.0  # so long after our feed went off and the light too, the far end has taken the line over, if it can (assumption)
REPEATER_SHARE = 0.2  # of the voltage of a repeater, by pump load and droop (assumption)
SAME_V, SAME_MA = 0.5, 0.2  # readings that differ by less give the same place
SIGNS = {
    Cause.NOTHING: Sign.NONE,
    Cause.SHUNT: Sign.SHUNT,
    Cause.CUT: Sign.SHUNT,
    Cause.MIS_SET: Sign.MIS_SET,
    Cause.EARTH_POTENTIAL: Sign.EARTH,
    Cause.REPEATER: Sign.REPEATER,
    Cause.OPEN: Sign.OPEN,
}


@dataclass(frozen=True, slots=True)
class _Placed:
    """A place that was computed, and for which readings."""

    cut: bool
    after: BothEnds
    count: int
    found: Location | NotVisible


class Electricity:
    """What the feeds say, with the memory of the last finding of both ends. `cable` may be replaced by a learnt one."""

    def __init__(self, plan: LinePlan, feeds: FeedWatch) -> None:
        self.cable = plan.cable
        self.known = replace(plan.known, current_resolution_ma=plan.meter_ma, voltage_resolution_v=plan.meter_v)
        self._end = plan.end
        self._feeds = feeds
        self._placed: _Placed | None = None
        self._kept: Electric | None = None
        self.alone = False  # our feed carries the line alone, and is meant to
        self.dim_ma = KNEE_SHARE * feeds.nominal_ma

    def assess(self, now: float, *, dark_t: float | None, far_over_voltage: bool, over_voltage: bool) -> Electric:
        """Say what voltage and current mean now. `dark_t`: since then all fibres are dark, so that a fault is a cut."""
        feeds = self._feeds
        fresh, awaited = self._freshness(now)
        before = feeds.before()
        found = Electric(
            whole_v=before.near.voltage_v + before.far.voltage_v if before.near is not None and before.far is not None else None,
            here=feeds.here,
            there=feeds.there() if fresh else Power.UNKNOWN,
            near=feeds.near,
            far=feeds.far,
            over_voltage_here=over_voltage,
            over_voltage_there=far_over_voltage,
            settling=awaited,
            alone=self.alone,
            dim_there=feeds.far is None or feeds.far.current_ma < self.dim_ma,
        )
        if feeds.here is Power.ABSENT or feeds.near is None:
            return replace(found, sign=Sign.UNKNOWN)
        if feeds.here is not Power.FEEDING:
            return self._unfed(found, dark_t)
        if feeds.normal.near is None and feeds.onset is None:
            return self._as_is(found, dark_t)
        return self._kept_or(self._compare(found, now, dark_t))

    def broken(self, found: Electric, *, dark_t: float | None, parted: bool) -> Electric:
        """Say what the feeds show of a break while the line is being changed: nothing before it counts."""
        if found.here is not Power.FEEDING:
            return found
        found = self._as_is(replace(found, location=None, step_v=None, far_step_v=None, settling=False), dark_t)
        if parted:
            found = replace(found, sign=Sign.SHUNT, ends=2, candidates=(), visible=False, parted=True)
        return replace(found, settled=False)

    def _as_is(self, found: Electric, dark_t: float | None) -> Electric:
        """Judge by what is measured now alone; a line that is not sound and dark has its break where the voltage ends."""
        now = BothEnds(self._feeds.near, self._feeds.far if found.there is Power.FEEDING else None)
        found = self._without_past(found, now)
        return found if dark_t is None or found.sign is not Sign.UNCLEAR else self._located(found, BothEnds(), now, cut=True)

    def _freshness(self, now: float) -> tuple[bool, bool]:
        """Return whether the far feed's last words are of after what this end has seen, and whether such words can still come."""
        feeds = self._feeds
        changed_t = feeds.here_t if feeds.here in (Power.OFF, Power.AT_LIMIT) else None
        if changed_t is None and feeds.onset is not None and feeds.onset.near_saw:
            changed_t = feeds.onset.t
        if feeds.far is None or changed_t is None:
            return feeds.far is not None, False
        fresh = feeds.far.t >= changed_t + (TOGETHER_S if feeds.here is not Power.FEEDING else 0.0)  # of a feed asked in two questions
        return fresh, not fresh and now < changed_t + FAR_TRIES_S

    # Without our own feed.

    def _unfed(self, found: Electric, dark_t: float | None) -> Electric:
        """Our feed is off or drives nothing. The far one then has the whole line on it, or less where its current ends in the sea."""
        feeds = self._feeds
        found = replace(found, sign=Sign.OPEN if feeds.here is Power.AT_LIMIT else Sign.UNCLEAR)
        if feeds.here is not Power.OFF or dark_t is None or feeds.far is None or found.there is not Power.FEEDING:
            return found
        less_v = line_v(self.cable, feeds.far.current_ma / 1000) - PLAUSIBLE_V_PER_KM * self.cable.length_km
        if feeds.far.t < max(feeds.here_t, dark_t) + UNFED_S or feeds.far.voltage_v >= less_v:
            return found
        return self._located(replace(found, leaks=True, ends=1), BothEnds(), BothEnds(None, feeds.far), cut=True)

    # With a past.

    def _compare(self, found: Electric, now: float, dark_t: float | None) -> Electric:
        before, after = self._feeds.before(), self._feeds.after(now, dark_t)
        if self.alone:
            before, after = replace(before, far=None), replace(after, far=None)
        if after.near is None or before.near is None:
            return replace(found, sign=Sign.UNCLEAR, settling=True, candidates=())
        if dark_t is None and self._feeds.young(now) and self._was_the_fault(found, before, after):
            if after.count < 2:
                return replace(found, sign=Sign.UNCLEAR, settling=True, candidates=())
            self._feeds.begin_anew()
            return self._without_past(found, after)
        steps = _step(before.near, after.near), _step(before.far, after.far)
        residual = residual_v(self.cable, _ends(self._end, after))
        shifts = self._shift(self._end, before.near, after.near), self._shift(self._end.other, before.far, after.far)
        found = replace(found, step_v=steps[0], far_step_v=steps[1], residual_v=residual, own_shift_ma=shifts[0], far_shift_ma=shifts[1])
        found = replace(found, doubt_v=self._doubt_v(before if before.far is not None else after))
        doubtful = _contradict(steps) or (residual is not None and abs(residual) > PLAUSIBLE_V_PER_KM * self.cable.length_km)
        if doubtful:
            before, after = replace(before, far=None), replace(after, far=None)
            found = replace(found, contradicted=True, far_step_v=None, residual_v=None, doubt_v=None)
        if self._as_normal(after) or not self._moved(steps[0], doubtful=doubtful):
            found = replace(found, sign=Sign.NONE, ends=1 + (after.far is not None))
            return found if dark_t is None else self._located(found, before, after, cut=True)
        finding = self._finding(before, after)
        settling = after.far is None and not doubtful and self._far_may_come(now)
        found = self._named(found, finding, settling=settling, ends=1 + (after.far is not None and before.far is not None))
        cut = dark_t is not None
        place = (cut and found.sign is not Sign.FAR_TRIP) or found.sign is Sign.SHUNT
        hidden = self.alone and not cut  # where a leak lies needs the voltage of the other end
        return replace(found, visible=False) if hidden else self._located(found, before, after, cut=cut) if place else found

    def _moved(self, step_v: float | None, *, doubtful: bool) -> bool:
        """Return whether this end has moved at all; what only the far end shows is never a fault of the line."""
        limit = STILL_V if self._feeds.onset is not None or not doubtful else MOVED_V
        return step_v is not None and (abs(step_v) > limit or (self._feeds.onset is not None and self._feeds.onset.near_saw))

    def _as_normal(self, after: BothEnds) -> bool:
        normal = self._feeds.normal
        near, far = _step(normal.near, after.near), _step(normal.far, after.far)
        shift = _step_ma(normal.near, after.near)
        if near is None or shift is None or abs(shift) > 2.0:  # 0.2 % of an ampere: current in its band
            return False
        return abs(near) <= MOVED_V and (far is None or abs(far) <= MOVED_V)

    def _finding(self, before: BothEnds, after: BothEnds) -> Finding:
        """Compare; a step is at once, whenever its readings were averaged, and what is no step creeps."""
        onset = self._feeds.onset
        if onset is None:
            long_ago = min(each.t for each in (after.near, after.far) if each is not None) - CREEPS_S
            before = BothEnds(_at(before.near, long_ago), _at(before.far, long_ago))
        else:
            after = BothEnds(_at(after.near, onset.t), _at(after.far, onset.t), after.count)
            before = BothEnds(_at(before.near, onset.after), _at(before.far, onset.after))
        return what_changed(self.cable, _ends(self._end, before), _ends(self._end, after), self._averaged(after.count))

    def _averaged(self, count: int) -> Uncertainty:
        """Return the uncertainty of the averages that are compared: noise and rounding shrink with the root of their number."""
        share = max(count, 1) ** -0.5
        known = self.known
        return replace(
            known,
            current_noise_ma=known.current_noise_ma * share,
            voltage_noise_v=known.voltage_noise_v * share,
            current_resolution_ma=known.current_resolution_ma * share,
            voltage_resolution_v=known.voltage_resolution_v * share,
        )

    def _named(self, found: Electric, finding: Finding, *, settling: bool, ends: int) -> Electric:
        far_trip = Cause.trip(self._end.other)
        signs = tuple(dict.fromkeys(Sign.FAR_TRIP if each is far_trip else SIGNS.get(each, Sign.UNCLEAR) for each in finding.candidates))
        if not signs:
            return replace(found, sign=Sign.UNCLEAR, settling=settling, ends=ends)
        sign = signs[0]
        if sign is Sign.EARTH and abs(_sum(found) or 2 * abs(found.step_v or 0.0)) < EARTH_V:
            return replace(found, sign=Sign.NONE, ends=ends)
        if sign is Sign.REPEATER and not self._one_repeater(found):
            sign, signs = Sign.UNCLEAR, tuple(each for each in signs if each is not Sign.REPEATER)
        sure = len(signs) == 1 or self._prefers(sign, found, ends=ends)
        if settling and sign is not Sign.FAR_TRIP:
            sure = False
        return replace(found, sign=sign if sure else Sign.UNCLEAR, candidates=signs, settling=settling, ends=ends)

    def _prefers(self, sign: Sign, found: Electric, *, ends: int) -> bool:
        """Say whether the likeliest of several is taken: this end alone carrying the line; alone, a step speaks for a shunt."""
        if sign is Sign.FAR_TRIP:
            return True
        if sign is Sign.REPEATER:
            return ends == 2
        onset = self._feeds.onset
        return sign is Sign.SHUNT and onset is not None and onset.near_saw and (ends == 1 or found.contradicted)

    def _one_repeater(self, found: Electric) -> bool:
        """Return whether the voltage that is missing is that of one repeater, which is shorted then."""
        near = found.near
        step_v = _sum(found) if found.far_step_v is not None else 2 * (found.step_v or 0.0)
        drop_v = repeater_v(self.cable, near.current_ma / 1000) if near is not None else 0.0
        return step_v is not None and drop_v > 0 and abs(step_v + drop_v) <= REPEATER_SHARE * drop_v

    def _far_may_come(self, now: float) -> bool:
        """Return whether the far end speaks and its readings since the step can still be on their way."""
        onset = self._feeds.onset
        return self._feeds.far is not None and onset is not None and now < onset.t + FAR_TRIES_S

    def _shift(self, end: End, before: Feed | None, after: Feed | None) -> float | None:
        """Return how far an end left its own droop line, in mA: its set point moved."""
        volts, current = _step(before, after), _step_ma(before, after)
        return None if volts is None or current is None else current + 1000 * self._droop_s(end) * volts

    def _droop_s(self, end: End) -> float:
        """Return what a feed gives up per volt; as published where this one's is not known."""
        droop = self.known.droop(end)
        return droop.middle_s if droop.known else PUBLISHED_DROOP_S

    # The place.

    def _located(self, found: Electric, before: BothEnds, after: BothEnds, *, cut: bool) -> Electric:
        """Locate with what is at rest: an end whose readings still move is left out, or, if it is the only one, widens the interval."""
        moving_v = 0.0
        if not after.near_settled and after.near is not None:
            alone = after.far is None or not after.far_settled
            moving_v = self._feeds.moving_v() if alone else 0.0
            after = after if alone else replace(after, near=None)
        elif not after.far_settled and after.near is not None:
            after = replace(after, far=None)
        settled = after.near_settled and (after.far is None or after.far_settled) and after.near is not None
        place = self._place(before, after, cut=cut)
        if isinstance(place, NotVisible):
            return replace(found, visible=False, settled=settled)
        return replace(found, location=self._widened(place, found.near, moving_v + abs(found.doubt_v or 0.0)), settled=settled)

    def _widened(self, found: Location, feed: Feed | None, volts: float) -> Location:
        """Add what the figures cannot be trusted by to both sides: k = 2 of |V| / (2 I R') (physics of the line)."""
        if feed is None or volts <= 0.0:
            return found
        more_km = volts / (max(feed.current_ma, 1.0) / 1000 * self.cable.ohm_per_km)
        place = found.place
        wide = Interval(place.km, max(0.0, place.low_km - more_km), min(self.cable.length_km, place.high_km + more_km))
        return replace(found, place=wide)

    def _doubt_v(self, both: BothEnds) -> float | None:
        """Return a residual that the facts of the line do not explain, or None."""
        residual = residual_v(self.cable, _ends(self._end, both))
        if residual is None or both.near is None or abs(residual) <= facts_v(self.cable, self.known, both.near.current_ma / 1000):
            return None
        return residual

    def _place(self, before: BothEnds, after: BothEnds, *, cut: bool) -> Location | NotVisible:
        """Locate anew only where the readings say something new: it costs some tens of milliseconds."""
        tier = next(each for each in (10, 3, 0) if after.count >= each)
        last = self._placed
        if last is not None and (last.cut, last.count) == (cut, tier) and _as_one(last.after, after):
            return last.found
        ends, known = _ends(self._end, after), self._averaged(after.count)
        placed = locate_cut(self.cable, ends, known) if cut else locate_shunt(self.cable, ends, _ends(self._end, before), known)
        self._placed = _Placed(cut, after, tier, placed)
        return placed

    # Memory.

    def _kept_or(self, found: Electric) -> Electric:
        """What both ends have shown together stays known when the far end falls silent, as long as this end shows the same."""
        kept = self._kept
        if found.sign is Sign.NONE or found.here is not Power.FEEDING:
            self._kept = None
            return found
        if found.ends == 2 and found.sign is not Sign.UNCLEAR:
            self._kept = found
            return found
        if kept is None or found.ends == 2 or kept.near is None or found.near is None:
            return found
        still = abs(kept.near.voltage_v - found.near.voltage_v) <= MOVED_V
        return replace(kept, near=found.near, far=found.far, there=found.there, contradicted=found.contradicted) if still else found

    # Without a past.

    def _without_past(self, found: Electric, both: BothEnds) -> Electric:
        """Judge by the model alone: sound, carrying the whole line, or not to be told. `both` is what is measured, averaged or not."""
        near, far = both.near, both.far if found.there is Power.FEEDING else None
        assert near is not None
        both, ends = BothEnds(near, far), 1 + (far is not None)
        residual = residual_v(self.cable, _ends(self._end, both))
        found = replace(found, ends=ends, residual_v=residual, doubt_v=self._doubt_v(both))
        whole = near.voltage_v >= WHOLE_SHARE * line_v(self.cable, near.current_ma / 1000)
        if whole and found.there is Power.OFF and not self.alone:
            return replace(found, sign=Sign.FAR_TRIP)
        if self._sound(both):
            return replace(found, sign=Sign.NONE, candidates=())
        if self.alone:
            return replace(found, sign=Sign.UNCLEAR, candidates=(Sign.SHUNT,))
        likely = (Sign.FAR_TRIP, Sign.SHUNT) if whole and far is None else (Sign.SHUNT, Sign.MIS_SET)
        return replace(found, sign=Sign.UNCLEAR, candidates=likely)

    def _sound(self, both: BothEnds) -> bool:
        """Return whether the figures are those of a sound line by themselves: an even split, equal currents, and a sum that fits."""
        near, far = both.near, both.far
        if near is not None and far is None and self.alone:
            return abs(near.voltage_v - line_v(self.cable, near.current_ma / 1000)) <= PLAUSIBLE_V_PER_KM * self.cable.length_km
        if near is None or self._uneven_v(both) > self._even_v():
            return False
        residual = residual_v(self.cable, _ends(self._end, both))
        fits = residual is None or abs(residual) <= PLAUSIBLE_V_PER_KM * self.cable.length_km
        return fits and (far is None or abs(near.current_ma - far.current_ma) <= EVEN_MA)

    def _even_v(self) -> float:
        """By how much set points that are as good as they can be move the split, V: half a milliampere moves it by 76 V."""
        return EVEN_MA / 1000 / (self._droop_s(End.A) + self._droop_s(End.B))

    def _uneven_v(self, both: BothEnds) -> float:
        """How far the voltages are from an even split, V."""
        near, far = both.near, both.far
        if near is None:
            return 0.0
        if far is not None:
            return abs(near.voltage_v - far.voltage_v) / 2
        return abs(near.voltage_v - line_v(self.cable, near.current_ma / 1000) / 2)

    def _was_the_fault(self, found: Electric, before: BothEnds, after: BothEnds) -> bool:
        """Return whether what is now is sound by itself and what was before less so: a fault that stood since the start is over."""
        if found.there is Power.OFF or self.alone:
            return False
        one_end = before.far is None or after.far is None
        before, after = (BothEnds(before.near), BothEnds(after.near)) if one_end else (before, after)
        return self._sound(after) and self._uneven_v(after) + MOVED_V < self._uneven_v(before)


def _ends(end: End, both: BothEnds) -> Ends:
    return Ends(both.near, both.far) if end is End.A else Ends(both.far, both.near)


def _step(before: Feed | None, after: Feed | None) -> float | None:
    return None if before is None or after is None else after.voltage_v - before.voltage_v


def _step_ma(before: Feed | None, after: Feed | None) -> float | None:
    return None if before is None or after is None else after.current_ma - before.current_ma


def _sum(found: Electric) -> float | None:
    return None if found.step_v is None or found.far_step_v is None else found.step_v + found.far_step_v


def _contradict(steps: tuple[float | None, float | None]) -> bool:
    """Return whether both ends cannot have moved so on one line: one far more than the other, or the far one alone."""
    near, far = steps
    if near is None or far is None:
        return False
    larger = max(abs(near), abs(far))
    alone = abs(near) <= STILL_V and abs(far) > MOVED_V + STILL_V
    return alone or abs(abs(near) - abs(far)) > AGREE_V + AGREE_SHARE * larger


def _as_one(one: BothEnds, other: BothEnds) -> bool:
    """Return whether both give the same place."""
    return _same(one.near, other.near) and _same(one.far, other.far)


def _same(one: Feed | None, other: Feed | None) -> bool:
    if one is None or other is None:
        return one is other
    return abs(one.voltage_v - other.voltage_v) <= SAME_V and abs(one.current_ma - other.current_ma) <= SAME_MA


def _at(feed: Feed | None, t: float) -> Feed | None:
    return None if feed is None else replace(feed, t=t)


