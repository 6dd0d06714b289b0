"""What the preconditions look at: the last two readings of every gate point, the far end, the disk, and the critical alarms.

Nothing is decided here. What is lost says nothing from then on, but when it was heard last: the readings of a port that is down, a far
station that is silent. What
comes in is believed as far as it can be true: a number that is none, or of a time that is none, is no value; nothing is newer than
now; and an earlier good reading that comes late is not news.
"""

from __future__ import annotations

from collections.abc import Container
from dataclasses import replace

from stationd.core.alarm.machine import Event as AlarmEvent
from stationd.core.alarm.machine import Letter
from stationd.core.alarm.plan import STATION
from stationd.core.alarm.type import AlarmKey, Severity
from stationd.core.alarm.words import AlarmRecord, Signal
from stationd.core.amplifier.words import AmplifierPlan
from stationd.core.line.far import FarLine, FarSilent
from stationd.core.model import Level, LinkChanged, PointId, Quality, Reading, Reason
from stationd.core.operation.bearing import OPERATION
from stationd.core.operation.intake import told
from stationd.core.operation.plan import ActingPlan
from stationd.core.powerfeed.words import FarFeed, FeedPlan, Seen

STORAGE_FAILED = AlarmKey(STATION, "STORAGE-FAILED")
OP_HELD = AlarmKey(STATION, "OP-HELD")
BYPASSED = AlarmKey(STATION, "BYPASS")
EMERGENCY_FAILED = AlarmKey(STATION, "EMERGENCY-OFF-FAILED")
UNCONFIRMED = AlarmKey(STATION, "UNCONFIRMED")
OURS = frozenset({OP_HELD, BYPASSED, UNCONFIRMED, OPERATION, EMERGENCY_FAILED})
OPERATIONS_SHARED = "operations"  # the word of the far station's message for holds and operations
KEPT_READINGS = 2
LARGEST = 1e12  # beyond any current, voltage, level, counter or time: it is damage (choice)
LOST = Quality(Level.BAD, Reason.LINK_DOWN)
NO_NUMBER = Quality(Level.BAD, Reason.MALFORMED)


def gate_points(plan: ActingPlan, device: str) -> frozenset[PointId]:
    """Return the points of a device, its permissives and the key switch: what must be fresh while an operation is open on it.

    Of a power feed also whether the other feeds of its line are on, since these must be off before it is energised.
    """
    feed, amplifier = plan.feeds.get(device), plan.amplifiers.get(device)
    found: frozenset[PointId] = frozenset()
    if feed is not None:
        found = feed.points.every() | frozenset(feed.interlocks) | _other_outputs(plan, feed)
    elif amplifier is not None:
        found = _amplifier_points(amplifier)
    else:
        found = frozenset(point for point in plan.interlocks() if str(point) == device)
    return found | ({plan.key_switch} if plan.key_switch is not None else frozenset())


def _other_outputs(plan: ActingPlan, feed: FeedPlan) -> frozenset[PointId]:
    line = plan.segment(feed.device)
    return frozenset(each.points.on for each in plan.feeds.values() if plan.segment(each.device) == line)


def _amplifier_points(plan: AmplifierPlan) -> frozenset[PointId]:
    single = (
        plan.pump_on, plan.mode, plan.input_dbm, plan.output_dbm, plan.lost, plan.fault, plan.return_loss_db, plan.return_power_dbm,
    )  # fmt: skip
    several = (*plan.reduced, *plan.interlocks, *(each.target for each in plan.set_values.values()))
    return frozenset(each for each in (*single, *several) if each is not None)


class Gate:
    """What is known of the plant at this moment. The mapping in `seen` is one and the same for ever and goes on with each reading."""

    def __init__(self, plan: ActingPlan, now: float = 0.0) -> None:
        self._lay_out(plan)
        self._readings: dict[PointId, tuple[Reading, ...]] = {}
        self.seen = Seen(self._readings)
        self.audit_writable: bool | None = None
        self.audit_t = now  # since when that is so
        self.critical: set[str] = set()

    def _lay_out(self, plan: ActingPlan) -> None:
        self._plan = plan
        self._points = {device: gate_points(plan, device) for device in (*plan.feeds, *plan.amplifiers)}
        permissives = frozenset(plan.interlocks()) | gate_points(plan, "")
        self.points = permissives.union(*self._points.values())

    def replan(self, plan: ActingPlan, anew: Container[str]) -> None:
        """Look at the points of another plan; of the devices that are `anew` nothing is known."""
        self._lay_out(plan)
        for point in [point for point in self._readings if point.device in anew or point not in self.points]:
            del self._readings[point]

    def of(self, name: str) -> frozenset[PointId]:
        """Return the gate points of the object of an operation."""
        known = self._points.get(name)
        return known if known is not None else gate_points(self._plan, name)

    def repeats(self, reading: Reading) -> bool:
        """Return whether a reading says what the last two have said: only its time is news."""
        before = self._readings.get(reading.point, ())
        return len(before) == KEPT_READINGS and _same(before[0], reading) and _same(before[1], reading)

    def read(self, reading: Reading, now: float) -> Reading:
        """Keep a reading beside the one before it, and return it as it is looked at.

        One of the same time takes the place of its namesake; a good one that is older than a good one says nothing.
        """
        sound = _sound(reading, now)
        before = self._readings.get(sound.point, ())
        if not before or before[-1].t < sound.t:
            self._readings[sound.point] = (*before[-1:], sound)
        elif before[-1].t == sound.t or not (before[-1].quality.good and sound.quality.good):
            self._readings[sound.point] = (*(each for each in before if each.t < sound.t), sound)
        return sound

    def lose(self, news: LinkChanged) -> None:
        """Believe nothing any more of what came over a port that is down; only when it came is kept, for people to read."""
        if not news.up:
            for point in [point for point in self._readings if point.device in news.devices]:
                self._readings[point] = (Reading(point, None, LOST, self._readings[point][-1].t),)

    def far(self, news: FarLine | FarSilent) -> None:
        """Keep what the far station said last, or that it says nothing."""
        match news:
            case FarLine(t, received) if _possible(t) and _possible(received):
                self.seen = replace(self.seen, far=far_feed(news), far_why="")
            case FarLine():
                self.seen = replace(self.seen, far=None, far_why="its message has no time")
            case FarSilent(_, why):
                self.seen = replace(self.seen, far=None, far_why=why or "nothing valid comes from the far station")

    def storage(self, signal: Signal) -> None:
        """Keep whether the journal takes records; None where it does not know."""
        writable = None if signal.active is None else not signal.active
        if writable is not self.audit_writable:
            self.audit_writable, self.audit_t = writable, signal.t

    def alarm(self, record: AlarmRecord) -> bool:
        """Keep which critical alarms stand, and return True for one that has come new."""
        name = str(record.key)
        if record.key in OURS:
            return False
        if record.event is AlarmEvent.CLEAR or record.after is Letter.NORMAL or record.severity is not Severity.CRITICAL:
            self.critical.discard(name)
        elif record.event in (AlarmEvent.RAISE, AlarmEvent.ESCALATE):
            self.critical.add(name)
            return True
        return False


def _same(one: Reading, other: Reading) -> bool:
    return one.value == other.value and (one.quality is other.quality or one.quality == other.quality)


def _sound(reading: Reading, now: float) -> Reading:
    """Return a reading as far as it can be true."""
    value, t = reading.value, reading.t
    known = value is None or isinstance(value, (bool, str)) or _possible(value)
    if known and -LARGEST <= t <= now:
        return reading
    if known and _possible(t):
        return replace(reading, t=now)
    return Reading(reading.point, None, NO_NUMBER, min(t, now) if _possible(t) else now)


def _possible(value: float) -> bool:
    return -LARGEST <= value <= LARGEST  # also of a whole number that no float can hold


def far_feed(line: FarLine) -> FarFeed:
    """Return the far end as the machines look at it. A message counts from when it was sent, and never from later than it came.

    Its words are those of another operator's system and go on screens here.
    """
    feed = line.feed
    return FarFeed(
        t=min(line.t, line.received),
        current_ma=_number(feed.current_ma) if feed is not None else None,
        voltage_v=_number(feed.voltage_v) if feed is not None else None,
        on=feed.on if feed is not None else None,
        regulation=feed.regulation.value if feed is not None and feed.regulation is not None else None,
        feed_t=_number(feed.t) if feed is not None else None,
        earthed=told(line.earth) if line.earth is not None else None,
        holds=tuple(told(each) for each in line.holds),
        operation={name: told(word) for name, word in line.operation.items()} if line.operation is not None else None,
        shares=OPERATIONS_SHARED in line.shared,
    )


def _number(value: float | None) -> float | None:
    return value if value is not None and _possible(value) else None
