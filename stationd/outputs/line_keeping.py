"""What is made of one line watch for people: the verdict and the line as documents, and the incidents."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from stationd.board import Board
from stationd.core.alarm.desk import Alarms
from stationd.core.line.plan import LinePlan
from stationd.core.line.words import End
from stationd.core.watch.line_watch import LineWatch
from stationd.outputs.clock import Clock
from stationd.outputs.document import Document, Identity
from stationd.outputs.incidents import Incidents, JournalPast, line_facts, subject_of
from stationd.outputs.journal import Journal, Moment
from stationd.outputs.line_document import Heard, LineDocuments
from stationd.outputs.verdict_document import VerdictDocuments


@dataclass(frozen=True, slots=True)
class LineKeeping:
    """The watch of a line, and what is made of it."""

    watch: LineWatch
    verdicts: VerdictDocuments
    documents: LineDocuments
    incidents: Incidents
    capacity_tbps: float | None = None

    def status(self, clock: Clock) -> Document:
        """Return what stands of the line in the status: its name and ends, the verdict, and the far end."""
        view = self.watch.view()
        facts = line_facts(self.watch.plan)
        capacity = self.verdicts.figure(self.capacity_tbps, "Tb/s", clock.written(clock.now))
        line = {"name": facts["name"], "ends": facts["ends"], "capacity": capacity}
        return {"line": line, "verdict": self.verdicts.verdict(view.verdict, clock), "far_end": self.documents.far_end(view, clock)}


def keep_line(
    watch: LineWatch,
    identity: Identity,
    board: Board,
    desk: Alarms,
    journal: Journal,
    path: Path,
    clock: Callable[[], Moment],
    *,
    heard: Callable[[], Heard | None] = lambda: None,
    capacity_tbps: float | None = None,
    threads: bool = True,
) -> LineKeeping:
    """Return what is made of a line watch. `path` is the journal's file; the incidents stand in directories beside it.

    `capacity_tbps` is the design capacity of the station's file, which is shown and never taken for traffic.
    `heard` gives what the link knows of the far station's last message.
    """
    plan = watch.plan
    verdicts = VerdictDocuments(identity.mode, origin(plan))
    subject = subject_of(identity, board, line_facts(plan))

    def standing() -> tuple[str, ...]:
        return tuple(str(view.key) for view in desk.views(lambda view: view.active))

    incidents = Incidents(path.parent, subject, JournalPast(journal, path), clock, verdicts, standing, threads=threads)
    return LineKeeping(watch, verdicts, LineDocuments(identity, verdicts, heard), incidents, capacity_tbps)


def origin(plan: LinePlan) -> str:
    """Return the name of the station at km 0."""
    return plan.station if plan.end is End.A else plan.far_station
