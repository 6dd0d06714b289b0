"""What the far end means for a power feed that is being moved here: it may refuse and hold, and it never starts anything.

Where both ends feed, each waits for the other's operation: master and follower, both running, both outputs on. An end that
holds is seen by the other one within its message age, and that one holds too. An operation that names another current is no
half of this one: two ends that go to different currents end in a trip of one of them. To go on after a hold both are let go on by
their people in any order: whoever is first waits (AWAITING), where an operation of the other end that still holds is no news.
"""

from __future__ import annotations

from collections.abc import Iterator

from stationd.core.operation.task import Energise, Part
from stationd.core.powerfeed.drive import Finding, Scene, amperes
from stationd.core.powerfeed.machine import Event, Phase
from stationd.core.powerfeed.profile import tenths

DOES = {Part.MASTER: "leads", Part.FOLLOWER: "follows"}
OTHER = {Part.MASTER: Part.FOLLOWER, Part.FOLLOWER: Part.MASTER}
NOMINAL_SHARE = 0.99  # of the target: the follower's share of the work is done
LOOK_S = 1.0  # how much further apart two readings may be than their times say: the meters and the step that is under way (assumption)
_WITH_PARTNER = frozenset({Phase.RAMPING, Phase.CHECKING, Phase.FOLLOWING, Phase.HANDING_OVER, Phase.SETTLING})
_ALONE = frozenset({Phase.IDLE, Phase.HELD, Phase.PREPARING, Phase.RAMPING, Phase.CHECKING})


def far_trouble(scene: Scene) -> Iterator[Finding]:
    """Yield why the far end does not let this feed be moved now."""
    if scene.part is Part.SINGLE and not scene.plan.far_expected:
        return
    far, name = scene.far, far_name(scene)
    if far is None:
        yield Finding(Event.FAR_LOST, f"{name} is unknown: {_why(scene)}")
        return
    if far.holds:
        yield Finding(Event.FAR_HELD, f"{name} holds: {far.holds[0]}")
    if scene.part in OTHER:
        yield from _partner(scene)
    elif isinstance(scene.task, Energise) and not scene.leaving and far.on is True and scene.drive.phase in _ALONE:
        yield Finding(Event.FAR_HELD, f"the feed of {name} is on, this operation feeds from one end")


def partner_ready(scene: Scene) -> bool:
    """Return whether the far end runs the other half of this operation, to the same current, and its output is on."""
    return scene.far_on and _is_other(scene) and _same_current(scene) and _phase(scene) == "running"


def partner_done(scene: Scene) -> bool:
    """Return whether the far end has ended its half and this one may end alone.

    It holds the current already, or it is a follower at the whole current, that had held and may hand over then.
    """
    there = scene.holds_current or (scene.part is Part.FOLLOWER and _nominal(scene))
    return there and scene.far_on and not _phase(scene)


def far_name(scene: Scene) -> str:
    """Return the far station's title for a sentence."""
    return scene.plan.far_title or "the far station"


def _partner(scene: Scene) -> Iterator[Finding]:
    """Yield a partner that is not with us. One that has closed its operation is no trouble once the current is there."""
    if not scene.leaving and _phase(scene) and _is_other(scene) and not _same_current(scene):
        both = f"{DOES[OTHER[scene.part]]} to {amperes(_to_ma(scene))}, here it is {amperes(scene.target_ma)}"
        yield Finding(Event.FAR_HELD, f"{far_name(scene)} {both}")
    if scene.drive.phase not in _WITH_PARTNER:
        return
    yield from _unequal(scene)
    if partner_ready(scene):
        return
    name, phase = far_name(scene), _phase(scene)
    if not scene.far_on:
        yield Finding(Event.FAR_HELD, f"the feed of {name} is not on any more")
    elif phase:
        what = " ".join(_target(scene)[:1]) or "operation"
        yield Finding(Event.FAR_HELD, f"the {what} at {name} is {phase}")
    elif not _arrived(scene):
        yield Finding(Event.FAR_HELD, f"{name} has no {OTHER[scene.part].value} any more")


def _unequal(scene: Scene) -> Iterator[Finding]:
    """Yield currents of both ends that are not one current: then the line between them is cut, or leaks. A hold point would see it late."""
    own, far = scene.newest(scene.plan.points.current_ma, None), scene.far
    if own is None or not isinstance(own.value, (int, float)) or far is None or far.current_ma is None or far.feed_t is None:
        return
    rate = scene.task.rate_ma_per_s if isinstance(scene.task, Energise) else 0.0
    most_ma = scene.plan.deviation_ma + rate * (abs(own.t - far.feed_t) + LOOK_S)
    if abs(own.value - far.current_ma) > most_ma:
        both = f"{amperes(float(own.value))} here and {amperes(far.current_ma)} at {far_name(scene)}"
        yield Finding(Event.FAR_HELD, f"{both} are not one current (limit {most_ma:.0f} mA)")


def _arrived(scene: Scene) -> bool:
    if scene.drive.phase in (Phase.SETTLING, Phase.HANDING_OVER):
        return True
    return scene.drive.phase is Phase.FOLLOWING and _nominal(scene)


def _nominal(scene: Scene) -> bool:
    current_ma, target_ma = scene.measured_ma, scene.target_ma
    return current_ma is not None and target_ma is not None and current_ma >= NOMINAL_SHARE * target_ma


def _phase(scene: Scene) -> str:
    """Return the phase of the far operation, "" where none is open."""
    operation = scene.far.operation if scene.far is not None else None
    phase = operation.get("phase", "") if operation is not None else ""
    return "" if phase == "closed" else phase


def _target(scene: Scene) -> tuple[str, ...]:
    operation = scene.far.operation if scene.far is not None else None
    return tuple(operation.get("target", "").split()) if operation is not None else ()


def _is_other(scene: Scene) -> bool:
    return _target(scene)[:1] == (OTHER[scene.part].value,)


def _same_current(scene: Scene) -> bool:
    """Return whether the far operation names the current of this task; one that names none does not."""
    far_ma = _to_ma(scene)
    return far_ma is not None and tenths(far_ma) == scene.target_ma


def _to_ma(scene: Scene) -> float | None:
    """Return the current that the far operation names: "follower to 800 mA"."""
    match _target(scene):
        case (_, "to", number, "mA") if number.replace(".", "", 1).isdecimal():
            return float(number)
        case _:
            return None


def _why(scene: Scene) -> str:
    """Return why it is unknown: its last message is old, or what the desk was told."""
    far = scene.seen.far
    return scene.seen.far_why if far is None else f"its last message is {scene.now - far.t:.1f} s old (limit 2 s)"
