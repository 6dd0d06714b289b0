"""A breadth-first search over the real desk with a coarse plant: two persons, a far station, faults, a disk, restarts.

A shadow that knows nothing of the desk keeps what people and the disk have really done; no write may rise without all of it.
"""

from __future__ import annotations

import copy
import os
from collections.abc import Callable, Hashable
from dataclasses import dataclass, replace

from stationd.core.model import IntentKept, Reason, Write, WriteDone
from stationd.core.operation.orders import Approve, Execute, Hold, Reject, Way
from stationd.core.operation.task import Energise
from stationd.core.operation.views import OperationView, Phase
from stationd.core.operation.words import Accepted, Cause, CutOff
from stationd.core.powerfeed.words import DrivenPoints
from tests.core.operation.rig import (
    ALIYEVA,
    BEKOV,
    CODE,
    DOOR,
    FAR_FEED,
    NEXT_CODE,
    PFE,
    PLAN,
    SMITH,
    Rig,
    far_line,
    p,
)

LEAN = DrivenPoints(p("current"), p("voltage"), p("current_setpoint"), p("output_on"), p("remote"))
FEED = replace(FAR_FEED, points=LEAN, settle_s=1.0)
LEAN_PLAN = replace(PLAN, feeds={PFE: FEED}, amplifiers={}, devices=frozenset({PFE}))
TASK = Energise(60.0, 50.0)
SHARED = (LEAN_PLAN, FEED, LEAN, LEAN_PLAN.feeds, TASK, BEKOV, ALIYEVA, SMITH)
MOST_NODES = int(os.environ.get("STATIOND_SEARCH_NODES", "220"))  # every state of an operation is among them (asserted below)
HELD = ("H-3 line by far",)


@dataclass
class Shadow:
    """What has really been done about the operation that is open: by whom it was approved, whether a code was typed and kept."""

    armer: int = 0
    approver: int = 0
    coded: bool = False
    kept: bool = False


@dataclass
class Node:
    """A station at one moment."""

    rig: Rig
    shadow: Shadow
    path: tuple[str, ...] = ()

    def open(self) -> OperationView | None:
        return next((each for each in self.rig.desk.operations(self.rig.t) if each.phase is not Phase.CLOSED), None)

    def name(self) -> str:
        view = self.open()
        return view.name if view is not None else "OP-1"

    def key(self) -> Hashable:
        """What tells two moments apart, coarsely: times and names do not."""
        rig, view = self.rig, self.open()
        set_to, current = rig.plant[LEAN.setpoint_ma], rig.plant[LEAN.current_ma]
        assert isinstance(set_to, float)
        assert isinstance(current, float)
        what = None
        if view is not None:
            what = (view.phase, view.wants_approval, view.offered, view.approver, view.armer, view.progress.phase, view.cause)
        far = rig.far is not None and (rig.far.holds, rig.far.feed)
        plant = (rig.plant[DOOR], rig.plant[LEAN.on], set_to // 30, current // 30, bool(rig.waiting))
        others = (frozenset(rig.alive), rig.desk.authority().holder, bool(rig.desk.cut_offs()))
        return what, plant, bool(far), far and bool(far[0]), others


def fork(node: Node) -> Node:
    """Return a copy that may go another way. What cannot change is shared: readings, checks, executors, all that is configured."""
    rig, book = node.rig, node.rig.desk._book  # noqa: SLF001  only the half of it that can change is copied
    gate, cut_offs = book.gate, book.cut_offs
    rig.effects.clear()
    rig.sent.clear()
    shared: list[object] = [*SHARED, *rig.plant, rig.far, book.set_points, book._hastened, gate._points, gate.points]  # noqa: SLF001
    shared += [gate.seen.far, *gate.seen.readings, *gate.seen.readings.values()]
    shared += [cut_offs._switch, cut_offs._points, *cut_offs.states(), book.authority.view()]  # noqa: SLF001
    for dossier in (*book.opened.values(), *book.closed):
        shared += [dossier.checks, dossier.executor, dossier.effect, dossier.limits]
    return copy.deepcopy(node, {id(each): each for each in shared})


# What can happen. Each returns nothing; a shadow beside it learns what has really been done.


def beat(node: Node) -> None:
    node.rig.beat()


def silence(node: Node) -> None:
    node.rig.alive.clear()
    node.rig.wait(6)


def door(node: Node) -> None:
    node.rig.plant[DOOR] = not node.rig.plant[DOOR]
    node.rig.beat(2)


def lose_far(node: Node) -> None:
    node.rig.far = None
    node.rig.wait(3)


def far_holds(node: Node) -> None:
    if node.rig.far is not None:
        node.rig.far = replace(node.rig.far, holds=() if node.rig.far.holds else HELD)
        node.rig.beat()


def far_back(node: Node) -> None:
    node.rig.far = far_line(node.rig.t)
    node.rig.beat(2)


def authority(node: Node) -> None:
    node.rig.authority()


def arm(node: Node) -> None:
    if isinstance(node.rig.arm(TASK), Accepted):
        node.shadow = Shadow(armer=BEKOV.uid)


def approve(node: Node) -> None:
    for who in (BEKOV, SMITH, ALIYEVA):
        if isinstance(node.rig.obey(Approve(who, node.name())), Accepted):
            node.shadow.approver = who.uid


def reject(node: Node) -> None:
    node.rig.obey(Reject(ALIYEVA, node.name()))


def execute(node: Node) -> None:
    view = node.open()
    code = NEXT_CODE if view is not None and view.offered is not None else CODE
    node.rig.alive.add(BEKOV.session)
    if isinstance(node.rig.obey(Execute(BEKOV, node.name(), code)), Accepted):
        node.shadow.coded, node.shadow.kept = True, False


def wrong_code(node: Node) -> None:
    for who, code in ((BEKOV, "AAAA"), (ALIYEVA, CODE), (SMITH, NEXT_CODE)):
        assert not isinstance(node.rig.obey(Execute(who, node.name(), code)), Accepted)


def disk_keeps(node: Node) -> None:
    disk(node, True)


def disk_fails(node: Node) -> None:
    disk(node, False)


def disk(node: Node, kept: bool) -> None:
    for number in range(1, 8):  # also answers that were given before, or that nobody waits for
        view = node.open()
        node.shadow.kept = node.shadow.kept or (kept and view is not None and view.phase is Phase.STARTING)
        node.rig.take(IntentKept(number, kept, node.rig.t))


def hold(node: Node) -> None:
    node.rig.obey(Hold(SMITH))


def resume(node: Node) -> None:
    node.rig.prepare(node.name())


def back(node: Node) -> None:
    node.rig.prepare(node.name(), Way.BACK)


def disarm(node: Node) -> None:
    node.rig.disarm(node.name())


def leave(node: Node) -> None:
    node.rig.leave(BEKOV)


def write_fails(node: Node) -> None:
    rig = node.rig
    rig.answer = False
    rig.beat()
    rig.answer = True
    for write in rig.waiting[:1]:
        rig.waiting.pop(0)
        rig.take(WriteDone(write.target, write.value, None, Reason.TIMEOUT, "no answer", rig.t))


def trip(node: Node) -> None:
    node.rig.plant[LEAN.on] = False
    node.rig.react()
    node.rig.beat(2)


def emergency(node: Node) -> None:
    rig = node.rig
    before = len(rig.sent)
    assert rig.emergency_off() == Accepted((PFE,))
    assert node.open() is None
    assert [type(each) for _, each in rig.sent[before:]] == [CutOff]
    assert rig.sent[-1][1].value is False


def restart(node: Node) -> None:
    before = len(node.rig.sent)
    node.rig.restart()
    assert len(node.rig.sent) == before
    node.shadow.coded = node.shadow.kept = False
    node.shadow.approver = 0
    view = node.open()
    assert view is None or view.phase is Phase.HELD


ACTIONS: tuple[Callable[[Node], None], ...] = (
    beat, silence, door, lose_far, far_holds, far_back, authority, arm, approve, reject, execute, wrong_code, disk_keeps, disk_fails, hold,
    resume, back, disarm, leave, write_fails, trip, emergency, restart,
)  # fmt: skip


def step(node: Node, action: Callable[[Node], None]) -> Node:
    after = fork(node)
    after.path = (*node.path, action.__name__)
    sent, set_to = len(after.rig.sent), {LEAN.setpoint_ma: after.rig.plant[LEAN.setpoint_ma], LEAN.on: after.rig.plant[LEAN.on]}
    good = permitted(after.rig)
    action(after)
    writes = [write for _, write in after.rig.sent[sent:] if isinstance(write, Write)]
    if any(rises(write, set_to) for write in writes):
        assert good or permitted(after.rig), after.path
        shadow = after.shadow
        assert shadow.armer == BEKOV.uid, after.path
        assert shadow.approver not in (0, shadow.armer), after.path
        assert shadow.coded, after.path
        assert shadow.kept, after.path
    if writes:
        assert after.shadow.coded, after.path
        assert after.shadow.kept, after.path
    forget(after)
    return after


def rises(write: Write, before: dict[object, object]) -> bool:
    if write.target == LEAN.on:
        return write.value is True
    was = before[LEAN.setpoint_ma]
    return write.target == LEAN.setpoint_ma and isinstance(write.value, float) and isinstance(was, float) and write.value > was


def permitted(rig: Rig) -> bool:
    """Every interlock closed, the far end heard and holding nothing."""
    return rig.plant[DOOR] is True and rig.far is not None and not rig.far.holds


def forget(node: Node) -> None:
    """A pause ends what a code has allowed; a pause that was not just a person's wish ends the approval, too."""
    view = node.open()
    if view is None:
        node.shadow = Shadow()
    elif view.phase is Phase.HELD:
        node.shadow.coded = node.shadow.kept = False
        if view.cause is not Cause.CANCELLED and view.offered is None and not view.wants_approval:
            node.shadow.approver = 0


def start() -> Node:
    plant = {point: value for point, value in Rig(LEAN_PLAN).plant.items() if point in LEAN.every() or point == DOOR}
    rig = Rig(LEAN_PLAN, plant=plant, disk=None, far=far_line(1000.0))
    rig.beat(2)
    rig.authority()
    return Node(rig, Shadow())


def search(most: int) -> dict[Hashable, Node]:
    first = start()
    found: dict[Hashable, Node] = {first.key(): first}
    edge = [first]
    while edge:
        node = edge.pop(0)
        for action in ACTIONS:
            after = step(node, action)
            key = after.key()
            if key not in found and len(found) < most:
                found[key] = after
                edge.append(after)
    return found


def test_no_order_of_people_faults_and_restarts_lets_current_rise_without_two_persons_a_code_the_disk_and_every_interlock() -> None:
    found = search(MOST_NODES)
    phases = {view.phase for node in found.values() if (view := node.open()) is not None}
    assert phases == {Phase.WAITING, Phase.ARMED, Phase.STARTING, Phase.RUNNING, Phase.HELD}
    assert max(len(node.path) for node in found.values()) >= 7
    assert any(node.rig.plant[LEAN.on] is True for node in found.values())
    held = [view for node in found.values() if (view := node.open()) is not None and view.phase is Phase.HELD]
    assert {view.offered for view in held} >= {None, Way.RESUME, Way.BACK}
    assert {view.wants_approval for view in held} == {False, True}
