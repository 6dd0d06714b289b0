"""All acting state in one place, and the only ways in which anything goes out of it: notes, writes, alarms, haste.

What happens to an operation is decided in stationd.core.operation.course and lifecycle; the book only keeps, numbers and says.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from stationd.core.alarm.type import AlarmKey
from stationd.core.alarm.words import BY_ITSELF, Signal
from stationd.core.model import PointId, Write
from stationd.core.operation.authority import AuthorityDesk
from stationd.core.operation.bearing import OPERATION
from stationd.core.operation.bypass import Bypasses
from stationd.core.operation.dossier import Dossier
from stationd.core.operation.emergency import CutOffs
from stationd.core.operation.evidence import Evidence
from stationd.core.operation.gate import BYPASSED, EMERGENCY_FAILED, OP_HELD, Gate
from stationd.core.operation.holds import Holds
from stationd.core.operation.machine import BEGINNING, HOLDING, State
from stationd.core.operation.orders import Person, Way
from stationd.core.operation.plan import ActingPlan
from stationd.core.operation.sentences import effect
from stationd.core.operation.setpoints import SetPoints
from stationd.core.operation.underway import Underway
from stationd.core.operation.views import AuthorityView, OperationView
from stationd.core.operation.words import ActEffect, CutOffState, Hasten, Noted, TakeBack
from stationd.core.powerfeed.words import GATE_EVERY_S

KEPT_CLOSED = 20  # operations that are shown after their end
LOOK_AGAIN_S = 30.0  # a refused arming reads its points faster for so long, so that a second try finds them fresh (assumption)


@dataclass(frozen=True, slots=True)
class Announced:
    """Who waits for an intent: an operation by its name, or "" for the set values, which have numbers of their own."""

    operation: str
    number: int = 0


class Book:
    """The book of a station. `effects` are taken by the desk at the end of each step; `dirty` since memory was last asked for."""

    def __init__(self, plan: ActingPlan, now: float) -> None:
        self.plan = plan
        self.gate = Gate(plan, now)
        self.holds = Holds(plan)
        self.authority = AuthorityDesk(now)
        self.bypasses = Bypasses()
        self.set_points = SetPoints(plan, now)
        self.cut_offs = CutOffs(plan.feeds)
        self.opened: dict[str, Dossier] = {}
        self.closed: deque[Dossier] = deque(maxlen=KEPT_CLOSED)
        self.number = 0
        self.announced: dict[int, Announced] = {}
        self.underway = Underway()
        self.sought: dict[str, float] = {}  # objects of refused armings, until when they are read faster
        self.effects: list[ActEffect] = []
        self.dirty = False
        self._intents = 0
        self._said: dict[AlarmKey, tuple[bool, str]] = {}
        self._hastened: frozenset[PointId] = frozenset()
        self._sought: frozenset[str] = frozenset()  # the objects whose points these are

    # What is asked of it.

    def evidence(self, now: float) -> Evidence:
        """Return all that the preconditions look at."""
        return Evidence(
            seen=self.gate.seen,
            audit_writable=self.gate.audit_writable,
            audit_t=self.gate.audit_t,
            holds=self.holds.views(),
            authority=self.authority_view(now),
            bypassed=self.bypasses.standing(),
            opened=tuple(each.outline() for each in self.opened.values()),
            cutting_off=self.cut_offs.running(),
            never_off=frozenset(each.device for each in self.cut_offs.failing(now)) - self.cut_offs.running(),
            applying=self.set_points.applying(),
            critical=frozenset(self.gate.critical),
        )

    def authority_view(self, now: float) -> AuthorityView:
        """Return who may act, with the key switch as it stands."""
        return replace(self.authority.view(), key_switch=self.key_switch(now))

    def key_switch(self, now: float) -> bool | None:
        """Return True at local, False at remote, None where it is not wired or not known."""
        return self.gate.seen.truth(self.plan.key_switch, now)

    def view(self, dossier: Dossier, now: float) -> OperationView:
        """Return one operation as people see it. Of one that holds, the effect is that of going on from what is read now."""
        shown = dossier.view(self.gate.seen, now)
        if dossier.state not in HOLDING:
            return shown
        way = dossier.offered or Way.RESUME
        return replace(shown, effect=effect(self.plan, self.evidence(now), dossier.object, dossier.task, now, way))

    def views(self, now: float) -> tuple[OperationView, ...]:
        """Return the operations that are not closed, the oldest first."""
        return tuple(self.view(each, now) for each in self.opened.values())

    def find(self, name: str) -> Dossier | None:
        """Return an operation by its name, also one that is closed; people need not mind capitals."""
        wanted = name.upper()
        return self.opened.get(wanted) or next((each for each in self.closed if each.name == wanted), None)

    def next_name(self) -> str:
        """Return the name of a new operation; none is ever given twice."""
        self.number += 1
        return f"OP-{self.number}"

    # What goes out.

    def note(self, kind: str, subject: str, now: float, who: str = BY_ITSELF, document: Mapping[str, object] | None = None) -> None:
        """Write a record of the audit."""
        self.effects.append(Noted(kind, subject, now, who, document or {}))
        self.dirty = True

    def announce(self, dossier: Dossier, now: float, document: Mapping[str, object]) -> None:
        """Write the record without which nothing begins, and wait for it."""
        dossier.intent = self._number(Announced(dossier.name))
        self.effects.append(Noted("intent", dossier.name, now, dossier.armer.name, document, dossier.intent))
        self.dirty = True

    def pass_on(self, effects: Iterable[ActEffect]) -> None:
        """Take over what the set values have to say; their intents get numbers of this book."""
        for each in effects:
            if isinstance(each, Noted):
                self.dirty = True
                if each.intent:
                    each = replace(each, intent=self._number(Announced("", each.intent)))
            self.effects.append(each)

    def _number(self, announced: Announced) -> int:
        self._intents += 1
        self.announced[self._intents] = announced
        return self._intents

    def write(self, dossier: Dossier, write: Write, now: float) -> None:
        """Send a value for an operation, and remember that its answer is due."""
        self.underway.begin(dossier.name, write, now)
        self.effects.append(write)

    def take_back(self, dossier: Dossier) -> None:
        """Let nothing of an operation leave any more that still waits on its line; the answers to it come all the same."""
        targets = self.underway.of(dossier.name)
        if targets:
            self.effects.append(TakeBack(targets, f"{dossier.name} does not run any more: {dossier.detail}".removesuffix(": ")))

    def unanswered(self, device: str, now: float) -> tuple[PointId, float] | None:
        """Return a point of a device whose last write was not answered yet, and since when."""
        return self.underway.unanswered(device, now)

    def take(self, now: float) -> list[ActEffect]:
        """Return what goes out now, with the alarms and the haste that follow from how things stand."""
        self._signal(now)
        self._hasten(now)
        taken, self.effects = self.effects, []
        return taken

    # What follows from how things stand.

    def _signal(self, now: float) -> None:
        held = [each for each in self.opened.values() if each.state in HOLDING or each.state is State.RESUMING]
        runs = [each for each in self.opened.values() if self._moves_line(each)]
        bypassed = sorted(str(point) for point in self.bypasses.standing())
        self._say(OP_HELD, [f"{each.name} {each.object}: {each.detail}" for each in held], now)
        self._say(OPERATION, [f"{each.name} {each.object}" for each in runs], now)
        self._say(BYPASSED, bypassed, now)
        self._say(EMERGENCY_FAILED, [_failing(each) for each in self.cut_offs.failing(now)], now)

    def _moves_line(self, dossier: Dossier) -> bool:
        """Return whether an operation explains what the line does: one on a power feed that runs, or is about to."""
        return dossier.object in self.plan.feeds and (dossier.state is State.RUNNING or dossier.state in BEGINNING)

    def _say(self, key: AlarmKey, names: list[str], now: float) -> None:
        """Say whether an alarm holds, if that is news; the note is that of its coming, but for what is told again with what is read."""
        said = (bool(names), "; ".join(names))
        known = self._said.get(key)
        if known is None or known[0] != said[0] or (key == EMERGENCY_FAILED and known != said):
            self._said[key] = said
            self.effects.append(Signal(key, said[0], now, note=said[1]))

    def say_all_again(self) -> None:
        """Let the next step say of every alarm of ours how it stands."""
        self._said.clear()

    def _hasten(self, now: float) -> None:
        if self.sought:
            self.sought = {name: until for name, until in self.sought.items() if now < until}
        objects = self.set_points.gated(now).union((each.object for each in self.opened.values()), self.sought)
        if objects == self._sought:
            return
        self._sought = objects
        points = frozenset(point for name in objects for point in self.gate.of(name))
        if points != self._hastened:
            self._hastened = points
            self.effects.append(Hasten(points, GATE_EVERY_S))

    def hasten_again(self) -> None:
        """Let the next step say of all points how often they are to be read: the lines may be others."""
        self._hastened, self._sought = frozenset(), frozenset()

    def seek(self, name: str, now: float) -> None:
        """Read the points of an object faster for a while: somebody wants to arm it."""
        if name in self.plan.feeds or name in self.plan.amplifiers:
            self.sought[name] = now + LOOK_AGAIN_S

    def look_ends(self, now: float) -> Iterable[float]:
        """Return when faster reading ends: for refused armings, and for what was staged."""
        return (*self.sought.values(), *self.set_points.gate_ends(now))


def _failing(state: CutOffState) -> str:
    return f"{state.device}, ordered by {state.who}: {state.detail or 'not confirmed yet'}"


def person(who: Person) -> dict[str, object]:
    """Return who it was as plain values for a record."""
    return {"uid": who.uid, "session": who.session, "place": who.place, "local": who.local}
