"""The pure parts of a station, put together: the board, the desks of alarms and of operations, the watch of the line, the station.

They are the same objects for the whole life of the daemon. Another plan of the station is taken up by all of them at once, between two
events of the engine; what it does not change keeps its values, letters, delays and memory.
"""

from __future__ import annotations

from stationd.board import Board
from stationd.config.changes import Changes
from stationd.core.alarm.desk import Alarms
from stationd.core.alarm.plan import Plan
from stationd.core.alarm.type import Severity
from stationd.core.model import Level, PointId
from stationd.core.operation.desk import Operations
from stationd.core.station import Effect, Station
from stationd.core.watch.line_watch import LineWatch
from stationd.farstation.near import Acting
from stationd.farstation.words import Operation
from stationd.plans import Plans


class Desks:
    """Everything that decides. Times are of the event loop's clock."""

    def __init__(self, plans: Plans, now: float) -> None:
        self.plans = plans
        self.board = Board(plans.units, now)
        self.alarms = Alarms(plans.alarms, now, plans.causes)
        self.acting = Operations(plans.acting, now)
        self.watch = LineWatch(plans.line, now) if plans.line is not None else None
        self.station = Station(self.board.periods(), self.alarms, self.watch, self.acting)

    # ------------------------------------------------------------------ another plan

    def obstacles(self, plans: Plans, change: Changes, now: float) -> tuple[str, ...]:
        """Return why the station cannot go on by another plan now: a sentence for each thing that people are about."""
        lines = change.ports | change.lines
        behind = {device.name for each in (self.plans, plans) for bus in lines for device in each.on(bus)}
        far = self.watch is not None and self.plans.far_unit is not None and change.concern("mqtt")
        everything = far or change.concern("control") or _critical(self.plans.alarms) != _critical(plans.alarms)
        return self.acting.obstacles(plans.acting, change.devices | behind, now, everything=everything)

    def replan(self, plans: Plans, change: Changes, now: float) -> list[Effect]:
        """Go on by another plan, to which there is no obstacle; return what follows from it."""
        anew, before, self.plans = change.devices, self.plans, plans
        self.board.replan(plans.units, anew, now)
        self.station.replan(self.board.periods(), anew)
        if self.watch is not None and plans.line is not None and (anew or plans.line != before.line):
            self.watch.replan(plans.line, anew, now)
        effects: list[Effect] = []
        if anew or plans.alarms != before.alarms:
            alarmed = self.alarms.replan(plans.alarms, anew, now, plans.causes)
            effects += [*alarmed, *self.station.heed(alarmed, now)]
        if anew or change.lines or plans.acting != before.acting:
            effects += self.station.follow(self.acting.replan(plans.acting, anew, now), now)
        return effects

    # ------------------------------------------------------------------ what is asked of them

    def measured(self, point: PointId) -> float | None:
        """Return the number of a point that is not stale, or None."""
        reading = self.board[point] if point in self.board.points else None
        if reading is None or reading.quality.level not in (Level.GOOD, Level.UNCERTAIN) or isinstance(reading.value, str):
            return None
        return reading.value

    def truth(self, point: PointId) -> bool | None:
        """Return the truth of a point that is not stale, or None."""
        measured = self.measured(point)
        return None if measured is None else bool(measured)

    def acting_told(self) -> Acting:
        """Return what the far station is told of what people do here."""
        holds, operation = self.acting.told()
        contacts = [feed.points.earthed for feed in self.acting.plan.feeds.values() if feed.points.earthed is not None]
        closed = [self.measured(contact) for contact in contacts]
        earth = "earthed" if any(closed) else "unknown" if None in closed else "open" if closed else None
        return Acting(earth, holds, None if operation is None else Operation(**operation))


def _critical(plan: Plan) -> dict[object, object]:
    """Return the alarms that hold or refuse operations."""
    return {key: rule for key, rule in plan.rules.items() if rule.severity is Severity.CRITICAL}
