"""What the preconditions look at: the last two readings of every gate point, the far end, the disk, and the critical alarms.

Nothing is decided here. What is lost is forgotten at once: the readings of a port that is down, a far station that is silent.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from stationd.core.alarm.machine import Event as AlarmEvent
from stationd.core.alarm.plan import STATION
from stationd.core.alarm.type import AlarmKey, Severity
from stationd.core.alarm.words import AlarmRecord, Signal
from stationd.core.amplifier.words import AmplifierPlan
from stationd.core.line.far import FarLine, FarSilent
from stationd.core.model import LinkChanged, PointId, Reading
from stationd.core.operation.plan import ActingPlan
from stationd.core.operation.task import AmplifierTask, Task
from stationd.core.powerfeed.words import FarFeed, Seen

STORAGE_FAILED = AlarmKey(STATION, "STORAGE-FAILED")
OP_HELD = AlarmKey(STATION, "OP-HELD")
BYPASSED = AlarmKey(STATION, "BYPASS")
UNCONFIRMED = AlarmKey(STATION, "UNCONFIRMED")
OPERATION = AlarmKey(STATION, "OPERATION")
OURS = frozenset({OP_HELD, BYPASSED, UNCONFIRMED, OPERATION})
OPERATIONS_SHARED = "operations"  # the word of the far station's message for holds and operations
KEPT_READINGS = 2

# Critical alarms that an operation brings about by itself and is not stopped by: a line that is being fed or run down is under its
# band, an output that is switched off is off, and fibres are dark while repeaters or pumps have no power.
DARK = frozenset({"LIGHT-LOST", "LOSS-OF-LIGHT", "LINE-DOWN"})
OF_FEEDING = DARK | {"LINE-UNDER-CURRENT", "LINE-UNDER-CURRENT-LIMIT", "LINE-UNDER-VOLTAGE", "FEED-OFF"}


def explains(task: Task, alarm: AlarmRecord) -> bool:
    """Return whether an operation brings this alarm about by itself while it runs."""
    if alarm.cause == OPERATION:
        return True
    return alarm.key.type in (DARK if isinstance(task, AmplifierTask) else OF_FEEDING)


def gate_points(plan: ActingPlan, device: str) -> frozenset[PointId]:
    """Return the points of a device, its permissives and the key switch: what must be fresh while an operation is open on it."""
    feed, amplifier = plan.feeds.get(device), plan.amplifiers.get(device)
    found: frozenset[PointId] = frozenset()
    if feed is not None:
        found = feed.points.every() | frozenset(feed.interlocks)
    elif amplifier is not None:
        found = _amplifier_points(amplifier)
    else:
        found = frozenset(point for point in plan.interlocks() if str(point) == device)
    return found | ({plan.key_switch} if plan.key_switch is not None else frozenset())


def _amplifier_points(plan: AmplifierPlan) -> frozenset[PointId]:
    single = (
        plan.pump_on, plan.mode, plan.input_dbm, plan.output_dbm, plan.lost, plan.fault, plan.return_loss_db, plan.return_power_dbm,
    )  # fmt: skip
    several = (*plan.reduced, *plan.interlocks, *(each.target for each in plan.set_values.values()))
    return frozenset(each for each in (*single, *several) if each is not None)


class Gate:
    """What is known of the plant at this moment. `seen` is a new value after each news, and may be kept."""

    def __init__(self, plan: ActingPlan) -> None:
        self._plan = plan
        self._points = {device: gate_points(plan, device) for device in (*plan.feeds, *plan.amplifiers)}
        permissives = frozenset(plan.interlocks()) | gate_points(plan, "")
        self.points = permissives.union(*self._points.values())
        self.seen = Seen()
        self.audit_writable: bool | None = None
        self.critical: set[str] = set()

    def of(self, name: str) -> frozenset[PointId]:
        """Return the gate points of the object of an operation."""
        if name not in self._points:
            self._points[name] = gate_points(self._plan, name)
        return self._points[name]

    def read(self, reading: Reading) -> None:
        """Keep a reading beside the one before it; one that is not newer takes the place of its namesake."""
        before = self.seen.readings.get(reading.point, ())
        kept = tuple(each for each in before if each.t < reading.t)[1 - KEPT_READINGS :]
        self._put({**self.seen.readings, reading.point: (*kept, reading)})

    def lose(self, news: LinkChanged) -> None:
        """Forget what came over a port that is down."""
        if not news.up:
            self._put({point: both for point, both in self.seen.readings.items() if point.device not in news.devices})

    def _put(self, readings: Mapping[PointId, tuple[Reading, ...]]) -> None:
        self.seen = replace(self.seen, readings=readings)

    def far(self, news: FarLine | FarSilent) -> None:
        """Keep what the far station said last, or that it says nothing."""
        match news:
            case FarLine():
                self.seen = replace(self.seen, far=far_feed(news), far_why="")
            case FarSilent(_, why):
                self.seen = replace(self.seen, far=None, far_why=why or "nothing valid comes from the far station")

    def storage(self, signal: Signal) -> None:
        """Keep whether the journal takes records; None where it does not know."""
        self.audit_writable = None if signal.active is None else not signal.active

    def alarm(self, record: AlarmRecord) -> bool:
        """Keep which critical alarms stand, and return True for one that has come new."""
        name = str(record.key)
        if record.key in OURS:
            return False
        if record.event is AlarmEvent.CLEAR or record.severity is not Severity.CRITICAL:
            self.critical.discard(name)
        elif record.event in (AlarmEvent.RAISE, AlarmEvent.ESCALATE):
            self.critical.add(name)
            return True
        return False


def far_feed(line: FarLine) -> FarFeed:
    """Return the far end as the machines look at it. A message counts from when it was sent, and never from later than it came."""
    feed = line.feed
    return FarFeed(
        t=min(line.t, line.received),
        current_ma=feed.current_ma if feed is not None else None,
        voltage_v=feed.voltage_v if feed is not None else None,
        on=feed.on if feed is not None else None,
        regulation=feed.regulation.value if feed is not None and feed.regulation is not None else None,
        feed_t=feed.t if feed is not None else None,
        earthed=line.earth,
        holds=line.holds,
        operation=line.operation,
        shares=OPERATIONS_SHARED in line.shared,
    )
