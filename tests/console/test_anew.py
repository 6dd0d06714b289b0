"""Groups of users, asked anew before anything that can switch or kill; and never before what makes the plant safer."""

from __future__ import annotations

import asyncio
import pwd
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from stationd.console.anew import Anew
from stationd.console.peer import Accounts, Peer, Role
from stationd.core.operation import orders
from stationd.core.operation.task import CommandClass
from tests.console.acting import Plant, acting
from tests.console.desk import POWER, until

OPERATION = "io.stationd.Operation."
TASK = {"verb": "energise", "toMilliamperes": 1000, "rateMilliamperesPerSecond": 10}
ACTING: list[tuple[str, dict[str, Any]]] = [
    ("Arm", {"object": "pfe-a", "task": TASK, "reason": "repair done"}),
    ("Approve", {"operation": "OP-42"}),
    ("Execute", {"operation": "OP-42", "code": "K7Q4"}),
    ("Prepare", {"operation": "OP-42", "way": "resume"}),
]
SAFE: list[tuple[str, dict[str, Any]]] = [
    ("Hold", {}),
    ("Disarm", {"operation": "OP-42"}),
    ("Reject", {"operation": "OP-42"}),
    ("KeepAlive", {"operation": "OP-42"}),
    ("EmergencyOff", {"objects": ["pfe-a"]}),
]
BIRTH = replace(POWER, name="")  # as the socket knows a user of that number: this machine has no name for him


@dataclass
class Directory:
    """A directory of users that says `role`, and hangs while `free` is not set."""

    role: Role = Role.POWER
    asked: list[int] = field(default_factory=list)
    free: threading.Event = field(default_factory=threading.Event)
    broken: bool = False

    def __call__(self, uid: int) -> Role:
        self.asked.append(uid)
        self.free.wait(60)
        if self.broken:
            raise OSError("no directory")
        return self.role


@pytest.fixture
def directory() -> Iterator[Directory]:
    made = Directory()
    made.free.set()
    yield made
    made.free.set()


def test_the_table_of_orders_is_whole() -> None:
    asked = {order.__name__ for order in (orders.Arm, orders.Approve, orders.Execute, orders.Prepare)}
    assert {method for method, _ in ACTING} == asked


@pytest.mark.parametrize(("method", "parameters"), ACTING)
async def test_who_was_taken_out_of_the_group_since_login_has_no_power_any_more(
    method: str, parameters: dict[str, Any], directory: Directory
) -> None:
    directory.role = Role.OPERATE
    async with acting(usual=POWER, anew=Anew(directory)) as floor:
        caller = await floor.caller()
        await caller.call(OPERATION + method, parameters)
        (order,) = floor.plant.orders
        assert order.who.classes == replace(BIRTH, role=Role.OPERATE).orderer.classes
        assert CommandClass.LETHAL not in order.who.classes
        assert order.who.doubt == "uid 4244 was in stationd-power at login, and is in stationd-operate only now"
        directory.role = Role.NONE
        await caller.call(OPERATION + method, parameters)
        assert floor.plant.orders[-1].who.classes == frozenset()
        assert "in no group of the station" in floor.plant.orders[-1].who.doubt


@pytest.mark.parametrize(("method", "parameters"), ACTING)
async def test_who_still_is_in_the_group_is_who_he_was_and_is_asked_for_each_time(
    method: str, parameters: dict[str, Any], directory: Directory
) -> None:
    async with acting(usual=POWER, anew=Anew(directory)) as floor:
        caller = await floor.caller()
        for _ in range(2):
            await caller.call(OPERATION + method, parameters)
        assert [order.who for order in floor.plant.orders] == [BIRTH.orderer] * 2
        assert directory.asked == [4244, 4244]


async def test_who_was_taken_into_the_group_since_login_gains_nothing(directory: Directory) -> None:
    anew = Anew(directory)
    peer = Peer(4242, 4242, 1, Role.OPERATE, name="a.bekov")
    assert await anew.person(peer) == peer.orderer


@pytest.mark.parametrize("broken", [False, True], ids=["hangs", "fails"])
async def test_without_an_answer_in_time_nothing_is_allowed_and_the_sentence_says_why(directory: Directory, broken: bool) -> None:
    directory.broken = broken
    directory.free = threading.Event()
    if broken:
        directory.free.set()
    person = await Anew(directory, 0.05).person(POWER)
    assert person.classes == {CommandClass.READ}
    assert person.doubt == "the directory of users has not said within 0.05 s in which groups n.aliyeva is now"
    directory.free.set()


@pytest.mark.parametrize(("method", "parameters"), SAFE)
async def test_what_makes_the_plant_safer_asks_no_directory(method: str, parameters: dict[str, Any], directory: Directory) -> None:
    directory.free = threading.Event()
    async with acting(usual=POWER, anew=Anew(directory), plant=Plant()) as floor:
        caller = await floor.caller()
        caller.ask(OPERATION + method, parameters)
        await until(lambda: len(floor.plant.orders) == 1)
        floor.plant.confirm()
        assert "error" not in await caller.answer()
        assert floor.plant.orders[0].who == BIRTH.orderer
        assert directory.asked == []


async def test_a_directory_that_hangs_stops_nobody_else_and_has_one_question_of_a_user(directory: Directory) -> None:
    hangs = threading.Event()

    def role_of(uid: int) -> Role:
        directory.asked.append(uid)
        if uid == 4244:
            hangs.wait(60)
        return Role.POWER

    anew, other = Anew(role_of, 0.05), Peer(4245, 4245, 2, Role.POWER, name="j.smith")
    assert (await anew.person(POWER)).doubt
    assert (await anew.person(POWER)).doubt
    assert await anew.person(other) == other.orderer
    assert directory.asked == [4244, 4245]
    hangs.set()


async def test_an_answer_to_an_earlier_question_is_not_taken_for_that_of_now() -> None:
    answers, free = [Role.POWER, Role.OPERATE], threading.Event()

    def role_of(uid: int) -> Role:
        role = answers.pop(0)
        free.wait(60)
        return role

    anew = Anew(role_of, 30.0)
    first = asyncio.create_task(anew.person(POWER))
    await until(lambda: len(answers) == 1)
    second = asyncio.create_task(anew.person(POWER))
    await asyncio.sleep(0)
    free.set()
    assert await first == POWER.orderer
    assert CommandClass.LETHAL not in (await second).classes


def test_the_machine_itself_says_which_groups_a_user_has_now() -> None:
    user = next(each for each in pwd.getpwall() if each.pw_uid not in (0, 900))
    assert Accounts(900, {Role.VIEW: 4_000_001, Role.POWER: user.pw_gid}).role_now(user.pw_uid) is Role.POWER
    assert Accounts(900, {Role.POWER: 4_000_001}).role_now(user.pw_uid) is Role.NONE
    assert Accounts(900, {Role.POWER: user.pw_gid}).role_now(4_000_002) is Role.NONE, "a user who is no more"
    assert Accounts(900, {Role.POWER: user.pw_gid}).role_now(900) is Role.OPERATE, "who is nobody in particular anyway"
