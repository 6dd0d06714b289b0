"""The control socket against clients that mean no good, and against the file system."""

from __future__ import annotations

import array
import asyncio
import contextlib
import json
import os
import shutil
import socket
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from asyncvarlink import VarlinkClientProtocol, VarlinkInterface, connect_unix_varlink
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from stationd.console import refusal
from stationd.console.alarm import AlarmInterface
from stationd.console.peer import Accounts, Peer, Role
from stationd.console.places import Limits
from stationd.console.server import ControlSocket, Doors, interfaces
from stationd.console.socket_file import bound
from tests.console.desk import CRITICAL, OPERATOR, ROOT, STATUS, VIEWER, Caller, Desk, Station, serving, until
from tests.console.people import hall

GET = "io.stationd.Status.GetStatus"
QUICK = Limits(first_message_s=0.2, message_s=0.2, answer_s=0.3, stop_s=0.1, order_s=0.2)
NO_ROLE = Peer(4250, 4250, 1, Role.NONE)


def descriptors() -> int:
    """Return how many descriptors this process has open."""
    return sum(1 for _ in Path("/proc/self/fd").iterdir())


@pytest.fixture
def folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="console") as name:
        yield Path(name)


async def test_a_client_that_is_not_ours_gets_the_status_with_who_it_is() -> None:
    async with serving() as served:
        caller = await served.caller()
        answer = await caller.call(GET)
        status = answer["parameters"]["status"]
        assert {key: status[key] for key in STATUS} == STATUS
        assert status["you"] == {"name": "uid 4242", "role": "operate", "person": True, "locality": "unknown"}


async def test_the_service_describes_itself() -> None:
    async with serving() as served:
        caller = await served.caller()
        info = (await caller.call("org.varlink.service.GetInfo"))["parameters"]
        assert info["interfaces"] == [
                "io.stationd.Alarm", "io.stationd.Diagnostics", "io.stationd.Status", "org.varlink.service",
            ]  # fmt: skip
        for name in info["interfaces"]:
            described = await caller.call("org.varlink.service.GetInterfaceDescription", {"interface": name})
            assert f"interface {name}" in described["parameters"]["description"]


async def test_the_client_of_another_library_understands_the_description_and_the_answers() -> None:
    async with serving() as served:
        served.desk.signal(CRITICAL, True)
        transport, protocol = await connect_unix_varlink(VarlinkClientProtocol, str(served.path))
        alarms = protocol.make_proxy(AlarmInterface)
        listing = await alarms.List()
        assert [each.key for each in listing["alarms"]] == [str(CRITICAL)]
        with pytest.raises(refusal.NoSuchAlarm) as refused:
            await alarms.Unshelve(key="nowhere/NOTHING")
        assert refused.value.parameters == {"key": "nowhere/NOTHING"}
        transport.close()


async def test_varlinkctl_of_systemd_understands_the_description_and_the_answers() -> None:
    program = shutil.which("varlinkctl")
    if program is None:
        pytest.skip("varlinkctl is not installed; to run this: apt install systemd (255 or later, Debian 13)")
    async with serving() as served:
        for words in (["introspect", served.path, "io.stationd.Alarm"], ["call", served.path, "io.stationd.Alarm.List", "{}"]):
            done = await asyncio.to_thread(subprocess.run, [program, *words], capture_output=True, text=True)
            assert done.returncode == 0, done.stderr
            assert done.stdout


@pytest.mark.parametrize(
    ("method", "error"),
    [
        ("io.stationd.Nothing.GetStatus", "org.varlink.service.InterfaceNotFound"),
        ("io.stationd.Status.Nothing", "org.varlink.service.MethodNotFound"),
        ("io.stationd.Status.Monitor", "org.varlink.service.ExpectedMore"),
    ],
)
async def test_what_is_not_there_is_said_in_the_words_of_varlink(method: str, error: str) -> None:
    async with serving() as served:
        caller = await served.caller()
        assert (await caller.call(method))["error"] == error
        assert "parameters" in await caller.call(GET), "the connection goes on"


@pytest.mark.parametrize("parameters", [{"device": 3}, {"device": None}, {}, {"device": "pfe-a", "extra": 1}, {"device": ["x"]}])
async def test_parameters_of_another_kind_are_refused_by_name(parameters: dict[str, object]) -> None:
    async with serving() as served:
        caller = await served.caller()
        answer = await caller.call("io.stationd.Status.GetDevice", parameters)
        assert answer["error"] == "org.varlink.service.InvalidParameter"


@pytest.mark.parametrize(
    ("method", "parameters", "name"),
    [
        ("Status.Monitor", {"seconds": True}, "seconds"),
        ("Alarm.History", {"limit": True}, "limit"),
        ("Alarm.Shelve", {"key": str(CRITICAL), "seconds": True, "reason": "sensor is wet"}, "seconds"),
        ("Alarm.List", {"filter": {"limit": True}}, "filter"),
        ("Session.Silence", {"seconds": True}, "seconds"),
        ("Session.Announce", {"shell": 1}, "shell"),
        ("Setpoint.Stage", {"device": "fp1-booster", "name": "gain", "value": True, "unit": "dB"}, "value"),
        ("Operation.Arm", {"object": "pfe-a", "task": {"verb": "energise", "toMilliamperes": True}, "reason": "repair"}, "task"),
        ("Operation.EmergencyOff", {"objects": [True]}, "objects"),
    ],
)
async def test_true_is_no_number_and_a_number_is_not_true(method: str, parameters: dict[str, object], name: str) -> None:
    async with hall() as house:
        caller = await house.caller()
        caller.ask(f"io.stationd.{method}", parameters, more=method.endswith("Monitor"))
        answer = await caller.answer()
        assert (answer["error"], answer["parameters"]) == ("org.varlink.service.InvalidParameter", {"parameter": name})
        assert house.plant.orders == []


@pytest.mark.parametrize(
    "junk",
    [
        b"\0",
        b"hello\0",
        b"[1, 2]\0",
        b"{}\0",
        b'{"method": 1}\0',
        b'{"method": "x"}\0',
        b'{"method": "io.stationd.Status.GetStatus", "parameters": []}\0',
        b'{"method": "io.stationd.Status.__init__"}\0',
        b'{"method": "io.stationd.Status.GetStatus", "parameters": {"x": NaN}}\0',
        b'{"method": "io.stationd.Status.GetStatus", "more": true, "oneway": true}\0',
        b"\xff\xfe\0",
        b"[" * 60_000 + b"\0",
        b'{"a":' * 10_000 + b"\0",
        b"9" * 60_000 + b"\0",
    ],
    ids=repr,
)
async def test_what_is_no_call_ends_only_its_own_connection(junk: bytes) -> None:
    async with serving() as served:
        bad, good = await served.caller(), await served.caller()
        bad.put(junk)
        assert b"NotServed" in await bad.end()
        assert "status" in (await good.call(GET))["parameters"]


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(junk=st.lists(st.binary(max_size=300) | st.text(max_size=100).map(str.encode), max_size=6))
def test_no_bytes_end_the_service(junk: list[bytes]) -> None:
    async def play() -> None:
        async with serving(QUICK) as served:
            bad = await served.caller()
            with contextlib.suppress(ConnectionError):
                for part in junk:
                    bad.put(part)
                    await bad.writer.drain()
                bad.writer.write_eof()
            await bad.end()
            good = await served.caller()
            assert "status" in (await good.call(GET))["parameters"]

    asyncio.run(play())


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=40),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=10), inner, max_size=4),
    max_leaves=12,
)
METHODS = ["List", "Acknowledge", "Reset", "Shelve", "Unshelve", "TakeOutOfService", "ReturnToService", "AddNote", "History", "Statistics"]
NAMES = ["keys", "key", "note", "seconds", "oneShot", "reason", "until", "text", "since", "limit", "filter"]


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(calls=st.lists(st.tuples(st.sampled_from(METHODS), st.dictionaries(st.sampled_from(NAMES), JSON, max_size=4)), max_size=5))
def test_no_parameters_make_a_mistake_of_ours(calls: list[tuple[str, dict[str, object]]]) -> None:
    async def play() -> None:
        async with serving() as served:
            served.desk.signal(CRITICAL, True)
            caller = await served.caller()
            for method, parameters in calls:
                caller.put(json.dumps({"method": f"io.stationd.Alarm.{method}", "parameters": parameters}).encode() + b"\0")
                answer = await caller.answer()
                assert answer.get("error") != "io.stationd.Status.InternalError"
                if answer.get("error") == "io.stationd.Status.NotServed":  # a number that JSON does not have
                    return

    asyncio.run(play())


async def test_a_message_without_an_end_is_cut_at_64_kib() -> None:
    async with serving() as served:
        bad = await served.caller()
        with contextlib.suppress(ConnectionError):
            for _ in range(256):  # 16 MiB
                bad.put(b"x" * 65536)
                await bad.writer.drain()
        await until(lambda: served.server.connections == 0)
        told = await served.caller()
        told.put(b"x" * 70_000)
        assert b"more than 65536 bytes" in await told.end()


async def test_a_whole_message_that_is_too_long_is_refused_and_one_of_the_longest_size_is_served() -> None:
    async with serving() as served:
        empty = json.dumps({"method": GET, "parameters": {}, "x": ""}).encode()
        fits = await served.caller()
        fits.put(json.dumps({"method": GET, "parameters": {}, "x": "y" * (65536 - len(empty))}).encode() + b"\0")
        assert "parameters" in await fits.answer()
        long = await served.caller()
        long.put(json.dumps({"method": GET, "parameters": {}, "x": "y" * (65537 - len(empty))}).encode() + b"\0")
        assert b"more than 65536 bytes" in await long.end()


async def test_who_asks_nothing_or_does_not_finish_loses_the_connection() -> None:
    async with serving(QUICK) as served:
        mute, slow, asking = await served.caller(), await served.caller(), await served.caller()
        assert "parameters" in await asking.call(GET)
        slow.put(b'{"method": "io.st')
        assert b"nothing was asked" in await mute.end()
        assert b"not ended within" in await slow.end()
        assert "parameters" in await asking.call(GET), "between messages a client may be silent as long as it likes"


async def test_a_message_that_comes_byte_by_byte_in_time_is_served() -> None:
    async with serving() as served:
        caller = await served.caller()
        for byte in json.dumps({"method": GET}).encode() + b"\0":
            caller.put(bytes([byte]))
            await caller.writer.drain()
        assert "parameters" in await caller.answer()


async def test_questions_sent_all_at_once_are_answered_in_order_and_one_way_calls_not_at_all() -> None:
    async with serving() as served:
        caller = await served.caller()
        for name in ("pfe-a", "nothing", "pfe-a"):
            caller.ask("io.stationd.Status.GetDevice", {"device": name})
            caller.ask("io.stationd.Status.GetDevice", {"device": name}, oneway=True)
        answers = [await caller.answer() for _ in range(3)]
        assert [answer.get("error", "") for answer in answers] == ["", "io.stationd.Status.NoSuchDevice", ""]


async def test_a_client_that_only_asks_and_never_reads_is_dropped_and_costs_no_memory_beyond_one_answer() -> None:
    async with serving(QUICK) as served:
        bad, good = await served.caller(), await served.caller()
        ask = json.dumps({"method": GET}).encode() + b"\0"
        flood = asyncio.get_running_loop().create_task(flooding(bad, ask))
        while not flood.done():
            assert "parameters" in await good.call(GET)
        await until(lambda: served.server.connections == 1)


async def flooding(caller: Caller, message: bytes) -> None:
    caller.reader._transport.pause_reading()  # type: ignore[attr-defined]  # noqa: SLF001  # a client that does not read
    with contextlib.suppress(ConnectionError):
        while True:
            caller.put(message)
            await caller.writer.drain()


async def test_a_half_closed_client_still_gets_its_answer() -> None:
    async with serving() as served:
        caller = await served.caller()
        caller.ask(GET)
        caller.writer.write_eof()
        assert b'"status"' in await caller.end()
        await until(lambda: served.server.connections == 0)


async def test_descriptors_that_a_client_sends_along_are_not_taken_over() -> None:
    async with serving() as served:
        before = descriptors()
        own = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        own.connect(str(served.path))
        read, write = os.pipe()
        many = array.array("i", [read] * 200)
        for _ in range(20):
            own.sendmsg([json.dumps({"method": GET}).encode() + b"\0"], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, many)])
        own.setblocking(False)
        received = b""
        while received.count(b"\0") < 20:
            received += await asyncio.get_running_loop().sock_recv(own, 65536)
        assert descriptors() <= before + 4  # the connection's two ends and this test's pipe
        own.close()
        os.close(read)
        os.close(write)


# Places.


async def test_viewers_never_take_the_places_of_those_who_may_act() -> None:
    async with serving(Limits(one_user=100)) as served:
        viewers = [await served.caller(VIEWER) for _ in range(30)]
        assert b"all 30 places are taken" in await (await served.caller(VIEWER)).end()
        first, second = await served.caller(OPERATOR), await served.caller(ROOT)
        assert "parameters" in await first.call(GET)
        assert "parameters" in await second.call(GET)
        assert "all 32 places are taken" in (await (await served.caller(OPERATOR)).call(GET))["parameters"]["detail"]
        viewers[0].close()
        await until(lambda: served.server.connections == 31)
        assert "status" in (await (await served.caller(OPERATOR)).call(GET))["parameters"]


async def test_one_user_does_not_take_all_places() -> None:
    async with serving(Limits(one_user=3)) as served:
        for _ in range(3):
            await served.caller(VIEWER)
        assert b"most for one user" in await (await served.caller(VIEWER)).end()
        assert "parameters" in await (await served.caller(OPERATOR)).call(GET)


async def test_who_has_no_role_is_told_what_to_do() -> None:
    async with serving() as served:
        caller = await served.caller(NO_ROLE)
        answer = await caller.answer()
        assert answer["error"] == "io.stationd.Status.NotAdmitted"
        assert "stationd-view" in answer["parameters"]["hint"]
        assert served.server.connections == 0


async def test_a_thousand_connections_one_after_the_other_leave_nothing_behind() -> None:
    async with serving() as served:
        before = descriptors()
        for _ in range(1000):
            caller = await Caller.at(served.path)
            caller.close()
            await caller.writer.wait_closed()
        await until(lambda: served.server.connections == 0)
        assert descriptors() <= before


async def test_many_who_are_turned_away_do_not_use_up_the_descriptors() -> None:
    async with serving() as served:
        before = descriptors()
        for _ in range(100):
            (await served.caller(NO_ROLE)).close()
        await asyncio.sleep(0)
        assert descriptors() <= before + 10


async def test_a_mistake_of_ours_ends_neither_the_connection_nor_the_service() -> None:
    class Broken(Station):
        def device(self, name: str) -> dict[str, object]:
            raise RuntimeError("broken on purpose")

    with tempfile.TemporaryDirectory(prefix="console") as name:
        server = ControlSocket(Path(name) / "s", interfaces(Doors(Broken(), None, True), Limits()), lambda _: OPERATOR)
        server.start()
        running = asyncio.create_task(server.run())
        caller = await Caller.at(Path(name) / "s")
        assert (await caller.call("io.stationd.Status.GetDevice", {"device": "x"}))["error"] == "io.stationd.Status.InternalError"
        assert "parameters" in await caller.call(GET)
        caller.close()
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


# The file.


async def test_the_file_has_its_mode_and_goes_at_the_end() -> None:
    async with serving() as served:
        assert stat.S_IMODE(served.path.stat().st_mode) == 0o660
        assert sorted(path.name for path in served.path.parent.iterdir()) == ["io.stationd"]
        path = served.path
        caller = await served.caller()
        await caller.call(GET)
    assert not path.exists()
    assert await caller.end() == b""


def test_a_file_that_a_dead_daemon_left_is_replaced(folder: Path) -> None:
    bound(folder / "s", None, 1).close()
    assert (folder / "s").exists()
    with bound(folder / "s", None, 1):
        pass


def test_the_socket_of_a_living_daemon_is_left_alone(folder: Path) -> None:
    with bound(folder / "s", None, 1), pytest.raises(OSError, match="another daemon listens"):
        bound(folder / "s", None, 1)


def test_a_file_that_is_no_socket_is_left_alone(folder: Path) -> None:
    (folder / "s").write_text("precious")
    with pytest.raises(OSError, match="is no socket"):
        bound(folder / "s", None, 1)
    assert (folder / "s").read_text() == "precious"


def test_a_path_that_is_too_long_is_said_to_be(folder: Path) -> None:
    with pytest.raises(OSError, match="bytes"):
        bound(folder / ("s" * 110), None, 1)


async def test_a_file_that_somebody_else_put_there_is_not_taken_away(folder: Path) -> None:
    server = ControlSocket(folder / "s", interfaces(Doors(Station(), None, True), Limits()), lambda _: OPERATOR)
    server.start()
    running = asyncio.create_task(server.run())
    caller = await Caller.at(folder / "s")
    await caller.call(GET)
    (folder / "s").unlink()
    (folder / "s").write_text("another")
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    caller.close()
    assert (folder / "s").read_text() == "another"


async def test_many_may_wait_to_be_taken_while_the_loop_is_busy_whoever_made_the_listener(folder: Path) -> None:
    made = bound(folder / "s", None, 1)
    ControlSocket(folder / "s", interfaces(Doors(Station(), None, True), Limits()), lambda _: OPERATOR, listener=made).start()
    waiting = [socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) for _ in range(100)]
    for each in waiting:
        each.setblocking(False)
        each.connect(str(folder / "s"))  # BlockingIOError where there is no room
    for each in (*waiting, made):
        each.close()


async def test_for_who_has_hung_up_without_a_word_nothing_is_made(folder: Path) -> None:
    made, ended = list[Peer](), list[str]()
    usual = interfaces(Doors(Station(), None, True), Limits())

    def making(peer: Peer) -> Sequence[VarlinkInterface]:
        made.append(peer)
        return usual(peer)

    server = ControlSocket(folder / "s", making, lambda _: OPERATOR, ended=ended.append)
    server.start()
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as gone:
        gone.connect(str(folder / "s"))
    running = asyncio.create_task(server.run())
    await until(lambda: len(ended) == 1)
    assert made == []
    caller = await Caller.at(folder / "s")
    assert "status" in (await caller.call(GET))["parameters"]
    assert made == [replace(OPERATOR, name=made[0].name)]
    caller.close()
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


# Who is there, by the kernel.


async def test_the_kernel_says_who_is_there() -> None:
    accounts = Accounts.of_machine()
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
    with ours, theirs:
        peer = accounts.peer(ours)
    assert (peer.uid, peer.gid, peer.pid) == (os.getuid(), os.getgid(), os.getpid())
    assert peer.role is Role.OPERATE
    assert not peer.person


CLIENT = """
import json, socket, sys
s = socket.socket(socket.AF_UNIX); s.connect(sys.argv[1])
s.sendall(json.dumps({"method": "io.stationd.Status.GetStatus"}).encode() + b"\\0")
got = b""
while not got.endswith(b"\\0"):
    more = s.recv(65536)
    if not more: break
    got += more
print(got[:-1].decode())
"""


@pytest.mark.skipif(os.getuid() != 0, reason="only root can become other users; to run this: sudo make test")
@pytest.mark.parametrize(
    ("groups", "role"), [([4344], "view"), ([4344, 4345], "operate"), ([4344, 4346], "power"), ([], None)], ids=str
)
async def test_real_users_have_the_roles_of_their_groups(groups: list[int], role: str | None, folder: Path) -> None:
    folder.chmod(0o755)
    accounts = Accounts(os.getuid(), {Role.VIEW: 4344, Role.OPERATE: 4345, Role.POWER: 4346})
    server = ControlSocket(folder / "s", interfaces(Doors(Station(), Desk(), True), Limits()), accounts.peer, 4344)
    server.start()
    if role is None:
        (folder / "s").chmod(0o666)  # so that the file does not keep this user out already
    running = asyncio.create_task(server.run())
    python = Path("/usr/bin/python3") if Path("/usr/bin/python3").exists() else Path(sys.executable)
    done = await asyncio.to_thread(
        subprocess.run, [python, "-I", "-c", CLIENT, str(folder / "s")], user=4242, group=4242, extra_groups=groups, capture_output=True
    )
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    answer = json.loads(done.stdout)
    if role is None:
        assert answer["error"] == "io.stationd.Status.NotAdmitted"
    else:
        assert answer["parameters"]["status"]["you"] == {"name": "uid 4242", "role": role, "person": True, "locality": "unknown"}
