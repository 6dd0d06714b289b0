"""What all simulated devices share: the plant, its clock, and the electronics of a power feed and of an amplifier.

What it is: the part of a device that does not depend on its protocol. A FeedDesk ramps, regulates and trips; an
AmplifierDesk reads and changes one amplifier. What changes with time is brought up to date by `Stage.settle`, which every
answer calls first, so that nothing here needs a task of its own.
What it is not: physics; that is stationd.sim.plant.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import Enum
from math import floor, inf

from stationd.sim.amplifier import AmplifierSettings, AmplifierState
from stationd.sim.cable import End, Polarity, PowerFeed, Regulation
from stationd.sim.optics import Role
from stationd.sim.plant import Plant
from stationd.sim.shutdown import Lag, Shutdown

COURSE_STEP_S = 1.0  # how often what changes slowly changes; each time is a new state of the whole line
TRIP_S = 0.05  # an over-voltage trip takes 10 to 100 ms
LONGEST_CHAIN = 4  # one unit's protection may set off another's; what is left waits for the next answer
AT_LIMIT_V = 0.5  # so near its limit a feed counts as at it (assumption)


Course = Callable[[Plant, float], None]
"""Something that goes on for a while: brings the plant to where it is so many seconds after its begin."""


@dataclass(slots=True)
class _Running:
    """A course that has begun; `reached_s` is how far the plant was brought."""

    course: Course
    begin: float
    reached_s: float = -COURSE_STEP_S


class Stage:
    """The plant and its clock. Times are seconds since the simulation began.

    `feeds` are the electronics of the power feeds that there are.
    """

    def __init__(self, plant: Plant, clock: Callable[[], float] = time.monotonic) -> None:
        self.plant = plant
        self._clock = clock
        self._begin = clock()
        self.feeds: dict[End, FeedDesk] = {}
        self.shutdowns: list[Shutdown] = []
        self._running: list[_Running] = []
        self._advances: list[Callable[[float], None]] = []
        self._looks: list[Callable[[], None]] = []
        self._seen_version = -1

    @property
    def now(self) -> float:
        """Seconds since the simulation began."""
        return self._clock() - self._begin

    def enlist(self, advance: Callable[[float], None]) -> None:
        """Have `advance(now)` called whenever the devices are brought up to date."""
        self._advances.append(advance)

    def on_change(self, look: Callable[[], None]) -> None:
        """Have `look()` called when the devices are brought up to date and the plant is not what it was."""
        self._looks.append(look)

    def begin(self, course: Course) -> None:
        """Let something go on from now, in steps of COURSE_STEP_S: the same at the same time, whoever looks and when."""
        self._running.append(_Running(course, self.now))

    def end_courses(self) -> None:
        """Leave everything that was going on where it is."""
        self._running.clear()

    def settle(self) -> float:
        """Bring everything that changes by itself up to date; return the time."""
        now = self.now
        for each in self._running:
            passed_s = floor((now - each.begin) / COURSE_STEP_S) * COURSE_STEP_S
            if passed_s > each.reached_s:
                each.reached_s = passed_s
                each.course(self.plant, passed_s)
        for advance in self._advances:
            advance(now)
        for _ in range(LONGEST_CHAIN):
            if self.plant.version == self._seen_version:
                break
            self._seen_version = self.plant.version
            for look in self._looks:
                look()
        return now


class RampMode(Enum):
    """How a set value follows its target; the numbers are those of the Probus register S1B."""

    NONE = 0
    FOLLOW = 1
    UP_ONLY = 2
    SPECIAL_UP = 3  # taken for UP_ONLY: what is special is not in the sources
    FOLLOW_ZERO_WHEN_OFF = 4


@dataclass(slots=True)
class Ramp:
    """A set value on its way to its target. It moves only while the output is on."""

    target: float
    reached: float
    mode: RampMode = RampMode.NONE
    per_s: float = 0.0
    since: float = 0.0

    @property
    def running(self) -> bool:
        """True while the set value still has to move by itself."""
        return self.mode is not RampMode.NONE and self.per_s > 0 and self.reached != self.target

    def advance(self, now: float, on: bool) -> float:
        """Return the set value at `now`."""
        passed_s, self.since = max(0.0, now - self.since), now
        if not on and self.mode in (RampMode.NONE, RampMode.FOLLOW_ZERO_WHEN_OFF):
            self.reached = 0.0
        elif on:
            self.reached = self._moved(self.per_s * passed_s)
        return self.reached

    def _moved(self, most: float) -> float:
        falls = self.target < self.reached
        jumps = falls and self.mode in (RampMode.UP_ONLY, RampMode.SPECIAL_UP)
        if self.mode is RampMode.NONE or jumps or abs(self.target - self.reached) <= most:
            return self.target
        return self.reached + (-most if falls else most)


class FeedDesk:
    """The control electronics of one end's power feed: set points with ramps, interlock, and the trip on over-voltage.

    A set point that a scenario changed in the plant itself is adopted, as if somebody had turned the knob.
    """

    def __init__(self, stage: Stage, end: End, rated_v: float, rated_ma: float) -> None:
        feed = stage.plant.power_feed(end)
        self.end = end
        self.rated_v = rated_v
        self.rated_ma = rated_ma
        self.tripped = False
        self.over_voltage = False  # what it tripped for
        self.interlock_closed = True
        self.trip_above_v = inf  # a protection level that the unit lets people set
        self.current = Ramp(feed.current_setpoint_ma, feed.current_setpoint_ma)
        self.voltage = Ramp(feed.voltage_setpoint_v, feed.voltage_setpoint_v)
        self._stage = stage
        self._known = feed
        self._at_limit_since: float | None = None
        stage.feeds[end] = self
        stage.enlist(self.advance)

    @property
    def feed(self) -> PowerFeed:
        """Set points and states as the plant has them."""
        return self._stage.plant.power_feed(self.end)

    @property
    def regulation(self) -> Regulation:
        """What limits the output now."""
        return self._stage.plant.electrical().regulation(self.end)

    def measure(self) -> tuple[float, float]:
        """Return current in mA and voltage in V as the unit's own meters show them."""
        return self._stage.plant.measure(self.end, self._stage.now)

    def set_current(self, current_ma: float) -> None:
        """Take a set point; the ramp carries it there."""
        self.current.target = current_ma
        self.advance(self._stage.now)

    def set_voltage(self, voltage_v: float) -> None:
        """Take a set point; the ramp carries it there."""
        self.voltage.target = voltage_v
        self.advance(self._stage.now)

    def switch(self, on: bool) -> bool:
        """Switch the output; return False where a trip or the interlock forbids it."""
        if on and (self.tripped or not self.interlock_closed):
            return False
        self.advance(self._stage.now)
        self._put(replace(self.feed, output_on=on))
        self.advance(self._stage.now)
        return True

    def turn(self, *, negative: bool) -> bool:
        """Turn the polarity; return False while the output is on."""
        if self.feed.output_on:
            return False
        self._put(replace(self.feed, polarity=Polarity.NEGATIVE if negative else Polarity.POSITIVE))
        return True

    def set_remote(self, remote: bool) -> None:
        """Give the unit to the interface, or back to its panel."""
        self._put(replace(self.feed, remote=remote))

    def set_interlock(self, closed: bool) -> None:
        """Close or open the interlock loop; open means off at once."""
        self.interlock_closed = closed
        if not closed:
            self.switch(False)

    def trip(self, *, over_voltage: bool = False) -> None:
        """Switch off by its own protection and stay so until somebody acknowledges it."""
        self.tripped, self.over_voltage = True, over_voltage
        self._put(replace(self.feed, output_on=False))

    def acknowledge(self) -> None:
        """Forget a trip; the output stays off."""
        self.tripped = self.over_voltage = False

    def advance(self, now: float) -> None:
        """Move the set points and trip at the limit of the equipment."""
        feed = self.feed
        self._adopt(feed)
        current_ma, voltage_v = self.current.advance(now, feed.output_on), self.voltage.advance(now, feed.output_on)
        if feed.output_on:
            feed = replace(feed, current_setpoint_ma=current_ma, voltage_setpoint_v=voltage_v)
            self._put(feed)
        self._guard(feed, now)

    def _adopt(self, feed: PowerFeed) -> None:
        if feed.current_setpoint_ma != self._known.current_setpoint_ma:
            self.current.target = self.current.reached = feed.current_setpoint_ma
        if feed.voltage_setpoint_v != self._known.voltage_setpoint_v:
            self.voltage.target = self.voltage.reached = feed.voltage_setpoint_v
        self._known = feed

    def _guard(self, feed: PowerFeed, now: float) -> None:
        state = self._stage.plant.electrical()
        voltage_v = state.voltage_v(self.end) if feed.output_on else 0.0
        at_limit = state.regulation(self.end) is Regulation.CV and voltage_v >= feed.voltage_limit_v - AT_LIMIT_V
        if not at_limit and voltage_v <= self.trip_above_v:
            self._at_limit_since = None
        elif self._at_limit_since is None:
            self._at_limit_since = now
        elif now >= self._at_limit_since + TRIP_S:
            self.trip(over_voltage=True)

    def _put(self, feed: PowerFeed) -> None:
        self._known = feed
        if self.feed.output_on and not feed.output_on:
            self._stage.plant.discharge(self._stage.now)
        self._stage.plant.set_power_feed(self.end, feed)


class AmplifierDesk:
    """One amplifier of the plant as its own electronics see it."""

    def __init__(self, stage: Stage, end: End, pair: int, role: Role, lag_s: float = 0.0) -> None:
        self.place = (end, pair, role)
        self._stage = stage
        self._lag = Lag(stage.plant, self.place, lag_s, stage.now) if lag_s > 0.0 else None
        if self._lag is not None:
            stage.plant.on_change(self._note)

    @property
    def settings(self) -> AmplifierSettings:
        """What is set."""
        return self._stage.plant.amplifier_settings(*self.place)

    def state(self) -> AmplifierState:
        """Return what it measures now."""
        state = self._stage.plant.amplifier(*self.place, self._stage.now)
        return state if self._lag is None else self._lag.shown(state, self._stage.now)

    def _note(self) -> None:
        assert self._lag is not None
        self._lag.note(self._stage.now)

    def put(self, settings: AmplifierSettings) -> None:
        """Set it, as `desk.put(replace(desk.settings, pump_on=False))`."""
        self._stage.plant.set_amplifier(*self.place, settings)
