"""The interface for acting on the plant: every order as it was given, by the person whom the kernel names, and every refusal whole."""

from __future__ import annotations

import asyncio
import shutil
import subprocess
from dataclasses import fields, replace
from typing import Any

import pytest
from asyncvarlink import VarlinkClientProtocol, connect_unix_varlink
from asyncvarlink.interface import varlinksignature
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from stationd.console import act_forms, act_refusal
from stationd.console.act_task import ALSO, NEEDED, Task, Wrong, task_in, task_out
from stationd.console.operation import OperationInterface, new_code
from stationd.console.places import Limits
from stationd.console.setpoint import SetpointInterface
from stationd.core.model import PointId
from stationd.core.operation import orders as core
from stationd.core.operation import task as tasks
from stationd.core.operation.orders import CODE_LENGTH, CODE_LETTERS, AuthorityVerb, Way
from stationd.core.operation.task import CommandClass
from stationd.core.operation.views import AuthorityView, Phase
from stationd.core.operation.words import Accepted
from tests.console.acting import CLOSED, ENERGISE, PLAN, REFUSED, SHARED, Book, Plant, acting, operation
from tests.console.desk import OPERATOR, POWER, POWER_TOO, ROOT, VIEWER, Caller, until
from tests.core.powerfeed.plant import PLAN as FEED

OPERATION = "io.stationd.Operation"
GET = "io.stationd.Status.GetStatus"
TASK = {"verb": "energise", "toMilliamperes": 1000, "rateMilliamperesPerSecond": 10}
ARM = {"object": "pfe-a", "task": TASK, "reason": "repair done"}
OP = {"operation": "OP-42"}
WHO = replace(OPERATOR, name="").orderer  # this machine knows no user of that number
ONE_SHOT = replace(WHO, session="")  # what one command gains hangs on no session

ORDERS: list[tuple[str, dict[str, Any], core.ActOrder]] = [
    ("Approve", OP, core.Approve(WHO, "OP-42")),
    ("Reject", {**OP, "why": "not yet"}, core.Reject(WHO, "OP-42", "not yet")),
    ("Reject", OP, core.Reject(WHO, "OP-42")),
    ("Execute", {**OP, "code": " K7Q4 "}, core.Execute(WHO, "OP-42", "K7Q4")),
    ("Disarm", OP, core.Disarm(WHO, "OP-42")),
    ("Hold", OP, core.Hold(WHO, "OP-42")),
    ("Hold", {}, core.Hold(WHO)),
    ("KeepAlive", OP, core.KeepAlive(WHO, "OP-42")),
    ("AddHold", {"object": "line", "reason": "ship on\x1b[2J cable"}, core.AddHold(WHO, "line", "ship on [2J cable")),
    ("DropHold", {"hold": "H-7"}, core.DropHold(WHO, "H-7")),
    ("EndBypass", {"interlock": "io1.di4"}, core.EndBypass(WHO, PointId("io1", "di4"))),
    ("RequestAuthority", {}, core.SetAuthority(ONE_SHOT, AuthorityVerb.REQUEST)),
    ("GrantAuthority", {"to": "n.aliyeva"}, core.SetAuthority(ONE_SHOT, AuthorityVerb.GRANT, "n.aliyeva")),
    ("ReleaseAuthority", {}, core.SetAuthority(ONE_SHOT, AuthorityVerb.RELEASE)),
    ("TakeAuthority", {"reason": "shift change"}, core.SetAuthority(ONE_SHOT, AuthorityVerb.TAKE, reason="shift change")),
]
EVERY_ORDER = [(method, parameters) for method, parameters, _ in ORDERS] + [
    ("Arm", ARM),
    ("Prepare", {**OP, "way": "resume"}),
    ("EmergencyOff", {"objects": ["pfe-a"]}),
]


async def answered(caller: Caller, method: str, parameters: dict[str, Any] | None = None) -> dict[str, Any]:
    """Return the parameters of an answer that is no error."""
    answer = await caller.call(f"{OPERATION}.{method}", parameters)
    assert "error" not in answer, answer
    found: dict[str, Any] = answer.get("parameters", {})
    return found


async def failed(caller: Caller, method: str, parameters: dict[str, Any] | None = None) -> tuple[str, dict[str, Any]]:
    """Return the short name of an error, and its parameters."""
    answer = await caller.call(f"{OPERATION}.{method}", parameters)
    assert "error" in answer, answer
    return answer["error"].removeprefix(f"{OPERATION}."), answer.get("parameters", {})


# Orders.


@pytest.mark.parametrize(("method", "parameters", "order"), ORDERS, ids=lambda each: each if isinstance(each, str) else "")
async def test_an_order_reaches_the_desk_as_it_was_given_and_from_whom_the_kernel_names(
    method: str, parameters: dict[str, Any], order: core.ActOrder
) -> None:
    async with acting() as floor:
        caller = await floor.caller()
        await answered(caller, method, parameters)
        assert floor.plant.orders == [order]


async def test_arming_gives_the_code_to_the_armer_and_to_nobody_else() -> None:
    async with acting() as floor:
        armer, other = await floor.caller(), await floor.caller(POWER)
        other.ask(f"{OPERATION}.Monitor", more=True)
        await other.answer()
        floor.plant.shown = [operation("OP-42", Phase.WAITING)]
        answer = await answered(armer, "Arm", ARM)
        (order,) = floor.plant.orders
        assert order == core.Arm(WHO, "pfe-a", ENERGISE, "repair done", answer["code"])
        assert answer["operation"]["name"] == "OP-42"
        assert answer["durable"] is True
        told = [await other.answer()]
        third = await floor.caller(POWER)
        told += [await third.call(f"{OPERATION}.{method}", parameters) for method, parameters in (("List", {}), ("Get", OP))]
        assert all("error" not in each for each in told)
        assert answer["code"] not in str(told)


async def test_going_on_has_a_code_of_its_own_and_names_the_way() -> None:
    async with acting() as floor:
        caller = await floor.caller()
        answers = [await answered(caller, "Prepare", {**OP, "way": way}) for way in ("resume", "back")]
        codes = [answer["code"] for answer in answers]
        assert floor.plant.orders == [
            core.Prepare(WHO, "OP-42", Way.RESUME, codes[0]),
            core.Prepare(WHO, "OP-42", Way.BACK, codes[1]),
        ]
        assert codes[0] != codes[1]


def test_codes_have_only_letters_that_are_told_apart_and_do_not_repeat() -> None:
    codes = {new_code() for _ in range(200)}
    assert all(len(code) == CODE_LENGTH and set(code) <= set(CODE_LETTERS) for code in codes)
    assert len(codes) > 190


async def test_a_code_of_a_refused_order_is_not_told() -> None:
    async with acting(plant=Plant(outcomes=[REFUSED])) as floor:
        caller = await floor.caller()
        _, parameters = await failed(caller, "Arm", ARM)
        (order,) = floor.plant.orders
        assert isinstance(order, core.Arm)
        assert order.code not in str(parameters)


@pytest.mark.parametrize(("method", "parameters"), EVERY_ORDER, ids=lambda each: each if isinstance(each, str) else "")
async def test_a_refusal_says_all_its_reasons_with_what_would_change_them(method: str, parameters: dict[str, Any]) -> None:
    async with acting(plant=Plant(outcomes=[REFUSED])) as floor:
        caller = await floor.caller()
        assert await failed(caller, method, parameters) == (
            "Refused",
            {
                "asked": "arm pfe-a energise to 1000 mA rate 10 mA/s",
                "cause": "blocked-by-hold",
                "detail": 'H-7 by j.smith: "ship on cable"',
                "hint": "H-7 is removed by j.smith",
                "reasons": [
                    {"cause": "blocked-by-hold", "why": 'H-7 by j.smith: "ship on cable"', "remedy": "H-7 is removed by j.smith"},
                    {
                        "cause": "blocked-by-interlocking",
                        "why": "earth switch CLOSED (io1.di4, 0.3 s ago)",
                        "remedy": "open the earth switch at the cabinet",
                    },
                ],
            },
        )


@pytest.mark.parametrize(("method", "parameters"), EVERY_ORDER, ids=lambda each: each if isinstance(each, str) else "")
async def test_who_may_only_look_gives_no_order(method: str, parameters: dict[str, Any]) -> None:
    async with acting(usual=VIEWER) as floor:
        caller = await floor.caller()
        error, said = await failed(caller, method, parameters)
        assert (error, said["cause"]) == ("NotAllowed", "no-access-authority")
        assert "stationd-operate" in said["hint"]
        assert said["detail"].startswith("user 4243, who has no name on this machine, has the role view")
        assert floor.plant.orders == []


@pytest.mark.parametrize(("method", "parameters"), EVERY_ORDER, ids=lambda each: each if isinstance(each, str) else "")
async def test_an_order_whose_end_is_not_seen_is_answered_as_unknown(method: str, parameters: dict[str, Any]) -> None:
    async with acting(Limits(order_s=0.05), Plant(stuck=asyncio.Event())) as floor:
        caller = await floor.caller()
        error, said = await failed(caller, method, parameters)
        assert error == "OutcomeUnknown"
        assert "0.05 s" in said["detail"]


@pytest.mark.parametrize("method", ["Get", "Approve", "Reject", "Disarm", "Hold", "KeepAlive", "Execute", "Prepare"])
async def test_an_operation_that_there_is_not_is_named_in_the_error(method: str) -> None:
    more = {"Execute": {"code": "K7Q4"}, "Prepare": {"way": "back"}}.get(method, {})
    async with acting() as floor:
        caller = await floor.caller()
        assert await failed(caller, method, {"operation": "OP-1", **more}) == ("NoSuchOperation", {"operation": "OP-1"})
        assert floor.plant.orders == []


async def test_a_hold_that_there_is_not_is_named_in_the_error() -> None:
    async with acting() as floor:
        caller = await floor.caller()
        assert await failed(caller, "DropHold", {"hold": "H-9"}) == ("NoSuchHold", {"hold": "H-9"})


async def test_an_order_that_is_not_on_the_disk_is_answered_so() -> None:
    async with acting(plant=Plant(durable=False)) as floor:
        caller = await floor.caller()
        assert (await answered(caller, "Arm", ARM))["durable"] is False
        assert (await answered(caller, "Approve", OP))["durable"] is False
        assert (await answered(caller, "Hold")) == {"names": ["OP-42"], "detail": "as asked", "durable": False}


async def test_what_was_armed_and_cannot_be_shown_is_an_unknown_outcome_and_not_a_mistake_of_ours() -> None:
    async with acting(plant=Plant(outcomes=[Accepted(("OP-43",))])) as floor:
        caller = await floor.caller()
        error, said = await failed(caller, "Arm", ARM)
        assert error == "OutcomeUnknown"
        assert "OP-43" in said["detail"]


# People.


async def test_an_account_of_several_people_may_hold_and_switch_off_and_is_nobody_in_particular() -> None:
    async with acting(usual=SHARED, plant=Plant()) as floor:
        caller = await floor.caller()
        await answered(caller, "Hold")
        caller.ask(f"{OPERATION}.EmergencyOff", {"objects": ["pfe-a"]})
        await until(lambda: len(floor.plant.orders) == 2)
        floor.plant.confirm()
        assert "error" not in await caller.answer()
        who = floor.plant.orders[0].who
        assert who.classes == {CommandClass.READ, CommandClass.NOTE, CommandClass.EMERGENCY}
        assert not who.identified


def test_while_the_name_of_a_user_is_not_known_he_may_be_an_account_of_several_people() -> None:
    assert replace(SHARED, name="").shared
    assert not replace(SHARED, name="n.aliyeva").shared
    assert replace(SHARED, name="n.aliyeva").orderer.identified
    assert not replace(SHARED, name="", accounts_of_many=frozenset()).shared


def test_root_is_nobody_in_particular_and_neither_operates_nor_kills() -> None:
    who = ROOT.orderer
    assert not who.identified
    assert who.classes == {CommandClass.READ, CommandClass.NOTE, CommandClass.SET, CommandClass.EMERGENCY}


# Parameters.


BAD: list[tuple[str, dict[str, Any], str]] = [
    ("Arm", {**ARM, "reason": "x" * 501}, "reason"),
    ("Arm", {**ARM, "object": ""}, "object"),
    ("Arm", {**ARM, "object": "pfe-a\n"}, "object"),
    ("Arm", {**ARM, "object": "x" * 201}, "object"),
    ("Arm", {**ARM, "task": "energise"}, "task"),
    ("Arm", {**ARM, "task": {**TASK, "toMilliamperes": "1000"}}, "task"),
    ("Arm", {**ARM, "task": {**TASK, "toMilliamperes": True}}, "task"),
    ("Arm", {**ARM, "task": {**TASK, "toMilliamperes": -1}}, "task.toMilliamperes"),
    ("Arm", {**ARM, "task": {**TASK, "toMilliamperes": 10**400}}, "task"),
    ("Arm", {**ARM, "task": {**TASK, "toMilliamperes": 1e300}}, "task.toMilliamperes"),
    ("Arm", {**ARM, "task": {**TASK, "rateMilliamperesPerSecond": 0}}, "task.rateMilliamperesPerSecond"),
    ("Arm", {**ARM, "task": {**TASK, "part": "boss"}}, "task.part"),
    ("Arm", {**ARM, "task": {**TASK, "on": True}}, "task.on"),
    ("Arm", {**ARM, "task": {**TASK, "volts": 1}}, "task"),
    ("Arm", {**ARM, "task": {"verb": "energise"}}, "task.rateMilliamperesPerSecond"),
    ("Arm", {**ARM, "task": {"verb": "explode"}}, "task.verb"),
    ("Arm", {**ARM, "task": {"verb": "bypass", "interlock": "di4", "forSeconds": 60}}, "task.interlock"),
    ("Arm", {**ARM, "task": {"verb": "bypass", "interlock": "io1.di4", "forSeconds": 0}}, "task.forSeconds"),
    ("Arm", {**ARM, "task": {"verb": "mode", "mode": ""}}, "task.mode"),
    ("Arm", {"object": "pfe-a", "task": TASK}, "reason"),
    ("Arm", {**ARM, "code": "AAAA"}, "code"),
    ("Check", {"object": "pfe-a", "task": {"verb": "off"}}, "task.rateMilliamperesPerSecond"),
    ("Execute", {**OP, "code": "K" * 17}, "code"),
    ("Execute", OP, "code"),
    ("Prepare", {**OP, "way": "upward"}, "way"),
    ("Reject", {**OP, "why": "x" * 501}, "why"),
    ("EmergencyOff", {"objects": []}, "objects"),
    ("EmergencyOff", {"objects": ["pfe-a"] * 65}, "objects"),
    ("EmergencyOff", {"objects": [3]}, "objects"),
    ("EmergencyOff", {}, "objects"),
    ("AddHold", {"object": "line", "reason": "x" * 501}, "reason"),
    ("EndBypass", {"interlock": "di4"}, "interlock"),
    ("EndBypass", {"interlock": "x" * 201 + ".di4"}, "interlock"),
    ("GrantAuthority", {"to": ""}, "to"),
    ("TakeAuthority", {"reason": 3}, "reason"),
    ("Get", {"operation": 42}, "operation"),
]


@pytest.mark.parametrize(("method", "parameters", "parameter"), BAD, ids=lambda each: each if isinstance(each, str) else "")
async def test_what_cannot_be_meant_is_refused_by_the_name_of_the_parameter(
    method: str, parameters: dict[str, Any], parameter: str
) -> None:
    async with acting() as floor:
        caller = await floor.caller()
        answer = await caller.call(f"{OPERATION}.{method}", parameters)
        assert answer == {"error": "org.varlink.service.InvalidParameter", "parameters": {"parameter": parameter}}
        assert floor.plant.orders == []


METHODS = sorted(
    f"{interface}.{name}"
    for interface, made in ((OPERATION, OperationInterface), ("io.stationd.Setpoint", SetpointInterface))
    for name in dir(made)
    if varlinksignature(getattr(made, name)) is not None and name not in ("Monitor", "EmergencyOff")
)
NAMES = ["operation", "object", "task", "reason", "code", "way", "why", "hold", "to", "device", "name", "value", "unit", "number"]
SIMPLE = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=20)
JSON = (
    SIMPLE | st.lists(SIMPLE, max_size=2) | st.dictionaries(st.sampled_from([*NEEDED, "verb", "toMilliamperes", "on"]), SIMPLE, max_size=3)
)


@settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck))
@given(calls=st.lists(st.tuples(st.sampled_from(METHODS), st.dictionaries(st.sampled_from(NAMES), JSON, max_size=4)), max_size=8))
def test_no_parameters_make_a_mistake_of_ours(calls: list[tuple[str, dict[str, object]]]) -> None:
    async def play() -> None:
        async with acting() as floor:
            caller = await floor.caller()
            for method, parameters in calls:
                answer = await caller.call(method, parameters)
                assert answer.get("error") != "io.stationd.Status.InternalError"

    asyncio.run(play())


NUMBER = st.floats(1e-3, 1e5)
TASKS = st.one_of(
    st.builds(tasks.Energise, NUMBER, NUMBER, st.sampled_from(tasks.Part)),
    st.builds(tasks.RampTo, st.just(0.0) | NUMBER, NUMBER),
    st.builds(tasks.SwitchOff, NUMBER),
    st.builds(tasks.SetPolarity, st.booleans()),
    st.builds(tasks.Electrode, st.booleans()),
    st.builds(tasks.Pump, st.booleans()),
    st.builds(tasks.SetMode, st.sampled_from(["acc", "apc", "agc"])),
    st.builds(tasks.RemoveHold, st.sampled_from(["H-1", "H-99"])),
    st.builds(tasks.Bypass, st.just(PointId("io1", "di4")), NUMBER.filter(lambda seconds: seconds <= 86_400)),
)


FIELDS = [each.name for each in fields(Task) if each.name != "verb"]


@given(TASKS)
def test_a_task_is_read_as_it_was_written(task: tasks.Task) -> None:
    assert task_in(task_out(task)) == task


@given(
    TASKS,
    st.sampled_from(["toMilliamperes", "rateMilliamperesPerSecond", "part", "negative", "on", "mode", "hold", "interlock", "forSeconds"]),
)
def test_a_field_that_is_missing_or_belongs_to_another_verb_is_named(task: tasks.Task, field: str) -> None:
    form = task_out(task)
    if field in ALSO.get(form.verb, ()):
        return
    values: dict[str, Any] = {"part": "single", "negative": True, "on": True, "mode": "acc", "hold": "H-1", "interlock": "io1.di4"}
    other: dict[str, Any] = {field: None if field in NEEDED[form.verb] else values.get(field, 1.0)}
    changed = replace(form, **other)
    with pytest.raises(Wrong, match=f"^{field}$"):
        task_in(changed)


@given(st.builds(Task, st.sampled_from(sorted(NEEDED)), st.floats() | st.none(), st.floats() | st.none(), st.text() | st.none()))
def test_no_number_that_is_none_and_no_number_below_zero_becomes_a_task(form: Task) -> None:
    try:
        task = task_in(form)
    except Wrong:
        return
    match task:
        case tasks.Energise(to_ma, rate) | tasks.RampTo(to_ma, rate):
            assert 0 <= to_ma < float("inf")
            assert 0 < rate < float("inf")
        case tasks.SwitchOff(rate):
            assert 0 < rate < float("inf")


# Looking.


async def test_checks_are_shown_for_who_asks_and_nothing_is_ordered_by_it() -> None:
    async with acting(usual=VIEWER) as floor:
        caller = await floor.caller()
        answer = await answered(caller, "Check", {"object": "pfe-a", "task": TASK})
        assert answer["good"] is False
        assert [(each["name"], each["good"], each["reason"]) for each in answer["checks"]] == [
            ("authority", True, None),
            (
                "interlocks",
                False,
                {
                    "cause": "blocked-by-interlocking",
                    "why": "earth switch CLOSED (io1.di4, 0.3 s ago)",
                    "remedy": "open the earth switch at the cabinet",
                },
            ),
        ]
        assert floor.plant.asked == [(replace(VIEWER, name="").orderer, "pfe-a", ENERGISE)]
        assert floor.plant.orders == []


async def test_an_operation_is_shown_with_times_and_units_and_what_is_not_known_has_no_value() -> None:
    async with acting() as floor:
        caller = await floor.caller()
        found = (await answered(caller, "Get", OP))["operation"]
        assert found["task"]["toMilliamperes"] == 1000
        assert (found["phase"], found["command"], found["yours"], found["offered"]) == ("running", "lethal", True, "back")
        progress = found["progress"]
        assert (progress["measured"]["v"], progress["measured"]["u"], progress["measured"]["q"]) == (418.0, "mA", "good")
        assert (progress["rise"]["v"], progress["rise"]["u"], progress["rise"]["q"]) == (None, "V/s", "bad")
        assert (found["left"]["v"], found["keptAlive"]["v"]) == (60.0, 0.8)
        assert found["ending"] is None


async def test_on_a_simulation_no_number_is_called_good() -> None:
    async with acting(live=False) as floor:
        caller = await floor.caller()
        found = (await answered(caller, "Get", OP))["operation"]
        numbers = [found["left"], found["keptAlive"], *(each for each in found["progress"].values() if isinstance(each, dict))]
        assert {each["q"] for each in numbers} == {"sim", "bad"}


async def test_holds_authority_and_interlocks_are_shown_as_they_stand() -> None:
    async with acting() as floor:
        caller = await floor.caller()
        (hold,) = (await answered(caller, "Holds"))["holds"]
        assert (hold["name"], hold["object"], hold["who"], hold["yours"]) == ("H-7", "pfe-a", "j.smith", False)
        authority = (await answered(caller, "Authority"))["authority"]
        assert (authority["holder"], authority["place"], authority["yours"], authority["keySwitch"]) == ("a.bekov", "local", True, "local")
        closed, unknown = (await answered(caller, "Interlocks"))["interlocks"]
        assert (closed["name"], closed["closed"]["v"], closed["closed"]["q"]) == ("io1.di1", True, "good")
        assert (unknown["closed"]["v"], unknown["closed"]["q"]) == (None, "bad")
        floor.plant.holder = AuthorityView()
        authority = (await answered(caller, "Authority"))["authority"]
        assert (authority["holder"], authority["place"], authority["keySwitch"]) == ("", "none", None)


async def test_a_monitor_begins_with_everything_and_then_tells_what_has_changed() -> None:
    async with acting(plant=Plant(shown=[operation(), CLOSED])) as floor:
        caller = await floor.caller()
        caller.ask(f"{OPERATION}.Monitor", more=True)
        first = (await caller.answer())["parameters"]["change"]
        assert first["snapshot"] is True
        assert [each["name"] for each in first["operations"]] == ["OP-42", "OP-41"]
        assert len(first["holds"]) == 1
        assert first["authority"]["holder"] == "a.bekov"
        assert first["cutOffs"] == []
        floor.plant.shown = [replace(operation(), phase=Phase.HELD), CLOSED]
        floor.plant.held = []
        second = (await caller.answer())["parameters"]["change"]
        assert second["snapshot"] is False
        assert [(each["name"], each["phase"]) for each in second["operations"]] == [("OP-42", "held")]
        assert (second["holds"], second["authority"], second["cutOffs"]) == ([], None, None)


async def test_the_client_of_another_library_understands_the_description_and_the_answers() -> None:
    async with acting() as floor:
        transport, protocol = await connect_unix_varlink(VarlinkClientProtocol, str(floor.path))
        operations = protocol.make_proxy(OperationInterface)
        armed = await operations.Arm(object="pfe-a", task=Task("pump", on=True), reason="after repair")
        assert isinstance(armed["operation"], act_forms.Operation)
        listed = await operations.List()
        assert [each.name for each in listed["operations"]] == ["OP-42"]
        floor.plant.outcomes = [REFUSED]
        with pytest.raises(act_refusal.Refused) as refused:
            await operations.Approve(operation="OP-42")
        assert refused.value.parameters["reasons"][1].cause == "blocked-by-interlocking"
        transport.close()


async def test_varlinkctl_of_systemd_understands_the_descriptions() -> None:
    program = shutil.which("varlinkctl")
    if program is None:
        pytest.skip("varlinkctl is not installed; to run this: apt install systemd (255 or later, Debian 13)")
    async with acting(audit=Book()) as floor:
        for name in ("Operation", "Setpoint", "Audit"):
            words = [program, "introspect", str(floor.path), f"io.stationd.{name}"]
            done = await asyncio.to_thread(subprocess.run, words, capture_output=True, text=True)
            assert done.returncode == 0, done.stderr


async def test_no_two_things_of_one_description_have_the_same_name() -> None:
    async with acting(audit=Book()) as floor:
        caller = await floor.caller()
        for name in ("Operation", "Setpoint", "Audit"):
            answer = await caller.call("org.varlink.service.GetInterfaceDescription", {"interface": f"io.stationd.{name}"})
            lines = answer["parameters"]["description"].splitlines()
            words = [line.split()[1].partition("(")[0] for line in lines if line.startswith(("type ", "method ", "error "))]
            assert len(words) == len(set(words))


# EMERGENCY-OFF.


async def test_an_emergency_off_answers_as_soon_as_every_feed_was_seen_off() -> None:
    async with acting() as floor:
        caller = await floor.caller()
        caller.ask(f"{OPERATION}.EmergencyOff", {"objects": ["pfe-a", "pfe-b"]})
        await until(lambda: len(floor.plant.cut) == 2)
        assert floor.plant.orders == [core.EmergencyOff(WHO, ("pfe-a", "pfe-b"))]
        floor.plant.confirm()
        answer = (await caller.answer())["parameters"]
        assert answer["allConfirmed"] is True
        assert [(each["device"], each["confirmed"], each["detail"]) for each in answer["devices"]] == [
            ("pfe-a", True, "OFF by read-back"),
            ("pfe-b", True, "OFF by read-back"),
        ]


CASES = [("PFE", "pfe"), ("Pfe", "pfe"), ("ALL", "all"), ("pfe", "pfe"), ("pfe-a", "pfe-a"), ("B", "B")]


@pytest.mark.parametrize(("typed", "meant"), CASES)
async def test_an_emergency_off_finds_its_feed_in_either_case(typed: str, meant: str) -> None:
    feeds = {name: replace(FEED, device=name) for name in ("pfe", "b", "B")}
    async with acting(Limits(confirmed_s=0.05), Plant(plan=replace(PLAN, feeds=feeds))) as floor:
        await answered(await floor.caller(), "EmergencyOff", {"objects": [typed]})
        assert floor.plant.orders == [core.EmergencyOff(WHO, (meant,))]


async def test_an_emergency_off_that_takes_long_is_answered_and_says_that_it_goes_on() -> None:
    async with acting(Limits(confirmed_s=0.05)) as floor:
        caller = await floor.caller()
        answer = await answered(caller, "EmergencyOff", {"objects": ["pfe-a"]})
        assert answer["allConfirmed"] is False
        assert [each["confirmed"] for each in answer["devices"]] == [None]


async def test_an_emergency_off_that_was_given_up_is_answered_at_once_and_not_called_confirmed() -> None:
    async with acting(Limits(confirmed_s=3600.0)) as floor:
        caller = await floor.caller()
        caller.ask(f"{OPERATION}.EmergencyOff", {"objects": ["all"]})
        await until(lambda: len(floor.plant.cut) == 1)
        floor.plant.cut = [replace(state, confirmed=False, detail="no answer for 120 s") for state in floor.plant.cut]
        answer = (await caller.answer())["parameters"]
        assert answer["allConfirmed"] is False
        assert [(each["confirmed"], each["detail"]) for each in answer["devices"]] == [(False, "no answer for 120 s")]


async def exhausted(caller: Caller) -> None:
    """Use up the share of the loop of those who act: what is asked then waits for hours."""
    for _ in range(700):
        caller.ask(GET)
        try:
            async with asyncio.timeout(1.0):
                await caller.answer()
        except TimeoutError:
            return
    raise AssertionError("there is no bound")


async def test_what_stops_something_waits_for_nobodys_share_of_the_loop() -> None:
    async with acting(Limits(share=1e-7, acting_share=1e-7)) as floor:
        busy, other = await floor.caller(POWER), await floor.caller(POWER)
        await exhausted(busy)
        other.ask(f"{OPERATION}.EmergencyOff", {"objects": ["pfe-a"]})
        await until(lambda: len(floor.plant.cut) == 1)
        floor.plant.confirm()
        assert "error" not in await other.answer()
        await answered(other, "Hold")


async def test_after_an_order_to_stop_that_failed_the_next_one_of_that_connection_waits_its_turn() -> None:
    async with acting(Limits(share=1e-7, acting_share=1e-7)) as floor:
        busy, wrong, right = await floor.caller(POWER), await floor.caller(POWER), await floor.caller(POWER_TOO)
        await exhausted(busy)
        assert "error" in await wrong.call(f"{OPERATION}.EmergencyOff", {"objects": [1]}), "the first one is served at once"
        wrong.ask(f"{OPERATION}.EmergencyOff", {"objects": ["pfe-a"]})
        right.ask(f"{OPERATION}.EmergencyOff", {"objects": ["pfe-b"]})
        await until(lambda: len(floor.plant.cut) > 0)
        floor.plant.confirm()
        assert "error" not in await right.answer()
        await answered(right, "Hold")
        assert len(floor.plant.cut) == 1


async def test_who_may_not_stop_anything_waits_his_turn_to_be_told_so() -> None:
    async with acting(Limits(share=1e-7, acting_share=1e-7)) as floor:
        viewer, other = await floor.caller(VIEWER), await floor.caller(VIEWER)
        operator = await floor.caller()
        await exhausted(viewer)
        other.ask(f"{OPERATION}.EmergencyOff", {"objects": ["pfe-a"]})
        answer = asyncio.create_task(other.answer())
        for _ in range(20):
            await answered(operator, "Hold")
        assert not answer.done()
        answer.cancel()


async def test_where_no_place_is_left_there_is_one_for_an_emergency_off_and_for_nothing_else() -> None:
    async with acting(Limits(one_user=2)) as floor:
        forgotten = [await floor.caller() for _ in range(2)]
        refused = await (await floor.caller()).call(GET)
        assert refused["error"] == "io.stationd.Status.NotServed"
        assert "2 connections already" in refused["parameters"]["detail"]
        caller = await floor.caller()
        caller.ask(f"{OPERATION}.EmergencyOff", {"objects": ["pfe-a"]})
        await until(lambda: len(floor.plant.cut) == 1)
        floor.plant.confirm()
        assert "error" not in await caller.answer()
        assert await caller.end() == b"", "it is for one order"
        await until(lambda: floor.server.connections == len(forgotten))


async def test_the_places_for_an_emergency_are_few_and_only_for_who_may_switch_off() -> None:
    async with acting(Limits(one_user=1, emergency=1)) as floor:
        await floor.caller()
        await floor.caller(VIEWER)
        assert b"1 connections already" in await (await floor.caller(VIEWER)).end()
        idle = await floor.caller()
        assert b"1 connections already" in await (await floor.caller()).end()
        idle.close()
        await until(lambda: floor.server.connections == 2)
        caller = await floor.caller()
        assert (await answered(caller, "Hold"))["names"] == ["OP-42"]
