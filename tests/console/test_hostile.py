"""Clients that mean no good, all interfaces: whatever they send or do not take, a client that means well is served.

The messages are drawn from a seed (stationd.bench.malformed, which `stationd bench shell` sends by the hundred thousand).
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import random
import socket
import time
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from stationd.bench.malformed import END, Fault, Malformed, Method, declared, malformed, methods
from stationd.console.peer import Locality, Peer, Role
from stationd.console.places import Limits
from stationd.console.server import ControlSocket, Doors, interfaces
from stationd.core.operation.orders import EmergencyOff
from tests.console.daemon_process import SERVICE, SEVEN, daemon
from tests.console.desk import CRITICAL, OPERATOR, POWER, VIEWER, Caller, Station, until
from tests.console.people import Hall, hall, heard

GET = "io.stationd.Status.GetStatus"
OFF = "io.stationd.Operation.EmergencyOff"
MANY = 3000
OF_VARLINK = {f"{SERVICE}.{name}" for name in ("InterfaceNotFound", "MethodNotFound", "ExpectedMore", "InvalidParameter")}
ENDS = "io.stationd.Status.NotServed"


class Foe:
    """Sends what no client should, and keeps every answer. It connects anew when it has lost its connection."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._caller: Caller | None = None
        self.answers: list[tuple[Malformed, dict[str, Any]]] = []

    async def send(self, message: Malformed) -> None:
        self._caller = self._caller or await Caller.at(self._path)
        with contextlib.suppress(ConnectionError):
            for piece in message.pieces():
                self._caller.put(piece)
                await self._caller.writer.drain()
            if not message.finished:
                self._caller.writer.write_eof()
        for answer in await self._answers(self._caller, message):
            self.answers.append((message, answer))

    async def _answers(self, caller: Caller, message: Malformed) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = []
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):  # it was cut off before the answer could be read
            found = [await caller.answer()] if message.finished else [json.loads(each) for each in (await caller.end()).split(END) if each]
        if not found or not message.finished or found[0].get("error") == ENDS:
            self.hang_up()
        return found

    def hang_up(self) -> None:
        if self._caller is not None:
            self._caller.close()
        self._caller = None


async def described(path: Path) -> tuple[list[Method], frozenset[str]]:
    """Return every method and every error of a daemon, as it describes itself."""
    caller = await Caller.at(path)
    names = (await caller.call(f"{SERVICE}.GetInfo"))["parameters"]["interfaces"]
    texts = [(await caller.call(f"{SERVICE}.GetInterfaceDescription", {"interface": name}))["parameters"]["description"] for name in names]
    caller.close()
    return [method for text in texts for method in methods(text)], frozenset[str]().union(*map(declared, texts))


async def standing(caller: Caller) -> list[Any]:
    """Return what an order would have changed."""
    asks = ("Audit.Head", "Operation.List", "Operation.Holds", "Operation.Authority", "Setpoint.Diff", "Session.GetHandover")
    found = [(await caller.call(f"io.stationd.{each}"))["parameters"] for each in asks]
    return [*found[:-1], found[-1]["page"]["notes"], found[-1]["page"]["shift"], found[-1]["page"]["written"]]


def test_thousands_of_malformed_requests_to_the_whole_daemon_get_declared_errors_and_change_nothing() -> None:
    with daemon() as path:
        errors = asyncio.run(_thousands(path))
    assert len(errors) > 6, errors
    assert errors["io.stationd.Status.InternalError"] == 0


async def _thousands(path: Path) -> Counter[str]:
    known, errors = await described(path)
    assert {method.name.rpartition(".")[0] for method in known} >= SEVEN
    draw, friend = random.Random(7), await Caller.at(path)
    before, foe = await standing(friend), Foe(path)
    for number in range(MANY):
        await foe.send(malformed(draw, known))
        if number % 100 == 0:
            assert "status" in (await friend.call(GET))["parameters"]
    foe.hang_up()
    let_in = [(message.raw[:300], answer) for message, answer in foe.answers if "error" not in answer]
    assert let_in == []
    names = Counter(str(answer["error"]) for _, answer in foe.answers)
    assert names.keys() <= errors | OF_VARLINK, "an error that no description has"
    assert await standing(friend) == before
    friend.close()
    return names


def test_every_fault_is_drawn_and_the_same_seed_draws_the_same() -> None:
    known = [Method("io.stationd.Alarm.Shelve", (("key", "string"), ("seconds", "int"), ("until", "?Stamp"), ("keys", "[]string")))]
    draws = [[malformed(draw, known) for _ in range(MANY)] for draw in (random.Random(3), random.Random(3))]
    assert draws[0] == draws[1]
    assert {message.fault for message in draws[0]} == set(Fault)


def test_the_parameters_of_a_method_are_read_from_its_description() -> None:
    text = "interface a.B\n\n# Says.\nmethod Do(x: ?(one, two), y: []string, z: T) -> (a: int)\nmethod Get() -> ()\nerror No (x: int)\n"
    assert list(methods(text)) == [Method("a.B.Do", (("x", "?(one, two)"), ("y", "[]string"), ("z", "T"))), Method("a.B.Get")]
    assert declared(text) == {"a.B.No"}


# Those who do not read.

STREAMS = [f"io.stationd.{name}.Monitor" for name in ("Alarm", "Operation", "Session", "Status")]
PATIENT = Limits(one_user=100, connections=140)  # so that all are let in; how many are is another test


async def stalled(house: Hall, peer: Peer, method: str) -> socket.socket:
    """Return a connection that asked for a stream and has read nothing of it."""
    own = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    own.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    own.setblocking(False)
    house.peers.append(peer)
    before = house.server.connections
    await asyncio.get_running_loop().sock_connect(own, str(house.path))
    await until(lambda: house.server.connections > before)
    await asyncio.get_running_loop().sock_sendall(own, json.dumps({"method": method, "more": True}).encode() + END)
    return own


@pytest.mark.parametrize("method", STREAMS)
async def test_a_hundred_who_never_read_a_stream_hold_up_nobody_and_leave_nothing_behind(method: str) -> None:
    async with hall(PATIENT) as house:
        before = len(house.desk.listeners)
        foes = [await stalled(house, VIEWER, method) for _ in range(100)]
        friend, monitor = await house.caller(OPERATOR), await house.monitor(OPERATOR)
        for number in range(20):
            house.desk.signal(CRITICAL, number % 2 == 0)
            house.porter.tell("held", "OP-42", "stationd", why="no keep-alive")
            assert "status" in (await friend.call(GET))["parameters"]
            assert (await heard(monitor))["kind"] in ("alarm", "operation")
        assert house.server.connections == 102
        for foe in foes:
            foe.close()
        await until(lambda: house.server.connections == 2)
        assert len(house.desk.listeners) <= before + 1


async def test_who_asks_for_a_stream_again_and_again_without_reading_is_cut_off() -> None:
    async with hall() as house:
        foe, friend = await stalled(house, VIEWER, STREAMS[0]), await house.caller(OPERATOR)
        ask = json.dumps({"method": STREAMS[0], "more": True}).encode() + END
        with contextlib.suppress(ConnectionError):
            while True:
                await asyncio.get_running_loop().sock_sendall(foe, ask * 100)
                assert "status" in (await friend.call(GET))["parameters"]
        await until(lambda: house.server.connections == 1)
        foe.close()


# Those who are many.


async def test_of_forty_connections_of_who_looks_thirty_are_served_and_those_who_act_have_their_places() -> None:
    async with hall() as house:
        crowd = [await house.caller(replace(VIEWER, uid=5000 + number % 4, pid=number)) for number in range(40)]
        assert (house.server.connections, house.server.turned_away) == (30, 10)
        for each in crowd[:30]:
            assert "status" in (await each.call(GET))["parameters"]
        for each in crowd[30:]:
            assert "places are taken" in (await each.answer())["parameters"]["detail"]
        console, other = await house.caller(replace(OPERATOR, locality=Locality.LOCAL, place="ttyS0")), await house.caller(POWER)
        assert (await console.call(GET))["parameters"]["status"]["you"]["locality"] == "local"
        assert "sessions" in (await other.call("io.stationd.Session.List"))["parameters"]


async def test_with_all_places_taken_an_emergency_off_is_still_given_and_nothing_else() -> None:
    async with hall() as house:
        for number in range(40):
            await house.caller(replace(VIEWER, uid=5000 + number % 4, pid=number))
        for number in range(2):
            await house.caller(replace(OPERATOR, uid=6000 + number, pid=number))
        late, later = await house.caller(replace(OPERATOR, uid=6002)), await house.caller(replace(OPERATOR, uid=6003))
        assert "places are taken" in (await late.call(GET))["parameters"]["detail"]
        later.ask(OFF, {"objects": ["all"]})
        await until(lambda: any(isinstance(order, EmergencyOff) for order in house.plant.orders))
        house.plant.confirm()
        assert (await later.answer())["parameters"]["allConfirmed"] is True


# Those whose questions are dear.


class Dear(Station):
    """Takes 20 ms of the loop for each look at a unit."""

    def device(self, name: str) -> dict[str, object]:
        end = time.thread_time() + 0.02
        while time.thread_time() < end:
            pass
        return {}


async def test_who_asks_what_is_dear_waits_for_the_next_answer_and_holds_up_nobody_who_acts(tmp_path: Path) -> None:
    who = [VIEWER, OPERATOR]
    server = ControlSocket(tmp_path / "s", interfaces(Doors(Dear(), None, True), Limits()), lambda _: who.pop(0))
    server.start()
    running = asyncio.create_task(server.run())
    foe = await Caller.at(tmp_path / "s")
    for _ in range(100):
        foe.ask("io.stationd.Status.GetDevice", {"device": "pfe-a"})
    told = [await foe.answer() for _ in range(3)]
    friend = await Caller.at(tmp_path / "s")
    rest = asyncio.create_task(_counted(foe, told))
    for _ in range(60):
        assert "status" in (await friend.call(GET))["parameters"]
    assert len(told) < 30, "by then they would be sixty if only the bytes of an answer counted"
    for task in (rest, running):
        task.cancel()
    await asyncio.gather(rest, running, return_exceptions=True)
    for caller in (foe, friend):
        caller.close()


async def _counted(caller: Caller, told: list[dict[str, Any]]) -> None:
    while True:
        told.append(await caller.answer())


# Those who are not ours.


async def test_no_more_are_taken_in_a_moment_than_may_wait_and_who_is_here_goes_on() -> None:
    async with hall(Limits(at_once=4, moment_s=3600.0)) as house:
        friend = await house.caller(OPERATOR)
        crowd = [await house.caller(VIEWER) for _ in range(3)]
        late = [await Caller.at(house.path) for _ in range(3)]
        for _ in range(20):
            assert "status" in (await friend.call(GET))["parameters"]
        assert house.server.connections == 1 + len(crowd)
        for each in late:
            each.close()


async def test_a_thousand_knocks_of_who_has_no_role_change_nothing_for_who_is_here() -> None:
    async with hall() as house:
        friend = await house.caller(OPERATOR)
        for number in range(1000):
            stranger = await house.caller(Peer(7000 + number % 9, 7000, 1, Role.NONE))
            if number % 100 == 0:
                assert (await stranger.answer())["error"] == "io.stationd.Status.NotAdmitted"
                assert "status" in (await friend.call(GET))["parameters"]
            stranger.close()
        assert (house.server.connections, house.server.turned_away) == (1, 1000)
