"""The words of acting: typed in full, with units, and exactly what the daemon's interfaces take."""

from __future__ import annotations

import inspect
import shlex
from collections.abc import Mapping
from typing import Any

import pytest

from stationd.console.act_task import Task, task_in
from stationd.console.audit import AuditInterface
from stationd.console.operation import OperationInterface
from stationd.console.setpoint import SetpointInterface
from stationd.core.model import PointId
from stationd.core.operation import task as core
from stationd.shell.grammar import table
from stationd.shell.grammar.acting import ACTS
from stationd.shell.grammar.command import CHOICES, IN_PERSON, first_word, paths
from stationd.shell.grammar.noting import NOTING
from stationd.shell.grammar.slots import SLOTS
from stationd.shell.grammar.table import understood
from stationd.shell.wish import FACE_TO_FACE, Kind, Usage, Wish

VERBS = sorted({first_word(command.form) for command in (*NOTING, *ACTS)})
WHY = ["reason", "repair done WO 4711"]
INTERFACES: Mapping[str, type[Any]] = {
    "io.stationd.Operation": OperationInterface,
    "io.stationd.Setpoint": SetpointInterface,
    "io.stationd.Audit": AuditInterface,
}
# What is typed, the method, and its parameters.
COMMANDS: Mapping[str, tuple[str, Mapping[str, object]]] = {
    "show operations": ("Operation.List", {}),
    "sho oper OP-42": ("Operation.Get", {"operation": "OP-42"}),
    "show holds": ("Operation.Holds", {}),
    "sh int": ("Operation.Interlocks", {}),
    "show authority": ("Operation.Authority", {}),
    "show diff": ("Setpoint.Diff", {}),
    "show applied": ("Setpoint.List", {}),
    "show audit": ("Audit.List", {"last": 20}),
    "show audit last 5": ("Audit.List", {"last": 5}),
    "show audit verify": ("Audit.Verify", {}),
    "hold add pfe a reason ship on cable": ("Operation.AddHold", {"object": "pfe-a", "reason": "ship on cable"}),
    "hold add pfe-a reason ship on cable": ("Operation.AddHold", {"object": "pfe-a", "reason": "ship on cable"}),
    "hold add amp fp1-booster reason fibre work": ("Operation.AddHold", {"object": "fp1-booster", "reason": "fibre work"}),
    "hold add line reason ship on cable": ("Operation.AddHold", {"object": "line", "reason": "ship on cable"}),
    "hold remove H-7": ("Operation.DropHold", {"hold": "H-7"}),
    "hold-ramp": ("Operation.Hold", {}),
    "hold-ramp OP-42": ("Operation.Hold", {"operation": "OP-42"}),
    "authority request": ("Operation.RequestAuthority", {}),
    "authority grant n.aliyeva": ("Operation.GrantAuthority", {"to": "n.aliyeva"}),
    "authority release": ("Operation.ReleaseAuthority", {}),
    "authority take reason he went home": ("Operation.TakeAuthority", {"reason": "he went home"}),
    "bypass end io1.di4": ("Operation.EndBypass", {"interlock": "io1.di4"}),
    "approve OP-42": ("Operation.Approve", {"operation": "OP-42"}),
    "reject OP-42": ("Operation.Reject", {"operation": "OP-42", "why": ""}),
    "disarm OP-42": ("Operation.Disarm", {"operation": "OP-42"}),
    "execute OP-42": ("Operation.Execute", {"operation": "OP-42"}),
    "resume OP-42": ("Operation.Prepare", {"operation": "OP-42", "way": "resume"}),
    "back OP-42": ("Operation.Prepare", {"operation": "OP-42", "way": "back"}),
    "set amp oa-3 gain 35.1 dB": ("Setpoint.Stage", {"device": "oa-3", "name": "gain", "value": 35.1, "unit": "dB"}),
    "set amp oa-3 output -3 dBm": ("Setpoint.Stage", {"device": "oa-3", "name": "output", "value": -3.0, "unit": "dBm"}),
    "set amp oa-3 pump1-current 410 mA": ("Setpoint.Stage", {"device": "oa-3", "name": "pump1-current", "value": 410.0, "unit": "mA"}),
    "apply reason drift of gain": ("Setpoint.Apply", {"reason": "drift of gain"}),
    "apply confirm-within 10m reason drift": ("Setpoint.Apply", {"reason": "drift", "confirmWithinSeconds": 600}),
    "confirm": ("Setpoint.Confirm", {}),
    "revert reason it was better": ("Setpoint.Revert", {"reason": "it was better"}),
    "discard": ("Setpoint.Discard", {}),
    "rollback 2": ("Setpoint.Rollback", {"number": 2}),
    "EMERGENCY-OFF pfe a": ("Operation.EmergencyOff", {"objects": ["pfe-a"]}),
    "EMERGENCY-OFF pfe-a pfe b": ("Operation.EmergencyOff", {"objects": ["pfe-a", "pfe-b"]}),
    "EMERGENCY-OFF all": ("Operation.EmergencyOff", {"objects": ["all"]}),
    "EMERGENCY-OFF all pfe a": ("Operation.EmergencyOff", {"objects": ["all"]}),
    "EMERGENCY-OFF pfe-a ALL": ("Operation.EmergencyOff", {"objects": ["all"]}),
    "EMERGENCY-OFF pfe all": ("Operation.EmergencyOff", {"objects": ["all"]}),
}
# What is armed: the object and the task that the daemon understands.
ARMED: Mapping[str, tuple[str, core.Task]] = {
    "pfe a energise to 1000 mA rate 10 mA/s": ("pfe-a", core.Energise(1000, 10)),
    "pfe pfe-a energise to 1000 mA rate 10 mA/s": ("pfe-a", core.Energise(1000, 10)),
    "pfe a energise master to 1000 mA rate 10 mA/s": ("pfe-a", core.Energise(1000, 10, core.Part.MASTER)),
    "pfe a energise follower to 950.5 mA rate 0.5 mA/s": ("pfe-a", core.Energise(950.5, 0.5, core.Part.FOLLOWER)),
    "pfe b ramp to 0 mA rate 20 mA/s": ("pfe-b", core.RampTo(0, 20)),
    "pfe a off rate 20 mA/s": ("pfe-a", core.SwitchOff(20)),
    "pfe a polarity pos": ("pfe-a", core.SetPolarity(False)),
    "pfe a polarity neg": ("pfe-a", core.SetPolarity(True)),
    "pfe a electroding on": ("pfe-a", core.Electrode(True)),
    "pfe a electroding off": ("pfe-a", core.Electrode(False)),
    "amp fp1-booster pump-on": ("fp1-booster", core.Pump(True)),
    "amp fp1-booster pump-off": ("fp1-booster", core.Pump(False)),
    "amp fp1-booster mode agc": ("fp1-booster", core.SetMode("agc")),
    "hold H-7 remove": ("H-7", core.RemoveHold("H-7")),
    "interlock io1.di4 bypass for 10m": ("io1.di4", core.Bypass(PointId("io1", "di4"), 600)),
}
ARMING = [f"arm {line} {' '.join(WHY)}" for line in ARMED]
NAMES = ("pfe-a", "fp1-booster", "n.aliyeva", "line", "all")
READS = ("sho", "sh", "show")


@pytest.mark.parametrize("line", COMMANDS)
def test_each_command_asks_for_what_it_says(line: str) -> None:
    method, parameters = COMMANDS[line]
    wish = understood(line.split())
    assert (wish.method, dict(wish.parameters)) == (f"io.stationd.{method}", parameters)
    assert wish.acts == (not line.startswith(READS))


@pytest.mark.parametrize("line", ARMED)
def test_what_is_armed_is_what_the_daemon_understands(line: str) -> None:
    wish = understood(["arm", *line.split(), *WHY])
    assert wish.kind is Kind.ARM
    assert wish.parameters["reason"] == WHY[1]
    assert (wish.parameters["object"], task_in(Task(**wish.parameters["task"]))) == ARMED[line]  # type: ignore[arg-type]


@pytest.mark.parametrize("line", [*COMMANDS, ARMING[0]])
def test_every_parameter_is_one_of_the_interface(line: str) -> None:
    wish = understood(line.split())
    interface, _, method = wish.method.rpartition(".")
    wanted = inspect.signature(getattr(INTERFACES[interface], method)).parameters
    needed = {name for name, parameter in wanted.items() if parameter.default is parameter.empty and name != "self"}
    given = set(wish.parameters) | ({"code"} if wish.kind is Kind.EXECUTE else set())  # the code is asked for
    assert needed <= given <= set(wanted)


def shortened(line: str) -> list[list[str]]:
    """Return a command with each of its own words cut short in every way; names, numbers and the reason are the person's."""
    words = line.split()
    end = words.index("reason") + 1 if "reason" in words else len(words)
    return [
        [*words[:at], word[:length], *words[at + 1 :]]
        for at, word in enumerate(words[:end])
        if word.replace("-", "").isalpha() and word not in NAMES
        for length in range(1, len(word))
        if word[:length] != "hold"  # hold and hold-ramp are both words; hold alone does nothing
    ]


ALL = "EMERGENCY-OFF all pfe a", "EMERGENCY-OFF pfe-a ALL", "EMERGENCY-OFF pfe all"  # all is all, whatever else is named


@pytest.mark.parametrize("line", [line for line in (*COMMANDS, *ARMING) if not line.startswith(READS) and line not in ALL])
def test_no_word_of_an_order_may_be_shortened(line: str) -> None:
    meant = understood(line.split())
    for words in shortened(line):
        try:
            wish = understood(words)
        except Usage:
            continue
        assert not wish.acts or object_of(wish) != object_of(meant), words  # the name of another object, which the daemon does not know


def object_of(wish: Wish) -> object:
    return wish.parameters.get("object", wish.parameters.get("objects"))


@pytest.mark.parametrize("verb", list(VERBS))
def test_a_bare_word_does_nothing_unless_it_is_all_there_is_to_say(verb: str) -> None:
    if verb in ("hold-ramp", "confirm", "discard", "silence"):
        assert understood([verb]).acts
        return
    with pytest.raises(Usage):
        understood([verb])


@pytest.mark.parametrize(
    ("line", "form"),
    [
        ("arm pfe a energise to 1000 rate 10 mA/s reason because", "to 1000 mA"),
        ("arm pfe a energise to 1000 mA rate 10 reason because", "rate 10 mA/s"),
        ("arm pfe a energise to 1000mA rate 10 mA/s reason because", "1000 mA"),
        ("arm pfe a energise to 1 A rate 10 mA/s reason because", "in mA"),
        ("arm pfe a energise reason because", "to 1000 mA rate 10 mA/s"),
        ("arm pfe a ramp to 1000 mA reason because", "rate belongs"),
        ("arm pfe a ramp rate 10 mA/s to 1000 mA reason because", "to 1000 mA rate 10 mA/s"),
        ("arm pfe a off reason because", "off rate 10 mA/s"),
        ("arm pfe a energise to 1e3 mA rate 10 mA/s reason because", "1e3"),
        ("arm pfe a energise to 1,000 mA rate 10 mA/s reason because", "1,000"),
        ("arm pfe a energise to nan mA rate 10 mA/s reason because", "nan"),
        ("arm pfe a energise to 1000 mA rate 10 mA/s", "reason"),
        ("arm pfe a energise to 1000 mA rate 10 mA/s reason", "a reason"),
        ("arm pfe a energise to 1000 mA rate 10 mA/s twice reason because", "twice"),
        ("arm pfe a pump-on reason because", "energise"),
        ("arm amp oa-3 energise to 1000 mA rate 10 mA/s reason because", "pump-on"),
        ("arm interlock io1.di4 bypass for 10 reason because", "30m"),
        ("arm interlock io1.di4 bypass reason because", "bypass for 10m"),
        ("arm hold seven remove reason because", "H-7"),
        ("arm hold H-7 reason because", "hold H-7 remove"),
        ("set amp oa-3 gain 35.1", "gain 35.1 dB"),
        ("set amp oa-3 gain 35.1 dBm", "in dB"),
        ("set amp oa-3 pump 35.1 mA", "pump1-current"),
        ("set pfe a to 1000 mA", "set amp"),
        ("apply confirm-within 10 reason because", "30m"),
        ("approve 42", "OP-42"),
        ("bypass io1.di4", "bypass end io1.di4"),
        ("bypass io1.di4 for 10m", "bypass end io1.di4"),
        ("bypass end seven", "io1.di4"),
        ("bypass end io1.di4 now", "too much"),
        ("approve OP-42 now", "too much"),
        ("resume op-42", "OP-42"),
        ("rollback 0", "rollback 1"),
        ("confirm OP-42", "OP-42"),
        ("EMERGENCY-OFF", "nothing was sent"),
        ("emergency-off all", "capitals"),
        ("EMERGENCY all", "EMERGENCY-OFF"),
        ("show operations 42", "OP-42"),
        ("show audit last 0", "1 to 200"),
        ("show holds H-7", "too much"),
        ("hold pfe a reason ship on cable", "hold add"),
        ("authority take", "reason"),
        ("reject OP-42 far too many words", "quotes"),
    ],
)
def test_what_is_not_clear_is_refused_with_the_form_that_is_right(line: str, form: str) -> None:
    with pytest.raises(Usage) as wrong:
        understood(line.split())
    assert form in str(wrong.value)


def test_nothing_but_arming_and_going_on_wants_a_terminal() -> None:
    wishes = {line: understood(line.split()).kind for line in (*COMMANDS, *ARMING)}
    wanting = {line.split()[0] for line, kind in wishes.items() if kind in FACE_TO_FACE}
    assert wanting == {"arm", "approve", "execute", "resume", "back"}


def test_whatever_operates_or_can_kill_is_carried_out_face_to_face_and_nothing_else_is() -> None:
    """The class decides who has to read it; a command that is added to the table cannot slip past by the way it is carried out."""
    examples = {"FEED": "a", "REASON": "why", "PART": "master", "SIGN": "pos", "ONOFF": "on", "MODE": "agc", "PUMP": "pump-on"}
    for command in table.COMMANDS:
        filled = {step.name: examples.get(step.name, SLOTS[step.name].read(SLOTS[step.name].example) if step.name in SLOTS else
                                          CHOICES.get(step.name, ("",))[0]) for step in paths(command.form)[-1]}  # fmt: skip
        assert (command.ask(filled).kind in FACE_TO_FACE) == (command.klass in IN_PERSON), command.form


@pytest.mark.parametrize(
    ("line", "named"),
    [
        ("EMERGENCY-OFF pfe", {"objects": ["pfe"]}),
        ("EMERGENCY-OFF PFE", {"objects": ["PFE"]}),
        ("EMERGENCY-OFF PFE A", {"objects": ["pfe-A"]}),
        ("EMERGENCY-OFF ALL", {"objects": ["all"]}),
        ('hold add pfe reason "ship on cable, PSM-0093"', {"object": "pfe", "reason": "ship on cable, PSM-0093"}),
    ],
)
def test_a_feed_may_be_called_just_pfe(line: str, named: dict[str, object]) -> None:
    wish = understood(shlex.split(line))
    assert wish.parameters == named


def test_a_feed_that_is_called_just_pfe_is_armed_by_that_name() -> None:
    wish = understood(shlex.split('arm pfe energise to 300 mA rate 10 mA/s reason "test after repair"'))
    assert wish.parameters["object"] == "pfe"
