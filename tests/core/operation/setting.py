"""Two amplifiers with set values, the desk's evidence about them, and people who set them. Time goes on by itself with each look."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from stationd.core.alarm.words import Signal
from stationd.core.amplifier.words import AmplifierPlan, SetValue
from stationd.core.model import GOOD, NEVER_READ, IntentKept, PointId, Reading, Reason, Tick, Value, Write, WriteDone
from stationd.core.operation.evidence import Evidence
from stationd.core.operation.orders import Apply, Confirm, Discard, Person, Revert, Rollback, Stage
from stationd.core.operation.plan import ActingPlan
from stationd.core.operation.setpoints import SetPoints
from stationd.core.operation.task import CommandClass
from stationd.core.operation.views import AppliedView, AuthorityView
from stationd.core.operation.words import Accepted, ActEffect, ActOutcome, Cause, Noted, Refused
from stationd.core.powerfeed.words import Seen

CLASSES = frozenset({CommandClass.READ, CommandClass.NOTE, CommandClass.SET})
DANA = Person(1001, "dana", "1001:10", CLASSES, local=True)
ERIK = Person(1002, "erik", "1002:11", CLASSES, local=True)
WHY = "gain trim after repair"
KEY = PointId("io1", "di5")
GAIN, OUTPUT = PointId("fp1-booster", "gain_setpoint"), PointId("fp1-booster", "output_setpoint")
OTHER = PointId("fp2-booster", "gain_setpoint")


def amplifier(device: str, pair: int) -> AmplifierPlan:
    def at(point: str) -> PointId:
        return PointId(device, point)

    return AmplifierPlan(
        device, pair, pump_on=at("pump_on"), mode=at("mode"), lost=at("los"), reduced=(at("apr_active"),), fault=at("fault"),
        output_dbm=at("output_power"),
        set_values={
            "gain": SetValue(at("gain_setpoint"), "dB", 10.0, 30.0, 1.0),
            "output": SetValue(at("output_setpoint"), "dBm", 0.0, 23.0, 1.0),
        },
    )  # fmt: skip


PLAN = ActingPlan(
    "aktau", "Aktau", read_only=False, amplifiers={name: amplifier(name, pair) for pair, name in ((1, "fp1-booster"), (2, "fp2-booster"))},
    far_title="Siyazan", key_switch=KEY, devices=frozenset({"fp1-booster", "fp2-booster", "pfe-a"}),
)  # fmt: skip
SWITCHES: dict[str, Value] = {"pump_on": True, "mode": "agc", "los": False, "apr_active": False, "fault": False, "output_power": 17.0}
VALUES: dict[PointId, Value] = {PointId(device, point): value for device in PLAN.amplifiers for point, value in SWITCHES.items()}
VALUES |= {PointId(device, "gain_setpoint"): 20.0 for device in PLAN.amplifiers}
VALUES |= {PointId(device, "output_setpoint"): 17.0 for device in PLAN.amplifiers}


class Setting:
    """A desk for set values alone. `effects` is all that came out; `units` is what the units really are set to."""

    def __init__(self, plan: ActingPlan = PLAN) -> None:
        self.plan = plan
        self.now = 1000.0
        self.points = SetPoints(plan, self.now)
        self.evidence = Evidence(audit_writable=True, authority=AuthorityView("dana", 1001, local=True, key_switch=True))
        self.units: dict[PointId, Value | None] = dict(VALUES)
        self.effects: list[ActEffect] = []
        self.read_all(times=2)

    # The plant.

    def read(self, point: PointId, value: Value | None) -> list[ActEffect]:
        """Let one reading come."""
        reading = Reading(point, value, NEVER_READ if value is None else GOOD, self.now)
        seen = self.evidence.seen
        kept = (*seen.readings.get(point, ()), reading)[-2:]
        self.evidence = replace(self.evidence, seen=replace(seen, readings={**seen.readings, point: kept}))
        return self.take(self.points.handle(reading, self.evidence, self.now))

    def read_all(self, changed: Mapping[PointId, Value | None] | None = None, times: int = 1) -> list[ActEffect]:
        """Read every unit anew, so often, half a second apart."""
        self.units |= changed or {}
        said: list[ActEffect] = []
        for _ in range(times):
            self.now += 0.5
            for point, value in self.units.items():
                said += self.read(point, value)
        return said

    def silence(self, seconds: float) -> list[ActEffect]:
        """Let time go by without a reading."""
        self.now += seconds
        return self.tick()

    def tick(self) -> list[ActEffect]:
        return self.take(self.points.handle(Tick(self.now), self.evidence, self.now))

    def take(self, effects: list[ActEffect]) -> list[ActEffect]:
        self.effects += effects
        return effects

    # People.

    def order(self, order: Stage | Discard | Apply | Confirm | Revert | Rollback) -> ActOutcome:
        outcome, effects = self.points.obey(order, self.evidence, self.now)
        self.take(effects)
        if isinstance(outcome, Refused):
            assert effects == [], "what is refused does nothing"
            assert all(each.why and each.remedy for each in outcome.reasons)
            assert outcome.reasons
        return outcome

    def stage(self, value: float = 20.5, target: PointId = GAIN, who: Person = DANA) -> ActOutcome:
        return self.order(Stage(who, target, value))

    def apply(self, within_s: float | None = None, who: Person = DANA, reason: str = WHY) -> ActOutcome:
        return self.order(Apply(who, reason, within_s))

    # The disk and the line.

    def intents(self) -> list[Noted]:
        return [each for each in self.effects if isinstance(each, Noted) and each.intent]

    def kept(self, kept: bool = True) -> list[ActEffect]:
        """Say that the record of the last intent is on the disk, or not."""
        news = IntentKept(self.intents()[-1].intent, kept, self.now)
        return self.take(self.points.handle(news, self.evidence, self.now))

    def writes(self) -> list[Write]:
        return [each for each in self.effects if isinstance(each, Write)]

    def done(self, reason: Reason = Reason.NONE, read_back: float | None = None, detail: str = "") -> list[ActEffect]:
        """Answer the last write; without a reason the unit has taken it."""
        write = self.writes()[-1]
        self.now += 0.1
        shown: Value | None = write.value if reason is Reason.NONE else read_back
        if shown is not None:
            self.units[write.target] = shown
            self.take(self.read(write.target, shown))
        return self.take(self.points.handle(WriteDone(write.target, write.value, shown, reason, detail, self.now), self.evidence, self.now))

    def carry_out(self) -> None:
        """Let disk and units do their part until nothing is being sent any more."""
        self.kept()
        answered = 0
        while self.points.applying() and answered < 10:
            answered += 1
            self.done()

    def applied_gain(self, value: float = 20.5, within_s: float | None = None) -> AppliedView:
        """Stage and apply one value, and let it be taken."""
        self.read_all()
        assert isinstance(self.stage(value), Accepted)
        assert isinstance(self.apply(within_s), Accepted)
        self.carry_out()
        return self.points.applied()[0]

    # What is asked.

    def set_to(self, target: PointId) -> float:
        """Return what a unit really is set to."""
        value = self.units[target]
        assert isinstance(value, float)
        return value

    @property
    def state(self) -> str:
        return self.points.applied()[0].state

    def notes(self) -> list[str]:
        return [each.kind for each in self.effects if isinstance(each, Noted)]

    def alarms(self) -> list[bool | None]:
        return [each.active for each in self.effects if isinstance(each, Signal)]

    def wait_over(self) -> list[ActEffect]:
        """Let the time to confirm end, with the units read until then."""
        due = self.points.deadline()
        assert due is not None
        self.now = due - 1.5
        self.read_all(times=2)
        self.now = due
        return self.tick()

    def restart(self, elapsed_s: float = 5.0) -> list[ActEffect]:
        """Kill it and start it anew from what was saved."""
        saved = self.points.saved(self.now)
        self.now += elapsed_s
        self.points = SetPoints(self.plan, self.now)
        effects = self.take(self.points.restore(saved, self.now, elapsed_s))
        assert [each for each in effects if isinstance(each, Write)] == []
        return effects


def causes(outcome: ActOutcome) -> set[Cause]:
    """Return the words of a refusal; empty for an order that was taken."""
    return {each.cause for each in outcome.reasons} if isinstance(outcome, Refused) else set()


def whys(outcome: ActOutcome) -> str:
    """Return all sentences of a refusal."""
    return " | ".join(each.why for each in outcome.reasons) if isinstance(outcome, Refused) else ""


def empty() -> Seen:
    """Return what is seen when nothing is."""
    return Seen()
