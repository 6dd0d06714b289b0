"""A station on real ports, with a real broker and its control socket, that takes up other files while it runs.

What virtual time cannot show (tests/scenarios/test_reload.py shows the rest): descriptors, connections and threads.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import re
import socket
import threading
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aiomqtt import Client

from stationd.app import App, load
from stationd.config.changes import Changes, Reloaded
from stationd.config.parts import identity_of
from stationd.console.peer import Peer, Role
from stationd.core.model import Event, PointId, Tick
from stationd.demo import station_file
from stationd.lighting import Lighting
from stationd.links.sampler.native import Native
from stationd.outputs.sparkplug.payload import decode
from stationd.plans import plans_of
from stationd.service.reload import Mouth, Swap, carry_out
from stationd.service.supervisor import STEADY_S, STUCK_S, Kind, Part, Supervisor
from stationd.sim.cable import End
from stationd.sim.demo_rig import Route, demo_rig
from stationd.sim.simulation import open_rig
from stationd.surroundings import Surroundings
from tests import virtual_time
from tests.console.desk import Caller
from tests.integration.brokers import free_port, running_broker
from tests.integration.test_mqtt_broker import heard, retained

ROUNDS = int(os.environ.get("STATIOND_RELOADS", "12"))  # 50 for a release
PATIENCE_S = 60.0
OWN = Path("/proc/self/fd")
CURRENT, OUTPUT = PointId("pfe", "output_current"), PointId("fp1-preamp", "output_power")
LOUD = '\n[[alarm]]\ntype = "ROOM-TEMPERATURE"\npoint = "pfe.output_voltage"\nabove = {volts}\nseverity = "minor"\n'
OPERATOR = Peer(4242, 4242, 1, Role.OPERATE, name="a.bekov")


def without(text: str, device: str) -> str:
    for section in ("bus", "device", "amplifier"):
        text = re.sub(rf"\[{section}\.{device}\]\n(?:[^\[\n].*\n)*", "", text)
    return text


def ttys() -> dict[str, str]:
    """Return the serial ports that this process has open, by descriptor."""
    found = {}
    for each in OWN.iterdir():
        with contextlib.suppress(OSError):  # that of the look itself
            found[each.name] = str(each.readlink())
    return {name: path for name, path in found.items() if path.startswith("/dev/pts/")}


def descriptors() -> int:
    return len(list(OWN.iterdir()))


@dataclass(slots=True)
class House:
    """A running station, its file as it was first, and its broker."""

    app: App
    file: Path
    text: str
    broker: int

    async def reload(self, text: str) -> Reloaded:
        self.file.write_text(text)
        loaded = load(self.file)
        assert loaded.config is not None, loaded.mistakes
        return await self.app.reload(loaded)

    async def retained(self, *wanted: str) -> dict[str, Any]:
        found = await retained(self.broker, {f"stationd/aktau/{each}" for each in wanted})
        return {name.removeprefix("stationd/aktau/"): payload for name, payload in found.items()}


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while not condition():
            await asyncio.sleep(0.02)


@contextlib.asynccontextmanager
async def house(folder: Path) -> AsyncIterator[House]:
    rig = demo_rig(Route.MAIN, 1)
    async with open_rig(rig) as simulation, running_broker(folder) as broker:
        file = folder / "station.toml"
        url = f"mqtt://127.0.0.1:{broker.port}"
        text = "\n".join(station_file(Route.MAIN, End.A, rig, simulation.ports, url, folder)) + "\n"
        file.write_text(text)
        loaded = load(file)
        assert loaded.config is not None, loaded.mistakes
        app = App(loaded.config, loaded.catalogue, Surroundings(identify=lambda _: OPERATOR, source=loaded.source))
        running = asyncio.create_task(app.run())
        try:
            await until(lambda: app.board[CURRENT].quality.good and app.board[OUTPUT].quality.good)
            await until(lambda: app.mqtt is not None and app.mqtt.connected)
            yield House(app, file, text, broker.port)
        finally:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)


async def test_an_unchanged_port_stays_open_and_an_unchanged_connection_is_not_made_anew(tmp_path: Path) -> None:
    async with house(tmp_path) as here:
        assert here.app.mqtt is not None
        preamp = here.app.buses["fp1-preamp"].settings.port
        before = {name: path for name, path in ttys().items() if path != os.path.realpath(preamp)}
        seen: list[bytes] = []

        def is_taken_away(payload: bytes) -> bool:
            seen.append(payload)
            return not payload

        reader = asyncio.create_task(heard(here.broker, "stationd/aktau/device/fp1-preamp", is_taken_away))
        await until(lambda: bool(seen))
        assert (await here.reload(without(here.text, "fp1-preamp"))).refused == ""
        async with asyncio.timeout(PATIENCE_S):
            assert await reader == b""
        assert (await here.reload(here.text + LOUD.format(volts=200.0))).refused == ""
        await until(lambda: here.app.board[OUTPUT].quality.good)
        await here.retained("device/fp1-preamp", "alarm/pfe/ROOM-TEMPERATURE/output_voltage")
        assert before.items() <= ttys().items()
        assert {name: bus.statistics.openings for name, bus in here.app.buses.items()} == dict.fromkeys(here.app.buses, 1)
        assert (here.app.mqtt.connections, here.app.mqtt.connected) == (1, True)


async def test_a_sparkplug_host_is_told_of_other_units_by_a_death_and_the_births_of_those_that_are_there(tmp_path: Path) -> None:
    async with house(tmp_path) as here, Client("127.0.0.1", here.broker) as host:
        await host.subscribe("spBv1.0/#")
        async with asyncio.timeout(PATIENCE_S):
            while b"stationd_sparkplug_online 1.0" not in await here.app.metrics.scrape():
                await asyncio.sleep(0.1)
        await here.reload(without(here.text, "fp1-preamp"))
        course: list[tuple[str, Any]] = []
        async with asyncio.timeout(PATIENCE_S):
            async for message in host.messages:
                words = message.topic.value.split("/", 2)[2].replace("/aktau", "")
                numbers = [metric.value for metric in decode(bytes(message.payload)).metrics if metric.name == "bdSeq"]
                if words == "NDEATH" or (course and "DATA" not in words):
                    course.append((words, numbers))
                if course and words == "DBIRTH/fp1-tx":
                    break
        died = course[0][1][0]
        assert course[:2] == [("NDEATH", [died]), ("NBIRTH", [died + 1])]
        assert {words for words, _ in course[2:]} == {f"DBIRTH/{name}" for name in ("pfe", "io", "fp1-booster", "fp1-rx", "fp1-tx")}


async def test_another_broker_section_makes_one_new_connection_and_loses_no_event(tmp_path: Path) -> None:
    async with house(tmp_path) as here:
        mqtt = here.app.mqtt
        assert mqtt is not None
        changed = here.text.replace("[mqtt]\n", "[mqtt]\nkeepalive_s = 20\n") + LOUD.format(volts=200.0)
        assert set((await here.reload(changed)).changed) == {"mqtt", "alarm"}
        await until(lambda: mqtt.connections == 2 and mqtt.connected)
        found = await here.retained("availability", "alarm/pfe/ROOM-TEMPERATURE/output_voltage", "device/pfe")
        assert found["availability"] == b"online"
        await until(lambda: here.app.journal.outbox.statistics.waiting == 0 if hasattr(here.app.journal.outbox, "statistics") else True)
        assert (await here.reload(changed)) == Reloaded()
        assert mqtt.connections == 2


async def test_who_is_connected_to_the_control_socket_stays_and_sees_what_is_in_force(tmp_path: Path) -> None:
    async with house(tmp_path) as here:
        caller = await Caller.at(tmp_path / "io.stationd")

        async def asked(method: str, **parameters: object) -> Any:
            answer = await caller.call(f"io.stationd.{method}", parameters)
            assert "error" not in answer, answer
            return next(iter(answer["parameters"].values()))

        first = (await asked("Diagnostics.GetVersion"))["config"]
        began = (await asked("Diagnostics.GetClock"))["daemon_since"]
        text = without(here.text, "fp1-preamp") + LOUD.format(volts=200.0)
        assert (await here.reload(text)).refused == ""
        second = (await asked("Diagnostics.GetVersion"))["config"]
        assert second["sha256"] != first["sha256"]
        assert second["changed"] is False
        assert (await asked("Diagnostics.GetConfig", path="alarm"))["value"][-1]["above"] == 200.0
        assert "fp1-preamp" not in (await asked("Status.GetStatus"))["devices"]
        assert (await asked("Diagnostics.GetClock"))["daemon_since"] == began
        health = await asked("Diagnostics.GetHealth")
        assert "fp1-preamp" not in json.dumps(health)
        caller.close()


async def test_a_page_that_cannot_be_had_leaves_the_old_one_and_everything_else(tmp_path: Path) -> None:
    async with house(tmp_path) as here:
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            taken.listen()
            port = taken.getsockname()[1]
            before = dict(here.app.supervisor.parts)
            listen = re.sub(r'listen = ".*"', f'listen = "127.0.0.1:{port}"', here.text)
            refused = await here.reload(listen + LOUD.format(volts=200.0))
            assert refused.changed == ()
            assert f"127.0.0.1:{port}: Address already in use" in refused.refused
            assert dict(here.app.supervisor.parts) == before
            assert "ROOM-TEMPERATURE" not in {key.type for key in here.app.alarms.plan.rules}
        free = free_port()
        moved = await here.reload(re.sub(r'listen = ".*"', f'listen = "127.0.0.1:{free}"', here.text))
        assert moved == Reloaded(("prometheus",))
        reader, writer = await asyncio.open_connection("127.0.0.1", free)
        writer.write(b"GET /healthz HTTP/1.0\r\n\r\n")
        assert b"200 OK" in await reader.readline()
        writer.close()


async def test_what_was_had_for_a_file_that_is_refused_is_given_back(tmp_path: Path) -> None:
    async with house(tmp_path) as here:
        free, threads = free_port(), threading.active_count()
        text = re.sub(r'listen = ".*"', f'listen = "127.0.0.1:{free}"', here.text)
        text = text.replace("[sampler]\n", "[sampler]\ncaptures_mib = 100\n")
        text = re.sub(r'socket = ".*"', f'socket = "{tmp_path}/no/such/folder/io.stationd"', text)
        (tmp_path / "no").write_text("a file is no folder")
        refused = await here.reload(text)
        assert refused.changed == ()
        assert "no/such/folder" in refused.refused or "Not a directory" in refused.refused
        with socket.socket() as ours:
            ours.bind(("127.0.0.1", free))
        await until(lambda: threading.active_count() <= threads)


async def test_light_that_was_replaced_tells_nothing_any_more(tmp_path: Path) -> None:
    async with house(tmp_path) as here:
        loaded = load(here.file)
        assert loaded.config is not None
        plans = plans_of(loaded.config, loaded.catalogue, loaded.source)
        told: list[Event] = []
        lighting = Lighting(plans, identity_of(loaded.config), told.extend, lambda point: None, Native)
        first, second = (lighting.prepare(plans, Changes(("sampler",))) for _ in range(2))
        assert first is not None
        assert second is not None
        lighting.take_up(first)
        lighting.take_up(second)
        first.mouth([Tick(1.0)])
        assert told == []
        second.mouth([Tick(2.0)])
        assert told == [Tick(2.0)]
        second.close()


async def test_reloads_in_a_row_leak_no_descriptor_no_task_and_no_thread(tmp_path: Path) -> None:
    async with house(tmp_path) as here:
        other = without(here.text, "fp1-preamp").replace("[mqtt]\n", "[mqtt]\nkeepalive_s = 20\n") + LOUD.format(volts=200.0)
        other = other.replace("[sampler]\n", "[sampler]\ncaptures_mib = 100\n")
        mqtt = here.app.mqtt
        assert mqtt is not None
        assert "captures_mib = 100" in other

        def counted() -> tuple[int, int, int]:
            return descriptors(), len(asyncio.all_tasks()), threading.active_count()

        async def both() -> None:
            for text in (other, here.text):
                connections = mqtt.connections
                assert (await here.reload(text)).refused == ""
                await until(lambda before=connections: mqtt.connections > before and mqtt.connected)  # type: ignore[misc]
            await until(lambda: here.app.board[OUTPUT].quality.good)

        await both()
        await both()
        first = counted()
        for _ in range(ROUNDS // 2):
            await both()
        # What ends may take a while to be gone; what leaks never goes, and every round leaks.
        await until(lambda: all(now <= before + 2 for now, before in zip(counted(), first, strict=True)))
        assert here.app.buses["pfe"].statistics.openings == 1


async def test_a_part_that_was_replaced_tells_nothing_any_more() -> None:
    told: list[str] = []
    old, new = Mouth[str](told.extend), Mouth[str](told.extend)
    old(["a"])
    old.shut()
    old(["b"])
    new(["c"])
    assert told == ["a", "c"]


async def test_parts_that_are_swapped_end_before_the_new_ones_begin_and_others_run_on() -> None:
    course: list[str] = []

    def part(name: str, word: str) -> Part:
        async def work() -> None:
            course.append(f"{word} begins")
            try:
                await asyncio.get_running_loop().create_future()
            finally:
                await asyncio.sleep(0)
                course.append(f"{word} ends")

        return Part(name, work)

    with contextlib.suppress(asyncio.CancelledError):
        async with Supervisor() as supervisor:
            for each in (part("one", "old"), part("two", "other")):
                supervisor.start(each)
            await asyncio.sleep(0.01)
            await carry_out(supervisor, [Swap(("one",), (part("one", "new"),))])
            await asyncio.sleep(0.01)
            assert course == ["old begins", "other begins", "old ends", "new begins"]
            raise asyncio.CancelledError


def holding(owners: list[str], name: str, until: asyncio.Event, word: str) -> Part:
    """Return a part that owns a port, notes that, and gives it up when it is told to and `until` is set."""

    async def own() -> None:
        owners.append(word)
        try:
            await asyncio.get_running_loop().create_future()
        finally:
            while not until.is_set():
                with contextlib.suppress(asyncio.CancelledError):
                    await until.wait()
            owners.remove(word)

    return Part(name, own, kind=Kind.STATION)


def test_a_port_has_one_owner_however_long_its_end_takes_and_whatever_files_come_meanwhile() -> None:
    async def scene(supervisor: Supervisor) -> None:
        owners: list[str] = []
        free, at_once = asyncio.Event(), asyncio.Event()
        at_once.set()
        supervisor.start(holding(owners, "bus a", free, "first"))
        await supervisor.begun([])
        await asyncio.sleep(STEADY_S * 2)
        second = Swap(("bus a",), (holding(owners, "bus a", at_once, "second"),))
        assert await carry_out(supervisor, [second]) == ("bus a begins when bus a has ended",)
        assert (owners, supervisor.leaving, dict(supervisor.parts)) == (["first"], {"bus a"}, {})
        await asyncio.sleep(STUCK_S)
        assert supervisor.trouble() == "bus a: does not end"
        assert supervisor.starving() == ("bus a: does not end",)
        assert await carry_out(supervisor, [Swap(("bus a",))]) == ("bus a has not ended yet",)
        third = Swap((), (holding(owners, "bus a", at_once, "third"),))
        assert await carry_out(supervisor, [third]) == ("bus a begins when bus a has ended",)
        assert owners == ["first"]
        free.set()
        await asyncio.sleep(2.0)
        assert (owners, supervisor.leaving, list(supervisor.parts)) == (["third"], frozenset(), ["bus a"])
        assert supervisor.starving() == ()
        await carry_out(supervisor, [second])
        assert owners == ["second"]

    async def main() -> None:
        with contextlib.suppress(asyncio.CancelledError):
            async with Supervisor() as supervisor:
                await scene(supervisor)
                raise asyncio.CancelledError

    virtual_time.run(main())
