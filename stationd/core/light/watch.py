"""The light of all pairs over time: levels against what is normal, and what each pair says now. Pure, no clock.

A level is followed with a time constant of some seconds, so that a pump that fades is not lost in noise; loss of light is taken
as it comes. What is normal is the baseline where a person has taken one, otherwise what a healthy line first showed.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping
from dataclasses import dataclass, replace
from math import exp, inf

from stationd.core.light import pair as sensors
from stationd.core.light.baseline import Baseline
from stationd.core.light.order import Followers, Returns, Span, follows
from stationd.core.light.pair import Dark, Look, PairLight, number_of
from stationd.core.light.pump import Ageing, ageing
from stationd.core.line.far import FarLight
from stationd.core.line.plan import AmplifierPoints, LinePlan, PairPoints
from stationd.core.model import LightEvent, LightKind, PointId, Reading

SMOOTH_S = 3.0  # time constant of a level (assumption)
FADED_S = 30.0  # so long a level is lower before a pump of a repeater is suspected: longer than people patch (assumption)
LESS_DB, BACK_DB, MOST_DB = 0.25, 0.15, 3.5  # suspected below, good again above; more than the last is another event
FAR_ASKED_S = 1.2  # so long after a loss the far station has asked its own amplifiers again (assumption: once a second)
POLL_S = 1.0  # how well the time of what a device shows is known
JUDGED_S = 0.5  # and how much later it is looked at (assumption)
SAMPLE_S = 0.001  # and that of a sample of the loop


@dataclass(slots=True)
class _Tap:
    """What is known of one tap."""

    dark: bool | None = None
    t: float = float("-inf")
    since: float | None = None
    uncertainty_s: float = SAMPLE_S
    lit_t: float = float("-inf")  # when light last came back


@dataclass(slots=True)
class _Level:
    """A level, smoothed, and since when it has been far from normal (None: it is not)."""

    value: float
    t: float
    moved_t: float | None = None


class LightWatch:
    """What all pairs say. `look` gives the last reading of a point; `normal` is where no baseline is."""

    def __init__(self, plan: LinePlan, look: Look) -> None:
        self._look = look
        self._taps: dict[str, _Tap] = {}
        self._levels: dict[PointId, _Level] = {}
        self._device_dark: dict[str, float] = {}
        self._device_lit: dict[str, float] = {}
        self._device_asked: dict[str, tuple[bool | None, float, float]] = {}  # its word, and when it gave it last and before that
        self._returns: dict[int, Returns] = {}
        self._unsent_t: dict[int, float] = {}
        self._lost_there: dict[int, float] = {}
        self._sent_since: set[int] = set()  # pairs on which the far station was heard to send since the loss here
        self._reduced_t: dict[int, float] = {}
        self._faded_since: dict[int, float] = {}
        self._old: frozenset[str] = frozenset()
        self._sent_there: set[int] = set()
        self._followers = Followers()
        self.normal: dict[PointId, float] = {}
        self.far_normal: dict[int, float] = {}
        self.baseline: Baseline | None = None
        self.replan(plan)

    def replan(self, plan: LinePlan, anew: Container[str] = ()) -> None:
        """Look at the pairs of this plan from now on; what is known of taps and levels stays, but for devices that are `anew`."""
        self._plan = plan
        taps = [tap for pair in plan.pairs for tap in (pair.transmit_tap, pair.receive_tap) if tap is not None]
        self._taps = {tap: known if (known := self._taps.get(tap)) is not None and tap not in anew else _Tap() for tap in taps}
        self._returns = {pair.number: self._returns.get(pair.number) or Returns() for pair in plan.pairs}
        self._level_points = {point for pair in plan.pairs for point in _level_points(pair)}
        self._levels = {point: level for point, level in self._levels.items() if point in self._level_points and point.device not in anew}

    # What comes in.

    def read(self, reading: Reading) -> None:
        """Take a reading of a point of a pair."""
        tap = self._taps.get(reading.point.device)
        if tap is not None and reading.point.point == "los":
            self._tap(tap, sensors.true(reading), reading.t, None, POLL_S)
        if reading.point in self._level_points:
            self._level(reading)

    def light(self, event: LightEvent) -> None:
        """Take an event of the sampler."""
        tap = self._taps.get(event.channel)
        if tap is not None and event.kind in (LightKind.LOST, LightKind.BACK):
            wide = SAMPLE_S if event.exact else max(event.t - event.since, SAMPLE_S)
            self._tap(tap, event.kind is LightKind.LOST, event.t, event.since, wide)
            late = tap.dark and event.kind is LightKind.LOST and tap.since is not None and event.since < tap.since
            if late and tap.since is not None and tap.since <= event.t + POLL_S:  # a reading has told the same loss before
                tap.since, tap.uncertainty_s = event.since, wide
        elif event.kind is LightKind.ENDED:
            for each in self._taps.values():
                each.dark = None

    def _tap(self, tap: _Tap, dark: bool | None, t: float, since: float | None, uncertainty_s: float) -> None:
        if t < tap.t:
            return
        if dark and not tap.dark:
            tap.since, tap.uncertainty_s = since if since is not None else t, uncertainty_s
        if tap.dark and dark is False:
            tap.lit_t = t
        tap.dark, tap.t = dark, t

    def _level(self, reading: Reading) -> None:
        value, known = number_of(reading), self._levels.get(reading.point)
        if value is None:
            self._levels.pop(reading.point, None)
            return
        if known is None:
            self._levels[reading.point] = known = _Level(value, reading.t)
        share = 1.0 - exp(-max(reading.t - known.t, 0.0) / SMOOTH_S)
        known.value, known.t = known.value + share * (value - known.value), reading.t
        usual = self.usual(reading.point)
        far_off = usual is not None and abs(value - usual) >= sensors.JUMP_DB
        known.moved_t = (known.moved_t if known.moved_t is not None else reading.t) if far_off else None

    # What is normal.

    def usual(self, point: PointId | None) -> float | None:
        """Return the normal level of a point: of the baseline, or else what a healthy line first showed."""
        if point is None:
            return None
        found = self.baseline.of(point) if self.baseline is not None else None
        return found if found is not None else self.normal.get(point)

    def settle(self, far: Mapping[int, FarLight]) -> None:
        """Take the levels of now as normal where none is known yet; only for a line that is known to be healthy."""
        for point, level in self._levels.items():
            self.normal.setdefault(point, level.value)
        for number, light in far.items():
            if light.receive_dbm is not None:
                self.far_normal.setdefault(number, light.receive_dbm)

    # What is said.

    def pairs(self, now: float, far: Mapping[int, FarLight], far_t: float = inf, far_wide_s: float = 0.0) -> tuple[PairLight, ...]:
        """Return what every pair says now. `far` is what the far station said of each at `far_t`; what it does not tell of is absent.

        `far_wide_s` is how wrong a time of the far station may be here.
        """
        for number, light in far.items():
            if light.transmit_dbm is not None:
                self._sent_there.add(number)
        received = sensors.in_company({points.number: self._received(points, now) for points in self._plan.pairs})
        surely_t = far_t - far_wide_s
        found = [
            self._pair(points, now, received[points.number], far.get(points.number), surely_t) for points in self._plan.pairs
        ]
        return tuple(self._ordered(points, pair, now, far_wide_s) for points, pair in zip(self._plan.pairs, found, strict=True))

    def _pair(self, points: PairPoints, now: float, received: sensors.Received, far: FarLight | None, far_t: float) -> PairLight:
        look, booster, preamp = self._look, points.booster, points.preamp
        lost_t = received.since if received.lost and received.since is not None else -inf
        far = far if far_t >= lost_t else None  # what it said before tells nothing of now
        usual = self.baseline.far_light.get(points.number) if self.baseline is not None else None
        usual = usual if usual is not None else self.far_normal.get(points.number)
        shown = far.receive_dbm if far is not None else None
        sent = self._latest(_tap_level(points.transmit_tap))
        sent = sent if sent is not None or booster is None else self._latest(booster.output_dbm)
        transmit_lost = self._transmit_lost(points)
        return PairLight(
            number=points.number,
            receive_dbm=None if received.lost else received.level_dbm,
            transmit_dbm=sent,
            receive_lost=received.lost,
            transmit_lost=transmit_lost,
            lost_t=received.since if received.lost else None,
            lost_uncertainty_s=received.uncertainty_s,
            waiting=received.waiting,
            receive_change_db=None if received.lost else self._receive_change(points, received.sensor),
            transmit_change_db=self._transmit_change(points),
            sensor=received.sensor or self._sent_wrong(points, now),
            patch_dark=received.patch_dark,
            reflects=any(sensors.reflection(look, each, self.usual) for each in (booster, preamp)),
            reduced=any(sensors.reduced(look, each) for each in (booster, preamp)),
            no_client=booster is not None and sensors.true(look(booster.lost)) is True,
            pump_off=sensors.pump_off(look, points),
            booster=booster.device if booster is not None else None,
            far=far,
            far_change_db=None if shown is None or usual is None else shown - usual,
            far_transmit_lost=None if far is None else _sends_nothing(far, points.number in self._sent_there),
            asked=lost_t == -inf or all(sensors.asked_since(look, each, lost_t) for each in (booster, preamp)),
            far_settled=far_t >= lost_t + FAR_ASKED_S,
        )

    def _ordered(self, points: PairPoints, pair: PairLight, now: float, far_wide_s: float) -> PairLight:
        """Add what needs the order of things: what follows from what, light that comes back, a patch on the sending side."""
        number, far = pair.number, pair.far
        sent, wide_s = self._unsent(points, pair, now), pair.lost_uncertainty_s
        received = Span(pair.lost_t - wide_s, pair.lost_t + wide_s) if pair.lost_t is not None else None
        there = far.lost_t if far is not None and far.lost else None
        _keep(self._reduced_t, number, now, holds=pair.reduced)
        begun = (pair.lost_t, there, sent.high if sent is not None else None, self._reduced_t.get(number))
        reflects, stands = self._returns[number].look(now, [each for each in begun if each is not None], comes_back=pair.reflects)
        heard = Span(there - far_wide_s, there + far_wide_s) if there is not None else None
        far_follows = follows(received, heard) if pair.far_transmit_lost and received is not None else False
        ours_first = self._followers.look(number, sent, received, now)
        if pair.far_transmit_lost and heard is not None and ours_first is not False and not far_follows:
            far_follows = None  # it may have lost our light when our amplifier shut off
        if received is None:
            self._sent_since.discard(number)
        elif far is not None and pair.far_settled and far.transmit_dbm is not None:
            self._sent_since.add(number)
        order = replace(pair, follows=ours_first, far_follows=far_follows, far_sent=number in self._sent_since)
        pair = replace(order, reflects=reflects, stands=stands)
        return self._patched(points, pair, now, far_wide_s)

    def _unsent(self, points: PairPoints, pair: PairLight, now: float) -> Span | None:
        """Return within what times this station stopped sending; None while it sends or nothing is known."""
        _keep(self._unsent_t, pair.number, now, holds=pair.transmit_lost is True)
        seen_t = self._unsent_t.get(pair.number)
        state = self._taps.get(points.transmit_tap) if points.transmit_tap is not None else None
        if seen_t is None or state is None or not state.dark or state.since is None:
            return None if seen_t is None else Span(seen_t - POLL_S - JUDGED_S, seen_t)
        return Span(state.since - state.uncertainty_s, state.since + state.uncertainty_s)


    def _patched(self, points: PairPoints, pair: PairLight, now: float, far_wide_s: float) -> PairLight:
        """Tell a patch on the sending side from its tap: behind an open patch the far station has no light either."""
        there = pair.far is not None and pair.far.lost is True
        _keep(self._lost_there, pair.number, now, holds=there)
        state = self._taps.get(points.transmit_tap) if points.transmit_tap is not None else None
        if pair.sensor is None or pair.sensor != points.transmit_tap or state is None or not state.dark:
            return pair
        begun = (state.since if state.since is not None else state.t) - far_wide_s - sensors.WITH_S
        told_t = pair.far.lost_t if pair.far is not None else None
        if there and (told_t if told_t is not None else self._lost_there[pair.number]) >= begun:
            return replace(pair, sensor=None, sent_patch_dark=True)
        return replace(pair, sensor_sure=pair.far is not None and pair.far.lost is False)

    def _received(self, points: PairPoints, now: float) -> sensors.Received:
        preamp, tap = points.preamp, points.receive_tap
        device = sensors.device_sees(self._look, preamp, self.usual)
        if preamp is not None:
            device = self._with_since(preamp, device)
        state = self._taps.get(tap) if tap is not None else None
        level = self._latest(_tap_level(tap))
        seen = Dark(None, None, -inf)
        if state is not None:
            seen = Dark(state.dark, level, state.t, state.since, state.uncertainty_s, state.lit_t)
        names = (tap or "", preamp.device if preamp is not None else "")
        shown, usual = level, self.usual(_tap_level(tap))
        as_usual = None if shown is None or usual is None else shown >= usual - sensors.WEAK_DB
        found = sensors.together(seen, device, names, now, as_usual=as_usual)
        calm = now > max(seen.lit_t, device.lit_t) + sensors.RETURN_S
        if calm and found.sensor is None and found.lost is False and not found.patch_dark and preamp is not None and tap is not None:
            found = replace(found, since=None, sensor=self._jumped((_tap_level(tap), preamp.input_dbm), names))
        return found

    def _sent_wrong(self, points: PairPoints, now: float) -> str | None:
        """Return the sensor of what is sent that moved alone: the tap, or the amplifier's own monitor."""
        tap, booster = points.transmit_tap, points.booster
        if tap is None or booster is None:
            return None
        state = self._taps[tap]
        if now <= state.lit_t + sensors.RETURN_S:
            return None
        shines = sensors.output_lost(self._look, booster) is False
        asked = self._levels.get(booster.output_dbm) if booster.output_dbm is not None else None
        since = state.since if state.since is not None else state.t
        if state.dark and shines and asked is not None and asked.t > since + sensors.CONFIRM_S / 2:
            return tap
        return self._jumped((_tap_level(tap), booster.output_dbm), (tap, booster.device))

    def _with_since(self, preamp: AmplifierPoints, device: Dark) -> Dark:
        """Add since when a device has been dark, and when its light came back: known to its period."""
        name = preamp.device
        if device.dark is False and self._device_dark.pop(name, None) is not None:
            self._device_lit[name] = device.t
        device = replace(device, lit_t=self._device_lit.get(name, -inf), before_t=self._before(name, device))
        if not device.dark:
            return device
        return replace(device, since=self._device_dark.setdefault(name, device.t), uncertainty_s=POLL_S)

    def _before(self, name: str, device: Dark) -> float:
        """Return when a device gave the same answer as now the time before."""
        word, t, before_t = self._device_asked.get(name, (None, -inf, -inf))
        if device.dark is not word:
            t, before_t = device.t, -inf
        elif device.t > t:
            t, before_t = device.t, t
        self._device_asked[name] = (device.dark, t, before_t)
        return before_t

    def _jumped(self, points: tuple[PointId | None, PointId | None], names: tuple[str, str]) -> str | None:
        """Return the sensor that moved alone, once the other one has been asked since."""
        changes = [self._change(point) for point in points]
        found = sensors.jumped(changes[0], changes[1], names)
        if found is None:
            return None
        mover, witness = (points[0], points[1]) if found == names[0] else (points[1], points[0])
        moved, seen = self._levels.get(mover) if mover else None, self._levels.get(witness) if witness else None
        since = moved.moved_t if moved is not None else None
        return found if since is not None and seen is not None and seen.t > since + sensors.CONFIRM_S / 2 else None

    def _transmit_lost(self, points: PairPoints) -> bool | None:
        """Return whether this station sends nothing: its amplifier says so, or the tap behind it is dark."""
        said = sensors.output_lost(self._look, points.booster)
        state = self._taps.get(points.transmit_tap) if points.transmit_tap is not None else None
        if said or (said is None and state is not None and state.dark):
            return True
        return False if said is False or (state is not None and state.dark is False) else None

    def _receive_change(self, points: PairPoints, wrong: str | None) -> float | None:
        """Return the change of what is received, by the sensor that is right."""
        tap = self._smooth_change(_tap_level(points.receive_tap)) if points.receive_tap != wrong else None
        device = points.preamp
        other = self._smooth_change(device.input_dbm) if device is not None and device.device != wrong else None
        return tap if tap is not None else other

    def _transmit_change(self, points: PairPoints) -> float | None:
        tap = self._smooth_change(_tap_level(points.transmit_tap))
        return tap if tap is not None or points.booster is None else self._smooth_change(points.booster.output_dbm)

    def _smooth_change(self, point: PointId | None) -> float | None:
        level, usual = self._levels.get(point) if point is not None else None, self.usual(point)
        return None if level is None or usual is None else level.value - usual

    def _change(self, point: PointId | None) -> float | None:
        now, usual = self._latest(point), self.usual(point)
        return None if now is None or usual is None else now - usual

    def _latest(self, point: PointId | None) -> float | None:
        return number_of(self._look(point)) if point is not None else None

    def seen_t(self, number: int, now: float) -> float:
        """Return when the light that a pair receives was looked at last: a tap is watched all the time, an amplifier is asked."""
        points = next(pair for pair in self._plan.pairs if pair.number == number)
        state = self._taps.get(points.receive_tap) if points.receive_tap is not None else None
        return now if state is not None and state.dark is not None else sensors.device_sees(self._look, points.preamp, self.usual).t

    # What is slow.

    def faded(self, pairs: Iterable[PairLight], now: float) -> tuple[int, ...]:
        """Return the pairs that have been a little lower than normal for FADED_S."""
        for each in pairs:
            was = each.number in self._faded_since
            change = each.receive_change_db
            low = change is not None and -MOST_DB <= change <= (-BACK_DB if was else -LESS_DB)
            if each.receive_lost or (change is not None and not low):
                self._faded_since.pop(each.number, None)
            elif low:
                self._faded_since.setdefault(each.number, now)
        return tuple(sorted(number for number, since in self._faded_since.items() if now - since >= FADED_S))

    def next_fade(self, now: float) -> float | None:
        """Return when a pair that is low now will have been so for long enough."""
        dues = [since + FADED_S for since in self._faded_since.values() if since + FADED_S > now]
        return min(dues, default=None)

    def ageing(self) -> tuple[Ageing, ...]:
        """Return the pumps of this station that are near their end."""
        units = [unit for pair in self._plan.pairs for unit in pair.amplifiers()]
        found = [ageing(self._look, unit, self.baseline, was_old=unit.device in self._old) for unit in units]
        old = tuple(each for each in found if each is not None)
        self._old = frozenset(each.device for each in old)
        return old


def _level_points(points: PairPoints) -> Iterable[PointId]:
    taps = [_tap_level(tap) for tap in (points.transmit_tap, points.receive_tap)]
    devices = [points.preamp.input_dbm if points.preamp else None, points.booster.output_dbm if points.booster else None]
    back = [each for unit in points.amplifiers() for each in (unit.returned_dbm, unit.return_loss_db)]
    return [point for point in (*taps, *devices, *back) if point is not None]


def _tap_level(tap: str | None) -> PointId | None:
    return None if tap is None else PointId(tap, "power")


def _keep(times: dict[int, float], number: int, now: float, *, holds: bool) -> None:
    """Note since when something holds."""
    if holds:
        times.setdefault(number, now)
    else:
        times.pop(number, None)


def _sends_nothing(far: FarLight, sent_before: bool) -> bool | None:
    """Return whether the far station sends nothing: it told a level before, and tells none now."""
    if far.transmit_dbm is not None:
        return False
    return True if sent_before else None
