"""Every refusal says why with something that is so now (a number, an age, a name), and what would change it."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from math import inf, nan
from pathlib import Path

import pytest

import stationd.core.amplifier
import stationd.core.operation
import stationd.core.powerfeed
from stationd.core.line.words import Cable
from stationd.core.model import PointId
from stationd.core.operation.orders import (
    AddHold,
    Apply,
    Approve,
    Arm,
    AuthorityVerb,
    Confirm,
    DropHold,
    EmergencyOff,
    EndBypass,
    Hold,
    KeepAlive,
    Person,
    Reject,
    Revert,
    Rollback,
    SetAuthority,
    Stage,
    Way,
)
from stationd.core.operation.task import (
    Bypass,
    Electrode,
    Energise,
    Part,
    Pump,
    RampTo,
    RemoveHold,
    SetMode,
    SetPolarity,
    SwitchOff,
    Task,
)
from stationd.core.operation.words import ActOutcome, Cause, Refusal, Refused
from tests.core.operation.rig import (
    ALIYEVA,
    AMP,
    BEKOV,
    CODE,
    DOOR,
    ENERGISE,
    FAR_FEED,
    FAR_PLAN,
    FEED,
    GUEST,
    NEXT_CODE,
    OMAROV,
    PFE,
    PLAN,
    POINTS,
    SMITH,
    WHY,
    Rig,
    far_line,
    p,
)

ROOMS = [Path(room.__file__).parent for room in (stationd.core.operation, stationd.core.powerfeed, stationd.core.amplifier)]
WHY_AT = {"Refusal": 1, "refused": 2, "Finding": 1, "Stopped": 0, "_too_long": 1}  # where the sentence stands among the arguments
GAIN = p("gain_setpoint", AMP)
KEY = PointId("io1", "key_switch")
OFF = SwitchOff(20.0)
ODD = {"pfe-z", "amp-z", "'nothing'", "tech", "nan", "inf"}  # what is asked for in these tests, and there is none of
NAMES = {PFE, AMP, "aktau", "Aktau", "Siyazan", *(each.name for each in (BEKOV, ALIYEVA, OMAROV, SMITH, GUEST)), *ODD}
SHARED = replace(OMAROV, name="tech", identified=False)
ENDINGS = {Cause.CANCELLED, Cause.TRIPPED, Cause.DEVIATED, Cause.COMMUNICATION}  # how operations end, and no word of a refusal


# What the code can say.


def functions(tree: ast.AST) -> Iterator[ast.FunctionDef]:
    return (node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef))


def said(value: ast.expr, function: ast.FunctionDef) -> list[ast.expr]:
    """Return what a sentence can be: the expression itself, or all that its name is set to in this function."""
    match value:
        case ast.IfExp(body=body, orelse=other):
            return [*said(body, function), *said(other, function)]
        case ast.Name(id=name):
            sets = [node for node in ast.walk(function) if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == name]
            return [each for node in sets for each in said(node.value, function)]
        case _:
            return [value]


def sentences() -> list[tuple[str, str, bool]]:
    """Return where a sentence is given as a reason, what it is, and whether it is always the same."""
    found = []
    for path in sorted(path for room in ROOMS for path in room.glob("*.py")):
        for function in functions(ast.parse(path.read_text())):
            calls = [node for node in ast.walk(function) if isinstance(node, ast.Call) and ast.unparse(node.func) in WHY_AT]
            for call in calls:
                at = WHY_AT[ast.unparse(call.func)]
                for each in said(call.args[at], function) if len(call.args) > at else ():
                    constant = isinstance(each, ast.Constant) and each.value != ""
                    found.append((f"{path.parent.name}/{path.name}:{function.name}", ast.unparse(each), constant))
    return found


def test_no_sentence_of_a_refusal_or_a_hold_is_always_the_same() -> None:
    found = sentences()
    assert len(found) > 100, "they are found at all"
    assert [(where, sentence) for where, sentence, constant in found if constant] == []


def test_every_refusal_of_the_code_has_a_remedy() -> None:
    for path in (path for room in ROOMS for path in room.glob("*.py")):
        calls = [node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Call)]
        for call in (each for each in calls if ast.unparse(each.func) in ("Refusal", "refused")):
            remedy = call.args[3 if ast.unparse(call.func) == "refused" else 2]
            assert not (isinstance(remedy, ast.Constant) and not str(remedy.value).strip()), ast.unparse(call)


# What the desk does say.


def armed(task: Task = ENERGISE, object: str = PFE) -> Callable[[Rig], ActOutcome]:
    return lambda rig: rig.arm(task, object)


def spoilt(spoil: Callable[[Rig], object], task: Task = ENERGISE, object: str = PFE, who: Person = BEKOV) -> Callable[[Rig], ActOutcome]:
    """Arm after something was spoilt."""

    def story(rig: Rig) -> ActOutcome:
        spoil(rig)
        return rig.arm(task, object, who)

    return story


def reads(point: PointId, value: object, times: int = 2) -> Callable[[Rig], None]:
    def spoil(rig: Rig) -> None:
        rig.plant[point] = value  # type: ignore[assignment]
        rig.beat(times)

    return spoil


def silent(point: PointId) -> Callable[[Rig], None]:
    def spoil(rig: Rig) -> None:
        rig.bad.add(point)
        rig.beat(2)

    return spoil


def after(order: Callable[[Rig], object], story: Callable[[Rig], ActOutcome]) -> Callable[[Rig], ActOutcome]:
    def told(rig: Rig) -> ActOutcome:
        order(rig)
        return story(rig)

    return told


def feeding(rig: Rig) -> None:
    rig.plant |= {POINTS.on: True, POINTS.setpoint_ma: 500.0}
    rig.react()
    rig.beat(3)


def staged(value: float = 21.0) -> Callable[[Rig], ActOutcome]:
    return lambda rig: rig.obey(Stage(BEKOV, GAIN, value))


def applied(rig: Rig) -> ActOutcome:
    staged()(rig)
    return rig.obey(Apply(BEKOV, WHY))


def far(**changed: object) -> Callable[[Rig], None]:
    def spoil(rig: Rig) -> None:
        rig.far = replace(far_line(rig.t), **changed)  # type: ignore[arg-type]
        rig.beat(2)
        feed = changed.get("feed", ...)
        if feed is None:
            rig.far = replace(rig.far, feed=None)
            rig.beat(2)

    return spoil


def quiet_far(rig: Rig) -> None:
    rig.far = None
    rig.beat(8)


ANSWERS: dict[str, Callable[[Rig], ActOutcome]] = {
    # operations by name, states and codes
    "no such operation": lambda rig: rig.execute("OP-9"),
    "no such operation after one": after(lambda rig: rig.armed(), lambda rig: rig.execute("OP-9")),
    "execute while it waits": after(armed(), lambda rig: rig.execute("OP-1")),
    "approve one's own": after(armed(), lambda rig: rig.obey(Approve(BEKOV, "OP-1"))),
    "approve twice": after(lambda rig: rig.armed(), lambda rig: rig.obey(Approve(OMAROV, "OP-1"))),
    "approve without the role": after(armed(), lambda rig: rig.obey(Approve(SMITH, "OP-1"))),
    "reject without the role": after(armed(), lambda rig: rig.obey(Reject(SMITH, "OP-1"))),
    "reject what runs": after(lambda rig: rig.running(beats=2), lambda rig: rig.obey(Reject(ALIYEVA, "OP-1"))),
    "disarm without the role": after(armed(), lambda rig: rig.disarm("OP-1", SMITH)),
    "disarm what runs": after(lambda rig: rig.running(beats=2), lambda rig: rig.disarm("OP-1")),
    "execute what another has armed": after(lambda rig: rig.armed(), lambda rig: rig.execute("OP-1", who=ALIYEVA)),
    "a wrong code": after(lambda rig: rig.armed(), lambda rig: rig.execute("OP-1", "XXXX")),
    "a second wrong code": after(lambda rig: (rig.armed(), rig.execute("OP-1", "XXXX")), lambda rig: rig.execute("OP-1", "XXXX")),
    "execute what runs": after(lambda rig: rig.running(beats=2), lambda rig: rig.execute("OP-1")),
    "execute what is over": after(lambda rig: rig.disarm(rig.armed()), lambda rig: rig.execute("OP-1")),
    "execute too late": after(lambda rig: (rig.armed(), rig.wait(130)), lambda rig: rig.execute("OP-1")),
    "execute what holds": after(lambda rig: rig.held(), lambda rig: rig.execute("OP-1")),
    "execute what begins": after(lambda rig: (setattr(rig, "disk", None), rig.running()), lambda rig: rig.execute("OP-1")),
    "keep alive from elsewhere": after(lambda rig: rig.running(), lambda rig: rig.obey(KeepAlive(ALIYEVA, "OP-1"))),
    "keep alive what is over": after(lambda rig: rig.disarm(rig.armed()), lambda rig: rig.obey(KeepAlive(BEKOV, "OP-1"))),
    "hold without the role": after(lambda rig: rig.running(), lambda rig: rig.obey(Hold(GUEST))),
    "hold one without the role": after(lambda rig: rig.running(), lambda rig: rig.obey(Hold(GUEST, "OP-1"))),
    "hold what does not run": after(lambda rig: rig.armed(), lambda rig: rig.obey(Hold(SMITH, "OP-1"))),
    "no way back": after(lambda rig: (feeding(rig), rig.running(OFF, beats=2), rig.obey(Hold(SMITH)), rig.beat()),
                         lambda rig: rig.prepare("OP-1", Way.BACK)),
    "a way on while a write is not answered": after(
        lambda rig: (rig.running(beats=6), setattr(rig, "answer", False), rig.beat(1), rig.obey(Hold(SMITH))),
        lambda rig: rig.prepare("OP-1")),
    "a way up without the second person": after(lambda rig: (rig.held(), rig.wait(700), rig.authority(), rig.prepare("OP-1")),
                                                lambda rig: rig.execute("OP-1", NEXT_CODE)),
    # what is selected
    "selected already": after(armed(), armed()),
    "selected by another": after(armed(), lambda rig: rig.arm(who=OMAROV)),
    "in execution": after(lambda rig: rig.running(beats=2), armed()),
    # who
    "without the role": lambda rig: rig.arm(who=SMITH),
    "an account of several": lambda rig: rig.arm(who=SHARED),
    "nobody has the authority": lambda rig: Rig().arm(),
    "another has the authority": lambda rig: rig.arm(who=ALIYEVA),
    "no reason": lambda rig: rig.obey(Arm(BEKOV, PFE, ENERGISE, "x", CODE)),
    # what cannot be
    "no such feed": armed(ENERGISE, "pfe-z"),
    "no such amplifier": armed(Pump(True), "amp-z"),
    "no such hold": armed(RemoveHold("H-9"), "H-9"),
    "no such interlock": armed(Bypass(PointId("io1", "nothing"), 60.0), "x"),
    "no polarity switch": armed(SetPolarity(True)),
    "no electroding": armed(Electrode(True)),
    "no mode": armed(SetMode("agc"), AMP),
    "a part without a far end": armed(Energise(500.0, 50.0, Part.MASTER)),
    "no number": armed(Energise(nan, 50.0)),
    "no end of numbers": armed(Energise(10**400, inf)),
    "signs that are not seen": lambda rig: rig.arm(object="pfe\x1b"),
    "a name without end": lambda rig: rig.arm(object="p" * 200),
    # the plant
    "a hold": after(lambda rig: rig.obey(AddHold(SMITH, "line", "ship on cable")), armed()),
    "an open interlock": spoilt(reads(DOOR, False)),
    "an interlock that has just opened": spoilt(reads(DOOR, False, 1)),
    "an unknown interlock": spoilt(silent(DOOR)),
    "a fault": spoilt(reads(p("fault"), True)),
    "charge": spoilt(reads(POINTS.voltage_v, 400.0)),
    "current": spoilt(reads(POINTS.current_ma, 100.0)),
    "on already": spoilt(feeding),
    "off already": armed(OFF),
    "a ramp of what is off": armed(RampTo(100.0, 10.0)),
    "there already": spoilt(feeding, RampTo(500.0, 10.0)),
    "an unknown current": spoilt(silent(POINTS.current_ma)),
    "not in remote": spoilt(reads(POINTS.remote, False)),
    "too much": armed(Energise(5000.0, 10.0)),
    "too fast": armed(Energise(500.0, 5000.0)),
    "an emergency off": after(lambda rig: (setattr(rig, "answer", False), rig.emergency_off()), armed()),
    "a write that is not answered": after(
        lambda rig: (setattr(rig, "silent_to", p("pump_on", AMP)), rig.armed(Pump(False), AMP), rig.alive.add(BEKOV.session),
                     rig.execute("OP-1"), rig.leave(BEKOV), rig.disarm("OP-1")),
        armed(Pump(False), AMP)),
    # the audit
    "a disk that fails": spoilt(lambda rig: rig.write_disk(False)),
    "a disk that is not known": spoilt(lambda rig: rig.write_disk(None)),
    # amplifiers
    "pumping already": armed(Pump(True), AMP),
    "protecting": spoilt(lambda rig: (reads(p("los", AMP), True)(rig), reads(p("pump_on", AMP), False)(rig)), Pump(True), AMP),
    # bypasses and holds
    "too long a bypass": armed(Bypass(DOOR, 1e5), "x"),
    "bypassed already": after(lambda rig: rig.execute(rig.armed(Bypass(DOOR, 60.0), "x")), armed(Bypass(DOOR, 60.0), "x")),
    "no bypass to end": lambda rig: rig.obey(EndBypass(SMITH, DOOR)),
    "end a bypass without the role": lambda rig: rig.obey(EndBypass(GUEST, DOOR)),
    "a hold without the role": lambda rig: rig.obey(AddHold(GUEST, "line", "ship on cable")),
    "a hold on nothing": lambda rig: rig.obey(AddHold(SMITH, "nothing", "ship on cable")),
    "a hold without a reason": lambda rig: rig.obey(AddHold(SMITH, "line", "x")),
    "a hold with too much reason": lambda rig: rig.obey(AddHold(SMITH, "line", "x" * 300)),
    "another's hold": after(lambda rig: rig.obey(AddHold(SMITH, "line", "ship on cable")), lambda rig: rig.obey(DropHold(BEKOV, "H-1"))),
    "no hold": lambda rig: rig.obey(DropHold(BEKOV, "H-1")),
    # authority
    "authority that one has": lambda rig: rig.obey(SetAuthority(BEKOV, AuthorityVerb.REQUEST)),
    "authority of nobody": lambda rig: Rig().obey(SetAuthority(ALIYEVA, AuthorityVerb.RELEASE)),
    "authority of another": lambda rig: rig.obey(SetAuthority(ALIYEVA, AuthorityVerb.RELEASE)),
    "authority from afar": lambda rig: rig.obey(SetAuthority(ALIYEVA, AuthorityVerb.TAKE, reason=WHY)),
    "authority without a reason": lambda rig: rig.obey(SetAuthority(ALIYEVA, AuthorityVerb.TAKE)),
    "authority for who has not asked": lambda rig: rig.obey(SetAuthority(BEKOV, AuthorityVerb.GRANT, "n.aliyeva")),
    "authority for an account of several": lambda rig: rig.obey(SetAuthority(SHARED, AuthorityVerb.REQUEST)),
    "authority for who may look": lambda rig: rig.obey(SetAuthority(GUEST, AuthorityVerb.REQUEST)),
    # set values
    "no such set value": lambda rig: rig.obey(Stage(BEKOV, p("nothing", AMP), 1.0)),
    "a set value outside": staged(99.0),
    "too large a step": staged(24.0),
    "set already": staged(20.0),
    "stage without the role": lambda rig: rig.obey(Stage(GUEST, GAIN, 21.0)),
    "a set value that is not known": after(silent(GAIN), lambda rig: (rig.wait(40), staged()(rig))[1]),
    "nothing staged": lambda rig: rig.obey(Apply(BEKOV, WHY)),
    "apply without a reason": after(staged(), lambda rig: rig.obey(Apply(BEKOV, "x"))),
    "apply for no time": after(staged(), lambda rig: rig.obey(Apply(BEKOV, WHY, 1.0))),
    "apply on a disk that fails": after(lambda rig: rig.write_disk(False), applied),
    "apply what is held": after(lambda rig: rig.obey(AddHold(SMITH, AMP, "fibre is being cleaned")), applied),
    "apply while one is applied": after(lambda rig: (setattr(rig, "answer", False), applied(rig)), applied),
    "apply during an operation": after(armed(Pump(False), AMP), applied),
    "confirm nothing": lambda rig: rig.obey(Confirm(BEKOV)),
    "revert nothing": lambda rig: rig.obey(Revert(BEKOV, WHY)),
    "roll back nothing": lambda rig: rig.obey(Rollback(BEKOV, 1)),
    "roll back what is so": after(lambda rig: (applied(rig), rig.beat(4), rig.obey(Revert(BEKOV, WHY)), rig.beat(4)),
                                  lambda rig: rig.obey(Rollback(BEKOV, 1))),
    # emergency
    "emergency off without the role": lambda rig: rig.emergency_off(who=GUEST),
    "emergency off of nothing": lambda rig: rig.obey(EmergencyOff(SMITH, ())),
    "emergency off of no feed": lambda rig: rig.emergency_off("pfe-z"),
}  # fmt: skip
FAR: dict[str, Callable[[Rig], ActOutcome]] = {
    "silent": spoilt(quiet_far),
    "not sharing": spoilt(far(shared=frozenset({"feed"}))),
    "holding": spoilt(far(holds=("H-2 on line by d.omarov",))),
    "at work": spoilt(far(operation={"id": "OP-9", "phase": "running", "target": "ramp to 900 mA"})),
    "armed to another current": spoilt(far(operation={"id": "OP-9", "phase": "armed", "target": "follower to 900 mA"}),
                                       Energise(500.0, 50.0, Part.MASTER)),
    "feeding": spoilt(lambda rig: (setattr(rig, "far", far_line(rig.t, on=True)), rig.beat(2))),
    "of no feed": spoilt(far(feed=None)),
    "no voltage set point to follow": armed(Energise(500.0, 50.0, Part.FOLLOWER)),
    "carrying what is not known": after(
        lambda rig: (feeding(rig), rig.bad.add(POINTS.voltage_v), setattr(rig, "far", far_line(rig.t, on=True)), rig.beat(2)), armed(OFF)),
}  # fmt: skip
CABLE = Cable(2000.0, 1.0, (76.0,), repeater_drop_v=40.0)


def reasons(outcome: ActOutcome) -> tuple[Refusal, ...]:
    assert isinstance(outcome, Refused), outcome
    return outcome.reasons


def live(refusal: Refusal) -> bool:
    """Return whether a sentence tells something that is so now: a number, an age, the name of a person, a unit or a place."""
    return bool(re.search(r"\d", refusal.why)) or any(name in refusal.why for name in NAMES)


def ask(story: Callable[[Rig], ActOutcome], rig: Rig) -> tuple[Refusal, ...]:
    rig.authority()
    found = reasons(story(rig))
    for each in found:
        assert live(each), each
        assert len(each.remedy) >= 8 or re.search(r"\d", each.remedy), each
    return found


@pytest.mark.parametrize("name", ANSWERS)
def test_a_refusal_says_why_with_something_that_is_so_now_and_what_would_change_it(name: str) -> None:
    assert ask(ANSWERS[name], Rig())


@pytest.mark.parametrize("name", FAR)
def test_so_does_a_refusal_for_the_far_end(name: str) -> None:
    rig = Rig(replace(FAR_PLAN, feeds={PFE: FAR_FEED}), far=far_line(1000.0))
    assert ask(FAR[name], rig)


def test_so_do_refusals_of_a_station_that_only_reads_or_is_not_whole() -> None:
    for plan, story in (
        (replace(PLAN, read_only=True), armed()), (replace(PLAN, read_only=True), staged()),
        (replace(PLAN, read_only=True), lambda rig: rig.emergency_off()),
        (replace(PLAN, feeds={PFE: replace(FEED, interlocks=())}), armed()),
        (replace(PLAN, key_switch=KEY), lambda rig: rig.arm(who=ALIYEVA)),
        (replace(PLAN, feeds={PFE: replace(FEED, cable=CABLE)}), armed()),
        (replace(FAR_PLAN, feeds={PFE: replace(FAR_FEED, far_max_v=None)}), armed(Energise(500.0, 50.0, Part.MASTER))),
        (replace(PLAN, amplifiers={AMP: replace(PLAN.amplifiers[AMP], raman=True)}), armed(Pump(True), AMP)),
        (replace(PLAN, amplifiers={AMP: replace(PLAN.amplifiers[AMP], pump_writable=False)}), armed(Pump(True), AMP)),
    ):  # fmt: skip
        assert ask(story, Rig(plan))


def test_every_word_of_the_vocabulary_is_said_in_one_of_these_or_as_an_ending() -> None:
    found: set[Cause] = set()
    for story in ANSWERS.values():
        rig = Rig()
        rig.authority()
        found |= {each.cause for each in reasons(story(rig))}
    for story in FAR.values():
        rig = Rig(replace(FAR_PLAN, feeds={PFE: FAR_FEED}), far=far_line(1000.0))
        rig.authority()
        found |= {each.cause for each in reasons(story(rig))}
    assert set(Cause) - found == ENDINGS


def unfollowed(rig: Rig) -> None:
    rig.bad.add(POINTS.current_ma)
    rig.beat(6)


def tripped(rig: Rig) -> None:
    rig.plant[POINTS.on] = False
    rig.react()
    rig.beat(4)


def lost(rig: Rig) -> None:
    rig.leave(BEKOV)


def given_up(rig: Rig) -> None:
    rig.obey(Hold(SMITH))
    rig.beat()
    rig.disarm("OP-1")


@pytest.mark.parametrize(
    ("happens", "cause"),
    [(unfollowed, Cause.DEVIATED), (tripped, Cause.TRIPPED), (lost, Cause.COMMUNICATION), (given_up, Cause.CANCELLED)],
)
def test_an_operation_that_stops_or_ends_says_why_with_something_that_is_so_now(happens: Callable[[Rig], None], cause: Cause) -> None:
    rig = Rig()
    rig.running(beats=6)
    happens(rig)
    view = rig.view("OP-1")
    assert view.cause is cause
    assert live(Refusal(cause, view.detail, "")), view.detail
