"""The executor of a power feed: the shape of stationd.core.operation.executor round the machine of this room.

Theory and table are in stationd.core.powerfeed.machine. Immutable: every call returns the next executor. It reads no clock; `now`
is that of the desk.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from stationd.core.model import Reading, Tick, WriteDone
from stationd.core.operation.orders import Way
from stationd.core.operation.task import Energise, FeedTask, Progress, RampTo, Said, Stopped, SwitchOff
from stationd.core.powerfeed import entry, held, limits, walk
from stationd.core.powerfeed.drive import Drive, Finding, Scene
from stationd.core.powerfeed.machine import ENDS, LEAVING, RUNNING, Phase
from stationd.core.powerfeed.words import GATE_EVERY_S, FeedPlan, Seen

Turn = tuple["FeedExecutor", tuple[Said, ...]]


@dataclass(frozen=True, slots=True)
class FeedExecutor:
    """One task on one feed. See stationd.core.operation.executor.Executor for what the calls promise."""

    plan: FeedPlan
    task: FeedTask
    drive: Drive

    def begin(self, seen: Seen, now: float) -> Turn:
        """Take the first step. Says Stopped where the plant is not what the task needs."""
        if self.drive.phase is not Phase.IDLE:
            return self, ()
        return self._with(walk.enter(self._scene(seen, now, self.drive), Way.RESUME))

    def go(self, way: Way, seen: Seen, now: float) -> Turn:
        """Go on from what is measured now. Says Stopped again where that cannot be."""
        if self.drive.phase is not Phase.HELD:
            return self, ()
        if self.upward(way) is None:
            return self, (Stopped(f"{self.plan.device} has no way {way.value} here"),)
        if (pending := self.drive.pending) is not None and now < pending.since_t + limits.ANSWER_S:
            return self, (Stopped(f"a write to {pending.put.target} is under way for {now - pending.since_t:.1f} s: try again soon"),)
        drive = replace(self.drive, back=way is Way.BACK)
        return self._with(walk.enter(self._scene(seen, now, drive), way))

    def take(self, event: Reading | WriteDone | Tick, seen: Seen, now: float) -> Turn:
        """Look at what has happened; a look is taken at every event, whatever it is about."""
        failed, scene = None, self._scene(seen, now, self.drive)
        if isinstance(event, WriteDone):
            drive, failed = walk.written(scene, event)
            scene = replace(scene, drive=drive)
        if scene.drive.phase in RUNNING:
            return self._with(walk.look(scene, failed))
        return self._with(_held(scene))

    def hold(self, why: str, now: float) -> Turn:
        """Change nothing any more. A write that is under way cannot be called back; nothing follows it."""
        if self.drive.phase in ENDS or self.drive.phase is Phase.HELD:
            return self, ()
        return self._with((walk.halted(self.drive, Phase.HELD, now), (Stopped(why),)))

    def upward(self, way: Way) -> bool | None:
        """Return whether going that way raises current or voltage."""
        return entry.upward(self.task, way, self.drive.began_ma)

    def disturbed(self) -> str:
        """Return what somebody else has moved since it holds, "" if nothing. Until it goes on."""
        return self.drive.moved

    def going_off(self) -> bool:
        """Return whether the output is being switched off, or is off and only the discharge is proved."""
        return self.drive.phase in LEAVING

    def deadline(self) -> float | None:
        """Return when a look is due: while it runs, twice a second."""
        return self.drive.looked_t + GATE_EVERY_S if self.drive.phase in RUNNING else None

    def progress(self, seen: Seen, now: float) -> Progress:
        """Return how far it has come."""
        scene = self._scene(seen, now, self.drive)
        return Progress(
            phase=self.drive.phase.value,
            set_to=scene.stands_ma,
            measured=scene.measured_ma,
            target=scene.target_ma,
            voltage_v=scene.voltage_v,
            rise_v_per_s=limits.rise_v_per_s(scene),
            left_s=_left_s(scene),
        )

    def saved(self) -> Mapping[str, object]:
        """Return what must be known after a restart. Everything else is measured anew."""
        drive = self.drive
        on, moved = drive.on_t is not None, drive.moved
        return {"phase": drive.phase.value, "back": drive.back, "began_ma": drive.began_ma, "on": on, "moved": moved}

    def _scene(self, seen: Seen, now: float, drive: Drive) -> Scene:
        return Scene(self.plan, self.task, drive, seen, now)

    def _with(self, outcome: walk.Outcome) -> Turn:
        drive, said = outcome
        return replace(self, drive=drive), said


def _held(scene: Scene) -> walk.Outcome:
    """A unit that goes off by itself ends an operation that holds; nothing else does. What somebody else moves is told."""
    if scene.drive.phase is not Phase.HELD or not isinstance(scene.task, Energise | RampTo | SwitchOff):
        return scene.drive, ()
    trip: Finding | None = next(limits.device_trip(scene), None)
    return held.kept(scene) if trip is None else walk.follow(scene, trip)


def _left_s(scene: Scene) -> float | None:
    profile, stands_ma, target_ma = scene.drive.profile, scene.stands_ma, scene.target_ma
    if scene.drive.phase not in (Phase.RAMPING, Phase.CHECKING, Phase.DESCENDING) or profile is None or profile.pace_ma_per_s <= 0:
        return None
    return None if stands_ma is None or target_ma is None else abs(target_ma - stands_ma) / profile.pace_ma_per_s


def feed_executor(plan: FeedPlan, task: FeedTask) -> FeedExecutor:
    """Return the executor of a task that was not begun yet."""
    return FeedExecutor(plan, task, Drive())


def restored(plan: FeedPlan, task: FeedTask, saved: Mapping[str, object]) -> FeedExecutor:
    """Return the executor of a task that ran or held before a restart: held. What cannot be read is left out.

    What is kept may be older than the last write. So where the output was to go off, one that is off now is no trip of the unit.
    """
    began, on, back = saved.get("began_ma"), saved.get("on") is True, saved.get("back") is True
    began_ma = float(began) if isinstance(began, (int, float)) and not isinstance(began, bool) else None
    leaving = isinstance(task, SwitchOff) or (isinstance(task, Energise) and back)
    on_t = float("-inf") if on and not leaving else None  # every reading of this run of the daemon is newer
    moved = saved.get("moved")
    words = moved if isinstance(moved, str) else ""
    return FeedExecutor(plan, task, Drive(phase=Phase.HELD, back=back, began_ma=began_ma, on_t=on_t, moved=words))
