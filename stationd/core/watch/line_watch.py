"""The line watch: readings, light and the far end in; the verdict and the alarms of the line out. Pure, no clock.

    readings, light --> last values, chronicle --> feeds: before and after --> electric --.
    far end ----------> its last words -----------------------------------> pairs --------+--> evidence --> judge --> verdict

It judges at once when something happens (light lost, a step, a message of the far end), and otherwise every tenth of a second at
most while readings come. A fault is told as soon as it is seen; that it is over, when that has held for a while. Old values are
unknown: Readings that the station restates belong here like all others.
"""

from __future__ import annotations

from collections.abc import Container, Iterator, Mapping
from dataclasses import replace
from typing import Any

from stationd.core.alarm.type import AlarmKey
from stationd.core.alarm.words import Signal
from stationd.core.light.pair import PairLight
from stationd.core.light.watch import LightWatch
from stationd.core.line.cable import virtual_earth_km
from stationd.core.line.far import FarLine, FarSilent
from stationd.core.line.learn import Learner
from stationd.core.line.locate import residual_v
from stationd.core.line.plan import LinePlan
from stationd.core.line.uncertainty import Ends
from stationd.core.line.words import End
from stationd.core.model import Event, LightEvent, LightKind, LinkChanged, PointId, Reading
from stationd.core.verdict.evidence import Evidence, Power, Sign
from stationd.core.verdict.judge import judge
from stationd.core.verdict.told import BaselineOutcome, BaselineTaken, TakeBaseline, VerdictChanged
from stationd.core.verdict.words import Kind, Verdict
from stationd.core.watch.acts import Acts, Who, act_of
from stationd.core.watch.aftermath import Aftermath
from stationd.core.watch.baselines import take
from stationd.core.watch.breaks import Breaks
from stationd.core.watch.chronicle import Chronicle
from stationd.core.watch.electric import Electricity
from stationd.core.watch.feeds import BothEnds, FeedWatch
from stationd.core.watch.line_alarms import LineAlarms
from stationd.core.watch.state import FEEDS, Parts, put_back, saved_state
from stationd.core.watch.station_side import StationSide
from stationd.core.watch.steadiness import Steadiness
from stationd.core.watch.view import LineView, NearEnd, PairView, far_light, pair_view

__all__ = ["LineView", "LineWatch", "NearEnd", "PairView"]

JUDGE_S = 0.1  # what does not press waits so long for more of its kind
AT_LEAST_S = 1.0  # and so often it is judged in any case: what follows from time alone
GATHER_S = 0.3  # channels that go dark together are seen together (a cut is dark on all pairs within milliseconds)
DEAD_S = 0.5  # so long after the power the last repeater is dark (assumption: its capacitors hold tens of milliseconds)
LEARN_S = 60.0  # a sample for the learnt cable so often
BEFORE_S = 10.0  # what happened so long before a verdict changed belongs to it
Effect = Signal | VerdictChanged


class LineWatch:
    """One line of one station. `handle` takes one event; `deadline` is when a Tick is due if nothing else happens."""

    def __init__(self, plan: LinePlan, now: float) -> None:
        self._values: dict[PointId, Reading] = {}
        self._side = StationSide(plan, self._look)
        self.steadiness = Steadiness(now)
        self.acts = Acts()
        self._chronicle = Chronicle(plan)
        self.light = LightWatch(plan, self._look)
        self._lay_out(plan)
        self._feed_anew(plan)
        self._far: FarLine | None = None
        self._far_why = "nothing heard since the start"
        self._evidence: Evidence | None = None
        self._judged_t = now
        self._due: float | None = now + AT_LEAST_S
        self._learnt_t = now
        self._stepped_t = float("-inf")

    def _lay_out(self, plan: LinePlan) -> None:
        self.plan = plan
        self._points = plan.points()
        self._feed_points = frozenset(point for feed in plan.feeds for point in feed.points())
        self._alarms = LineAlarms(plan)

    def _feed_anew(self, plan: LinePlan) -> None:
        self.feeds = FeedWatch(plan)
        self.electricity = Electricity(plan, self.feeds)
        self.learner = Learner(plan.cable, self.electricity.known, plan.end)
        self.aftermath = Aftermath(self.acts, self.feeds)
        self._breaks = Breaks(self.feeds)

    def _look(self, point: PointId | None) -> Reading | None:
        return None if point is None else self._values.get(point)

    # What comes in.

    def handle(self, event: Event | Signal, now: float) -> list[Effect]:
        """Take one event and return what follows from it. `now` is never earlier than the event."""
        effects: list[Effect] = []
        if self._take(event):
            self._due = now
        effects += self._steps()
        if self._due is not None and now >= self._due:
            effects += self._judge(now)
        return effects

    def deadline(self) -> float | None:
        """Return when a Tick is due if nothing else happens."""
        return self._due

    def operate(self, operation: Mapping[str, str] | None, now: float) -> None:
        """Take what is done here on purpose (Operations.told): while it goes on, what changes is no fault."""
        if self.acts.take(Who.OWN, act_of(operation), now):
            self._due = now

    def _take(self, event: Event | Signal) -> bool:
        """Take an event; return whether it presses."""
        match event:
            case Reading():
                return event.point in self._points and self._read(event)
            case LightEvent():
                self.light.light(event)
                self._chronicle.light(event)
                return event.kind in (LightKind.LOST, LightKind.BACK)
            case LinkChanged(bus, up, _, t):
                self._side.link(bus, up=up)
                self._soon(t)
                return False
            case FarLine():
                self._far, self._far_why = event, ""
                self.acts.take(Who.FAR, act_of(event.operation), event.received)
                self.feeds.hear(event.feed)
                self._chronicle.hear(event.events)
                return True
            case FarSilent(t, why):
                self._far, self._far_why = None, why
                self.acts.take(Who.FAR, None, t)
                self.feeds.hear(None)
                return True
            case _:
                return False

    def _read(self, reading: Reading) -> bool:
        self._values[reading.point] = reading
        self._chronicle.read(reading)
        self.light.read(reading)
        self._soon(reading.t)
        return reading.point in self._feed_points and self.feeds.read(self._look)

    def _soon(self, t: float) -> None:
        due = max(t, self._judged_t) + JUDGE_S
        self._due = due if self._due is None else min(self._due, due)

    def _steps(self) -> Iterator[Effect]:
        """Tell a step of our voltage to the desk, as soon as it is seen."""
        onset = self.feeds.onset
        if onset is None or not onset.near_saw or onset.t <= self._stepped_t:
            return
        self._stepped_t = onset.t
        if self.acts.acting:
            return
        self._chronicle.stepped(self.feeds.device, onset.after, onset.t)
        before, near = onset.before.near, self.feeds.near
        if before is None or near is None or abs(near.current_ma - before.current_ma) > 0.002 * self.feeds.nominal_ma:
            return
        note = f"by {near.voltage_v - before.voltage_v:+.1f} V to {near.voltage_v:.1f} V"
        for active in (True, False):
            yield Signal(AlarmKey(self.feeds.device, "VOLTAGE-STEP"), active, near.t, near.voltage_v, note)

    # The verdict.

    @property
    def verdict(self) -> Verdict:
        """The answer as it stands."""
        return self.steadiness.verdict

    def _judge(self, now: float) -> list[Effect]:
        self._judged_t, self._due = now, now + AT_LEAST_S
        self._follow_acts(now)
        evidence = self._gather(now)
        self._evidence = evidence
        found = judge(evidence)
        changed = self.steadiness.take(found, self._began(found, now), now)
        self._settle(evidence, now)
        due = self.steadiness.due
        dues = (self._due, due, self._pressing(evidence, now), self.light.next_fade(now), self.acts.due())
        self._due = min(each for each in dues if each is not None and each > now)
        effects: list[Effect] = [*self._alarms.look(evidence, self.verdict, now)]
        return [*([changed] if changed is not None else []), *effects]

    def _follow_acts(self, now: float) -> None:
        """Begin anew when people have changed the line; a feed that gives current again is not off on purpose any more."""
        self.aftermath.look()
        if self.acts.settled(now):
            self.aftermath.settled(now)
            self.feeds.restart()
        near = self.feeds.near
        # Current alone tells nothing: that of the far end flows through a feed that is off.
        if near is not None and near.on and not self.acts.acting:
            self.acts.on_again(Who.OWN)

    def _pressing(self, evidence: Evidence, now: float) -> float | None:
        """Return when a pair that has just gone dark is to be looked at again."""
        fresh = [pair.lost_t + GATHER_S for pair in evidence.pairs if pair.lost_t is not None and pair.lost_t + GATHER_S > now]
        return min(fresh, default=None)

    def _began(self, found: Verdict, now: float) -> float:
        """Return when what is told began: at the first event of this end that belongs to it."""
        if found.kind is Kind.HEALTHY:
            return now
        begin = max(now - BEFORE_S, self.steadiness.begins_after(now))
        onset = self.feeds.onset
        times = [self._chronicle.earliest(begin), onset.after if onset is not None else None]
        return min((each for each in times if each is not None and each >= begin), default=now)

    def _gather(self, now: float) -> Evidence:
        far = self._far
        told = (far.light, far.t, far.uncertainty_s) if far is not None else ({}, now, 0.0)
        pairs = self.light.pairs(now, *told)
        self._chronicle.reflects((f"pair {pair.number}" for pair in pairs if pair.reflects), now)
        pairs = tuple(
            replace(pair, waiting=True) if pair.lost_t is not None and now < pair.lost_t + GATHER_S else pair for pair in pairs
        )
        known = [pair for pair in pairs if pair.receive_lost is not None]
        dark = bool(known) and all(pair.receive_lost for pair in known) and len(known) >= min(2, len(pairs))
        dark_t = max((pair.lost_t for pair in known if pair.lost_t is not None), default=now) if dark else None
        alarms = far.alarms if far is not None else ()
        side = self._side
        self.electricity.alone = self.aftermath.energising
        electric = self.electricity.assess(
            now, dark_t=dark_t, far_over_voltage=_over_voltage(alarms, far), over_voltage=side.over_voltage(self.feeds.here, now)
        )
        broken = self._breaks.look(pairs, now, acting=self.acts.acting)
        if broken:
            electric = self.electricity.broken(electric, dark_t=dark_t, parted=self._breaks.parted)
        electric = replace(electric, powered=self._powered(pairs, now))
        mute = side.mute()
        since = self.verdict.since if self.verdict.kind is not Kind.HEALTHY else now
        return Evidence(
            end=self.plan.end, station=self.plan.station, far_station=self.plan.far_station, now=now, since=since,
            length_km=self.plan.cable.length_km, demarcation_km=self.plan.demarcation_km, fed=self.plan.cable.fed, pairs=pairs,
            electric=electric, contacts=side.contacts(self.feeds.here, now), far_known=far is not None,
            far_why=self._far_why, far_alarms=alarms, buses_lost=side.buses_lost(mute), mute=mute, ageing=self.light.ageing(),
            faded=self.light.faded(pairs, now),
            acting=self.acts.acting, own_acts=self.acts.of(Who.OWN), far_acts=self.acts.of(Who.FAR),
            switched_off=self.acts.switched_off.get(Who.OWN, ""), held=self.acts.held, broken=broken,
            low=self._low(dark_t), low_fits=self.aftermath.fits(self.electricity.cable),
            events=self._chronicle.since(max(since - BEFORE_S, self.steadiness.floor), since + 6 * BEFORE_S),
        )  # fmt: skip

    def _low(self, dark_t: float | None) -> bool:
        """Return whether the line stands at a current that an operation has left, and that is why it is dark or seems to be open."""
        left = self.aftermath
        if left.low_ma is None or left.off or self.feeds.here is Power.UNKNOWN:
            return False
        return self.feeds.here is not Power.FEEDING or (dark_t is not None and dark_t <= left.low_t)

    def _powered(self, pairs: tuple[PairLight, ...], now: float) -> bool:
        """Return whether light still comes through the repeaters although our feed is off."""
        dead_t = self.feeds.here_t + DEAD_S
        if self.feeds.here is not Power.OFF or not self.plan.cable.repeaters_km or now < dead_t:
            return False
        return any(pair.receive_lost is False and self.light.seen_t(pair.number, now) >= dead_t for pair in pairs)

    def _settle(self, evidence: Evidence, now: float) -> None:
        """Learn what is normal from a line that is healthy, and nothing from any other."""
        if evidence.acting:
            return
        electric = evidence.electric
        sound = electric.sign is Sign.NONE and not electric.contradicted and electric.here is Power.FEEDING
        if sound and self.feeds.onset is not None and now > self.feeds.onset.t + BEFORE_S:
            self.feeds.forget()
        if self.verdict.kind is not Kind.HEALTHY:
            if self.feeds.normal.near is None and sound and electric.candidates == ():
                self.feeds.follow(now)
            return
        if now - self.steadiness.verdict.since >= AT_LEAST_S:
            self.light.settle(self._far.light if self._far is not None else {})
        if sound and self.feeds.onset is None:
            self.feeds.follow(now)
            self._learn(now)

    def _learn(self, now: float) -> None:
        if now < self._learnt_t + LEARN_S:
            return
        self._learnt_t = now
        recent = self.feeds.recent(now)
        if recent.near is None or recent.far is None or self.feeds.there() is not Power.FEEDING:
            return
        self.learner.offer(self._ends(recent), healthy=True, setpoint_ma=self._side.setpoint_ma())
        learnt = self.learner.learnt()
        self.electricity.cable, self.electricity.known = learnt.cable, learnt.uncertainty

    def _ends(self, both: BothEnds) -> Ends:
        return Ends(both.near, both.far) if self.plan.end is End.A else Ends(both.far, both.near)

    # What is asked of it.

    @property
    def virtual_earth_km(self) -> float | None:
        """Where the conductor is at the potential of the earth, from end a; None while that is not known."""
        electric = self._evidence.electric if self._evidence is not None else None
        sound = electric is not None and electric.sign in (Sign.NONE, Sign.EARTH, Sign.MIS_SET, Sign.FAR_TRIP)
        if not sound or self.feeds.here is not Power.FEEDING:
            return None
        far = self.feeds.far if self.feeds.there() is Power.FEEDING else None
        ends = self._ends(BothEnds(self.feeds.near, far))
        return virtual_earth_km(self.electricity.cable, ends.a, ends.b)

    @property
    def residual_v(self) -> float | None:
        """Both voltages together minus the model, in V; None unless both ends feed and are heard."""
        if self.feeds.here is not Power.FEEDING or self.feeds.there() is not Power.FEEDING:
            return None
        return residual_v(self.electricity.cable, self._ends(BothEnds(self.feeds.near, self.feeds.far)))

    def view(self) -> LineView:
        """Return all that the screens show."""
        learnt = self.learner.learnt()
        sigma = learnt.resistance_sd
        return LineView(
            plan=self.plan,
            verdict=self.verdict,
            near=self.feeds.near,
            far=self.feeds.far,
            far_known=self._far is not None,
            far_why=self._far_why,
            far_heard_t=self._far.received if self._far is not None else None,
            virtual_earth_km=self.virtual_earth_km,
            residual_v=self.residual_v,
            learnt=learnt.cable if sigma is not None else None,
            learnt_sigma_ohm_per_km=None if sigma is None else sigma * learnt.cable.ohm_per_km,
            pairs=tuple(pair_view(pair) for pair in self._evidence.pairs) if self._evidence is not None else (),
            baseline=self.light.baseline,
        )

    def near_end(self, now: float) -> NearEnd:
        """Return what is told to the far station about this end."""
        pairs = self._evidence.pairs if self._evidence is not None else ()
        return NearEnd(self.feeds.near, {pair.number: far_light(pair) for pair in pairs}, self._chronicle.told(now))

    def take_baseline(self, order: TakeBaseline, now: float, utc_s: float | None = None) -> BaselineOutcome:
        """Take what is measured now as the normal state, if all of it is known and the line feeds; else say what is missing."""
        recent = self.feeds.recent(now)
        far = self._far.light if self._far is not None else {}
        outcome = take(order, self.plan, self._look, self.light.pairs(now, far, now), recent, self.feeds.here, self.verdict, now, utc_s)
        if isinstance(outcome, BaselineTaken):
            self.light.baseline = outcome.baseline
            self.feeds.settle(recent)
            self.feeds.forget()
            self._due = now
        return outcome

    # What outlives it.

    def saved(self, now: float) -> dict[str, Any]:
        """Return what must be known after a restart, in plain types."""
        return saved_state(self._parts(), now)

    def restore(self, saved: Mapping[str, Any], now: float, elapsed_s: float = 0.0) -> list[str]:
        """Put back what `saved` gave, `elapsed_s` later, before the first event; return what of it could not be read."""
        return put_back(self._parts(), saved, now, elapsed_s)

    def _parts(self) -> Parts:
        return Parts(self.feeds, self.light, self.learner, self.steadiness, self._chronicle, self.acts, self.aftermath)

    def replan(self, plan: LinePlan, anew: Container[str], now: float) -> None:
        """Go on with another plan of the same line; the devices in `anew` are others under their names.

        Verdict, light and events stay. So does the memory of the feeds, unless they, or the cable, are others: then it begins as after a
        restart, with what was read last.
        """
        saved, same_feeds = self.saved(now), _electrical(self.plan) == _electrical(plan) and not any(f.device in anew for f in plan.feeds)
        self._lay_out(plan)
        self._values = {point: each for point, each in self._values.items() if point in self._points and point.device not in anew}
        for part in (self._chronicle, self.light):
            part.replan(plan, anew)
        self._side.replan(plan)
        if not same_feeds:
            self._feed_anew(plan)
            self.feeds.hear(self._far.feed if self._far is not None else None)
            put_back(self._parts(), {name: saved[name] for name in FEEDS}, now, 0.0)
            for each in sorted(self._values.values(), key=lambda each: each.t):
                self._read(each)


def _electrical(plan: LinePlan) -> tuple[object, ...]:
    return plan.feeds, plan.cable, plan.known, plan.meter_ma, plan.meter_v


def _over_voltage(alarms: tuple[str, ...], far: FarLine | None) -> bool:
    """Return whether the far station says that over-voltage has switched its feed off."""
    said = any(each.split("/")[1:2] == ["PFE-PROTECTION"] and "over_voltage" in each for each in alarms)
    return said or any(each.split("/")[1:2] == ["LINE-OVER-VOLTAGE-LIMIT"] for each in alarms)
