"""A station for the tests of preconditions: a fed line with a far end, a stand-by feed, amplifiers, contacts; and all of it good."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from stationd.core.amplifier.words import AmplifierPlan
from stationd.core.line.words import Cable
from stationd.core.model import GOOD, PointId, Quality, Reading, Value
from stationd.core.operation.evidence import Evidence
from stationd.core.operation.orders import Person
from stationd.core.operation.plan import ActingPlan
from stationd.core.operation.task import CommandClass, Energise, RampTo, SwitchOff, Task, class_of
from stationd.core.operation.views import AuthorityView, Check, HoldView, OperationView, Phase
from stationd.core.operation.words import Cause, Refusal
from stationd.core.powerfeed.words import DrivenPoints, FarFeed, FeedPlan, Seen

NOW = 1000.0
CABLE = Cable(380.0, 1.0, (76.0, 152.0, 228.0, 304.0), repeater_drop_v=40.0)  # the design's test line: 540 V at 1 A, 38 V of earth
ENERGISE, RAMP, OFF = Energise(1000.0, 10.0), RampTo(900.0, 10.0), SwitchOff(20.0)
DOOR, KEY, SWITCH, EARTH = PointId("io1", "di1"), PointId("io1", "di2"), PointId("io1", "di5"), PointId("io1", "di4")


def at(device: str, point: str) -> PointId:
    return PointId(device, point)


def driven(device: str) -> DrivenPoints:
    return DrivenPoints(
        current_ma=at(device, "output_current"), voltage_v=at(device, "output_voltage"), setpoint_ma=at(device, "current_setpoint"),
        on=at(device, "output_on"), remote=at(device, "remote"), voltage_setpoint_v=at(device, "voltage_setpoint"),
        regulation=at(device, "regulation"), fault=at(device, "fault"), interlock=at(device, "interlock"),
        polarity_negative=at(device, "polarity_negative"), electroding=PointId("io1", "do1"), earthed=EARTH,
        self_acting=(at(device, "auto_restart"),),
    )  # fmt: skip


def feed(device: str, **changed: Any) -> FeedPlan:
    plan = FeedPlan(
        device, driven(device), nominal_ma=1000.0, max_v=800.0, ramp_ma_per_s=10.0, interlocks=(DOOR, KEY), cable=CABLE,
        far_max_v=800.0, far_expected=True, far_title="Siyazan",
    )  # fmt: skip
    return replace(plan, **changed)


AMPLIFIER = AmplifierPlan(
    "amp1", 1, pump_on=at("amp1", "pump_on"), pump_writable=True, mode=at("amp1", "mode"), mode_writable=True, modes=("acc", "apc"),
    lost=at("amp1", "los"), reduced=(at("amp1", "apr"),), fault=at("amp1", "fault"),
)  # fmt: skip
RAMAN = AmplifierPlan(
    "raman1", 2, pump_on=at("raman1", "pump_on"), pump_writable=True, fault=at("raman1", "fault"),
    return_loss_db=at("raman1", "return_loss"), interlocks=(PointId("io1", "di6"),), raman=True,
)  # fmt: skip
PLAN = ActingPlan(
    "aktau", "Aktau", read_only=False, feeds={"pfe-a": feed("pfe-a"), "pfe-b": feed("pfe-b")},
    amplifiers={"amp1": AMPLIFIER, "raman1": RAMAN}, line="s1", route="Aktau - Siyazan", far_title="Siyazan", key_switch=SWITCH,
    devices=frozenset({"pfe-a", "pfe-b", "amp1", "raman1", "io1"}),
)  # fmt: skip
VALUES: dict[str, dict[str, Value]] = {
    "pfe": {
        "output_current": 0.0, "output_voltage": 3.0, "current_setpoint": 0.0, "output_on": False, "remote": True,
        "voltage_setpoint": 800.0, "regulation": "off", "fault": False, "interlock": True, "polarity_negative": False,
        "auto_restart": False,
    },
    "feeding": {"output_current": 1000.0, "output_voltage": 540.0, "current_setpoint": 1000.0, "output_on": True, "regulation": "cc"},
    "io1": {"di1": True, "di2": True, "di4": False, "di5": False, "di6": True, "do1": False},
    "amp1": {"pump_on": False, "mode": "acc", "los": False, "apr": False, "fault": False},
    "raman1": {"pump_on": False, "fault": False, "return_loss": 45.0},
}  # fmt: skip


def everything(*, feeding: bool = False) -> dict[PointId, Value]:
    """All values of the station, pfe-a off and discharged or feeding the whole line."""
    values = {at(device, point): value for device in ("pfe-a", "pfe-b") for point, value in VALUES["pfe"].items()}
    values |= {at(device, point): value for device in ("io1", "amp1", "raman1") for point, value in VALUES[device].items()}
    return values | {at("pfe-a", point): value for point, value in VALUES["feeding"].items()} if feeding else values


def readings(values: dict[PointId, Value], age_s: float = 0.3) -> dict[PointId, tuple[Reading, ...]]:
    """Two agreeing good readings of each."""
    return {
        point: (Reading(point, value, GOOD, NOW - age_s - 0.5), Reading(point, value, GOOD, NOW - age_s)) for point, value in values.items()
    }


FAR = FarFeed(NOW - 0.4, 0.0, 2.0, on=False, regulation="off", feed_t=NOW - 0.8, earthed="open")
FAR_ON = replace(FAR, current_ma=1000.0, voltage_v=270.0, on=True, regulation="cc")
ALL = frozenset(CommandClass)


def person(name: str = "a.bekov", uid: int = 1001, **changed: Any) -> Person:
    return replace(Person(uid, name, f"{uid}:7", ALL, local=True), **changed)


ARMER, SECOND = person(), person("n.aliyeva", 1002, local=False)


def evidence(values: dict[PointId, Value] | None = None, *, far: FarFeed | None = FAR, **changed: Any) -> Evidence:
    """Everything good, a.bekov at the station holding the authority."""
    seen = Seen(readings(everything() if values is None else values), far, "nothing valid comes from the far station")
    held = AuthorityView("a.bekov", 1001, local=True, since_t=NOW - 60)
    return replace(Evidence(seen, audit_writable=True, authority=held), **changed)


def feeding(**changed: Value) -> dict[PointId, Value]:
    """The values of a station whose pfe-a feeds, some of pfe-a's changed."""
    return everything(feeding=True) | {at("pfe-a", point): value for point, value in changed.items()}


def resting(**changed: Value) -> dict[PointId, Value]:
    """The same of a station at rest."""
    return everything() | {at("pfe-a", point): value for point, value in changed.items()}


def without(found: Evidence, *points: PointId) -> Evidence:
    """The same, of which some points were never read."""
    left = {point: both for point, both in found.seen.readings.items() if point not in points}
    return replace(found, seen=replace(found.seen, readings=left))


def spoilt(found: Evidence, point: PointId, quality: Quality, value: Value | None = None) -> Evidence:
    """The same, with a newest reading of that quality."""
    both = (found.seen.readings[point][-1], Reading(point, value, quality, NOW - 0.1))
    return replace(found, seen=replace(found.seen, readings={**found.seen.readings, point: both}))


def hold(object: str, name: str = "H-7", who: str = "j.smith", uid: int = 1009) -> HoldView:
    return HoldView(name, object, who, uid, "ship on cable, PSM-0093", NOW - 720)


def view(task: Task, object: str = "pfe-a", phase: Phase = Phase.WAITING, **changed: Any) -> OperationView:
    """An operation of a.bekov's."""
    base = OperationView(
        "OP-42", object, task, class_of(task), phase, NOW - 20, NOW - 20, "a.bekov", 1001, "1001:7", "repair done WO 4711", (), (),
    )  # fmt: skip
    return replace(base, **changed)


def bad(checks: tuple[Check, ...]) -> list[Refusal]:
    """The refusals, in their order; each says all that it must."""
    found = [check.refusal for check in checks if check.refusal is not None]
    assert all(each.why and each.remedy for each in found)
    return found


def only(checks: tuple[Check, ...], cause: Cause) -> Refusal:
    """The one refusal that there is."""
    (found,) = bad(checks)
    assert found.cause is cause
    return found
