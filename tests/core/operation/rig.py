"""A small station for the tests of operations: a power feed with its line, an amplifier, three persons, and a desk whose time is moved
by hand. The plant is coarse: what is written shows at the next reading, the line is a resistor."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace

from stationd.core.alarm.machine import Event as AlarmEvent
from stationd.core.alarm.machine import Letter
from stationd.core.alarm.plan import STATION
from stationd.core.alarm.type import AlarmKey, Severity
from stationd.core.alarm.words import AlarmRecord, Signal
from stationd.core.amplifier.words import AmplifierPlan, SetValue
from stationd.core.line.far import FarLine
from stationd.core.line.words import Feed, Regulation
from stationd.core.model import (
    GOOD,
    IntentKept,
    Level,
    PointId,
    Quality,
    Reading,
    Reason,
    SessionEnded,
    Tick,
    Value,
    Write,
    WriteDone,
)
from stationd.core.operation.desk import Operations
from stationd.core.operation.gate import STORAGE_FAILED
from stationd.core.operation.orders import (
    Approve,
    Arm,
    AuthorityVerb,
    Disarm,
    EmergencyOff,
    Execute,
    Hold,
    KeepAlive,
    Person,
    Prepare,
    SetAuthority,
    Way,
)
from stationd.core.operation.plan import ActingPlan
from stationd.core.operation.task import CommandClass, Energise, Pump, Task
from stationd.core.operation.views import OperationView, Phase
from stationd.core.operation.words import Accepted, ActEffect, ActOutcome, Cause, CutOff, Hasten, Noted, Refused
from stationd.core.powerfeed.words import GATE_EVERY_S, DrivenPoints, FeedPlan

PFE, AMP = "pfe-a", "booster"
OHM = 0.5
BAD = Quality(Level.BAD, Reason.TIMEOUT)
DOOR, KEY = PointId("io1", "door"), PointId("io1", "key")
ALL_CLASSES = frozenset(CommandClass)
NO_POWER = frozenset({CommandClass.READ, CommandClass.NOTE, CommandClass.SET, CommandClass.OPERATE, CommandClass.EMERGENCY})


def p(name: str, device: str = PFE) -> PointId:
    return PointId(device, name)


POINTS = DrivenPoints(
    current_ma=p("current"), voltage_v=p("voltage"), setpoint_ma=p("current_setpoint"), on=p("output_on"), remote=p("remote"),
    fault=p("fault"), voltage_setpoint_v=p("voltage_setpoint"),
)  # fmt: skip
FEED = FeedPlan(
    PFE, POINTS, nominal_ma=1000.0, max_v=1200.0, ramp_ma_per_s=50.0, interlocks=(DOOR,), hold_shares=(0.5,), settle_s=2.0,
    far_title="Siyazan",
)  # fmt: skip
FAR_FEED = replace(FEED, far_expected=True, far_max_v=1200.0)
BOOSTER = AmplifierPlan(
    AMP, 1, pump_on=p("pump_on", AMP), pump_writable=True, output_dbm=p("output", AMP), lost=p("los", AMP), input_dbm=p("input", AMP),
    interlocks_reason="connector is welded", set_values={"gain": SetValue(p("gain_setpoint", AMP), "dB", 10.0, 25.0, 2.0)},
)  # fmt: skip
PLAN = ActingPlan(
    "aktau", "Aktau", read_only=False, feeds={PFE: FEED}, amplifiers={AMP: BOOSTER}, line="s1", route="Aktau - Siyazan",
    far_title="Siyazan", devices=frozenset({PFE, AMP, "io1"}),
)  # fmt: skip
FAR_PLAN = replace(PLAN, feeds={PFE: FAR_FEED})

BEKOV = Person(1001, "a.bekov", "1001:77", ALL_CLASSES, local=True, place="console")
ALIYEVA = Person(1002, "n.aliyeva", "1002:81", ALL_CLASSES, place="pts/2")
OMAROV = Person(1003, "d.omarov", "1003:82", ALL_CLASSES, place="pts/3")
SMITH = Person(1004, "j.smith", "1004:83", NO_POWER, place="pts/4")
GUEST = Person(1005, "guest", "1005:84", frozenset({CommandClass.READ}))
WHY = "repair done, WO 4711"
CODE, NEXT_CODE = "K7Q4", "M2RT"
ENERGISE = Energise(500.0, 50.0)


def quiet_plant() -> dict[PointId, Value]:
    """Return a station at rest: feed off and discharged, permissives closed, amplifier lit and pumping."""
    return {
        POINTS.current_ma: 0.0, POINTS.voltage_v: 0.0, POINTS.setpoint_ma: 0.0, POINTS.on: False, POINTS.remote: True, POINTS.fault: False,
        p("voltage_setpoint"): 1200.0, DOOR: True, p("pump_on", AMP): True, p("output", AMP): 10.0, p("los", AMP): False,
        p("input", AMP): -10.0, p("gain_setpoint", AMP): 20.0,
    }  # fmt: skip


@dataclass
class Rig:
    """A desk with its plant. `disk` False keeps intents waiting; `answer` False keeps writes waiting, `silent_to` those of a point."""

    plan: ActingPlan = PLAN
    t: float = 1000.0
    plant: dict[PointId, Value] = field(default_factory=quiet_plant)
    bad: set[PointId] = field(default_factory=set)
    disk: bool | None = True
    answer: bool = True
    silent_to: PointId | None = None
    far: FarLine | None = None
    alive: set[str] = field(default_factory=set)
    effects: list[ActEffect] = field(default_factory=list)
    waiting: list[Write | CutOff] = field(default_factory=list)
    sent: list[tuple[float, Write | CutOff]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.desk = Operations(self.plan, self.t)
        self.write_disk(True)
        self.beat(2)

    # Time and plant.

    def take(self, news: object) -> list[ActEffect]:
        return self.follow(self.desk.handle(news, self.t))  # type: ignore[arg-type]

    def follow(self, effects: list[ActEffect]) -> list[ActEffect]:
        """Do what the outside does with effects: keep intents, carry out writes, later."""
        self.effects += effects
        for each in effects:
            match each:
                case Noted(intent=number) if number and self.disk is not None:
                    self.take(IntentKept(number, self.disk, self.t))
                case Write() | CutOff():
                    self.sent.append((self.t, each))
                    self.waiting.append(each)
        return effects

    def wait(self, seconds: float) -> None:
        """Let a long time pass, with just enough readings that none grows old."""
        beats = int(seconds // 1.5)
        self.beat(beats, 1.5)
        if seconds > 1.5 * beats:
            self.beat(1, seconds - 1.5 * beats)

    def beat(self, times: int = 1, every_s: float = GATE_EVERY_S) -> None:
        """Let time pass in steps of half a second: ticks, keep-alives, the far end, answers to writes, readings."""
        for _ in range(times):
            self._advance(every_s)
            for session in sorted(self.alive):
                self._keep_alive(session)
            self.settle()
            if self.far is not None:
                self.far = replace(self.far, t=self.t, received=self.t, sequence=self.far.sequence + 1)
                if self.far.feed is not None:
                    self.far = replace(self.far, feed=replace(self.far.feed, t=self.t))
                self.take(self.far)
            self.read()

    def _advance(self, seconds: float) -> None:
        end = self.t + seconds
        while (due := self.desk.deadline()) is not None and due <= end:
            self.t = max(self.t, due)
            self.take(Tick(self.t))
        self.t = end

    def _keep_alive(self, session: str) -> None:
        for view in self.desk.operations(self.t):
            if view.phase in (Phase.RUNNING, Phase.STARTING) and view.session == session:
                self.obey(KeepAlive(replace(BEKOV, uid=view.armer_uid, session=session), view.name))

    def settle(self) -> None:
        """Answer the writes that wait, and let the plant follow."""
        while self.answer and self.waiting and self.waiting[0].target != self.silent_to:
            write = self.waiting.pop(0)
            self.plant[write.target] = write.value
            self.react()
            self.take(WriteDone(write.target, write.value, write.value, Reason.NONE, "", self.t))

    def react(self) -> None:
        on = self.plant[POINTS.on] is True
        set_to = self.plant[POINTS.setpoint_ma]
        assert isinstance(set_to, float)
        self.plant[POINTS.current_ma] = set_to if on else 0.0
        self.plant[POINTS.voltage_v] = set_to * OHM if on else 0.0

    def read(self) -> None:
        for point, value in list(self.plant.items()):
            reading = Reading(point, None, BAD, self.t) if point in self.bad else Reading(point, value, GOOD, self.t)
            self.take(reading)

    # People.

    def obey(self, order: object) -> ActOutcome:
        outcome, effects = self.desk.obey(order, self.t)  # type: ignore[arg-type]
        self.follow(effects)
        return outcome

    def authority(self, who: Person = BEKOV) -> None:
        self.obey(SetAuthority(who, AuthorityVerb.TAKE, reason="shift begins here"))

    def arm(self, task: Task = ENERGISE, object: str = PFE, who: Person = BEKOV) -> ActOutcome:
        return self.obey(Arm(who, object, task, WHY, CODE))

    def armed(self, task: Task = ENERGISE, object: str = PFE, who: Person = BEKOV, second: Person = ALIYEVA) -> str:
        """Bring an operation to ARMED and return its name."""
        self.authority(who)
        outcome = self.arm(task, object, who)
        assert isinstance(outcome, Accepted), outcome
        (name,) = outcome.names
        if not isinstance(task, Pump):
            assert self.obey(Approve(second, name)) == Accepted((name,))
        return name

    def running(self, task: Task = ENERGISE, object: str = PFE, beats: int = 0) -> str:
        """Bring an operation to RUNNING, its session alive, and let some time pass."""
        name = self.armed(task, object)
        self.alive.add(BEKOV.session)
        outcome = self.obey(Execute(BEKOV, name, CODE))
        assert outcome == Accepted((name,)), outcome
        self.beat(beats)
        return name

    def held(self, beats: int = 8) -> str:
        """Bring an energising to a hold that a person wanted, and let its last write be answered."""
        name = self.running(beats=beats)
        assert self.obey(Hold(SMITH, name)) == Accepted((name,))
        self.beat()
        return name

    def prepare(self, name: str, way: Way = Way.RESUME, who: Person = BEKOV) -> ActOutcome:
        return self.obey(Prepare(who, name, way, NEXT_CODE))

    def execute(self, name: str, code: str = CODE, who: Person = BEKOV) -> ActOutcome:
        return self.obey(Execute(who, name, code))

    def disarm(self, name: str, who: Person = BEKOV) -> ActOutcome:
        return self.obey(Disarm(who, name))

    def emergency_off(self, *objects: str, who: Person = SMITH) -> ActOutcome:
        return self.obey(EmergencyOff(who, objects or (PFE,)))

    def leave(self, who: Person) -> None:
        self.alive.discard(who.session)
        self.take(SessionEnded(who.session, self.t))

    # What is seen.

    def view(self, name: str) -> OperationView:
        view = self.desk.operation(name, self.t)
        assert view is not None
        return view

    def phase(self, name: str) -> Phase:
        return self.view(name).phase

    def notes(self, kind: str = "") -> list[Noted]:
        return [each for each in self.effects if isinstance(each, Noted) and kind in ("", each.kind)]

    def alarm(self, name: str) -> bool | None:
        """Return what was said last of an alarm of the station."""
        said = [each.active for each in self.effects if isinstance(each, Signal) and each.key == AlarmKey(STATION, name)]
        return said[-1] if said else None

    def hastened(self) -> frozenset[PointId]:
        said = [each.points for each in self.effects if isinstance(each, Hasten)]
        return said[-1] if said else frozenset()

    def restart(self, elapsed_s: float = 5.0) -> list[ActEffect]:
        """End this run as a kill does, and begin another one with another clock from what was kept last."""
        kept = json.loads(json.dumps(self.desk.saved(self.t), allow_nan=False))
        self.t, self.waiting, self.effects, self.alive = 20.0, [], [], set()
        self.desk = Operations(self.plan, self.t)
        effects = self.follow(self.desk.restore(kept, self.t, elapsed_s))
        self.write_disk(True)
        return effects

    def write_disk(self, works: bool | None) -> None:
        """Say how the journal's disk does."""
        self.take(Signal(STORAGE_FAILED, None if works is None else not works, self.t))


def causes(outcome: ActOutcome) -> set[Cause]:
    """Return the words of a refusal, whose sentences must all be there."""
    assert isinstance(outcome, Refused), outcome
    assert outcome.asked
    assert outcome.reasons
    assert all(each.why and each.remedy for each in outcome.reasons), outcome
    return {each.cause for each in outcome.reasons}


def critical(key: str, t: float, event: AlarmEvent = AlarmEvent.RAISE, cause: AlarmKey | None = None) -> AlarmRecord:
    resource, _, name = key.partition("/")
    return AlarmRecord(
        1, event, AlarmKey(resource, name), Letter.NORMAL, Letter.NEW, t, t, Severity.CRITICAL, 1, True, GOOD, "stationd", "", cause
    )


def far_line(t: float, *, on: bool = False, shared: bool = True) -> FarLine:
    feed = Feed(0.0, 0.0, t, on, Regulation.OFF)
    return FarLine(t, t, 0.01, "boot", 1, feed, shared=frozenset({"feed", "operations"} if shared else {"feed"}), earth="open")
