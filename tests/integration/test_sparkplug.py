"""The edge node against a real broker, heard by hosts that are not ours: the protocol buffer runtime, and npm's decoder."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import subprocess
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
from aiomqtt import Client

from stationd.board import Board
from stationd.core.model import PointId
from stationd.outputs.broker import Broker
from stationd.outputs.sparkplug.catalogue import Sample, Trust
from stationd.outputs.sparkplug.client import SparkplugPublisher, SparkplugStatistics
from stationd.outputs.sparkplug.node import EdgeNode
from stationd.outputs.sparkplug.plant import PlantView, catalogue
from tests.conftest import find_program
from tests.integration.brokers import BrokerProcess, Cable, running_broker
from tests.outputs.plant import LIVE, STALE, board, show
from tests.outputs.sparkplug.host import Host
from tests.outputs.sparkplug.keepers import Numbers, Store

BRIEF_S = 1  # keepalive of the tests that wait for a dead connection to be found, or for data to count as sent
CURRENT = PointId("pfe-a", "output_current")
HOW_TO_INSTALL = "npm install --prefix DIRECTORY sparkplug-payload, then SPARKPLUG_PAYLOAD=DIRECTORY/node_modules"


class Ears:
    """A host at the broker: hears everything of the node, and can command it."""

    def __init__(self, client: Client) -> None:
        self.host = Host()
        self.payloads: list[tuple[str, bytes]] = []
        self.believes = True  # False: only listens, as no host that has lost its place
        self._client = client
        self._deaf = 0

    async def listen(self) -> None:
        async for message in self._client.messages:
            topic, payload = message.topic.value, bytes(message.payload)
            if "CMD" in topic or "STATE" in topic:
                continue
            self.payloads.append((topic, payload))
            if self._deaf and "DATA" in topic:
                self._deaf -= 1
                continue
            if "NBIRTH" in topic:  # the will of the connection can only be seen at its end
                self.host.will = birth_number(payload)
            self.host.hear(topic, payload, message.qos, message.retain)

    def misses(self, number: int) -> None:
        """Let so many of the next data messages pass unheard."""
        self._deaf = number

    async def command(self, name: str = "Node Control/Rebirth") -> None:
        topic, payload = self.host.command(name)
        await self._client.publish(topic, payload, 1)

    async def state(self, online: bool, timestamp: int) -> None:
        payload = json.dumps({"online": online, "timestamp": timestamp})
        await self._client.publish("spBv1.0/STATE/scada", payload, 1, retain=True)

    def value(self, name: str = "pfe-a/output_current") -> Any:
        return self.host.known[name].value if name in self.host.known else None


def birth_number(payload: bytes) -> int:
    from tests.outputs.sparkplug.schema import Payload

    return next(int(metric.long_value) for metric in Payload.FromString(payload).metrics if metric.name == "bdSeq")


@contextlib.asynccontextmanager
async def ears(port: int) -> AsyncIterator[Ears]:
    async with Client("127.0.0.1", port) as client:
        await client.subscribe("spBv1.0/#", 1)
        heard = Ears(client)
        task = asyncio.create_task(heard.listen())
        try:
            yield heard
            if task.done():
                task.result()
        finally:
            task.cancel()
            await asyncio.wait([task])


class Publishing:
    """An edge node at work, with the board that it follows."""

    def __init__(self, broker: Broker, numbers: Numbers | None = None, store: Store | None = None, host: str = "") -> None:
        self.board: Board = board()
        show(self.board, "pfe-a.output_current", 1000.0, t=asyncio.get_running_loop().time())
        self.numbers = numbers or Numbers()
        self.statistics = SparkplugStatistics()
        self.node = EdgeNode(catalogue(LIVE, self.board, primary_host=host))
        view = PlantView(LIVE, self.board)
        self.publisher = SparkplugPublisher(broker, self.node, view, self.numbers, self.statistics, store)

    def show(self, value: float, **kinds: Any) -> None:
        show(self.board, "pfe-a.output_current", value, t=asyncio.get_running_loop().time(), **kinds)


@contextlib.asynccontextmanager
async def publishing(broker: Broker, **parts: Any) -> AsyncIterator[Publishing]:
    work = Publishing(broker, **parts)
    task = asyncio.create_task(work.publisher.run())
    try:
        yield work
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


async def until(condition: Callable[[], bool]) -> None:
    while not condition():
        await asyncio.sleep(0.01)


def at(broker: BrokerProcess) -> Broker:
    return Broker("127.0.0.1", broker.port)


async def test_births_data_and_death_of_a_device_reach_a_host_and_a_clean_stop_says_goodbye(tmp_path: Path) -> None:
    async with running_broker(tmp_path) as broker, ears(broker.port) as heard:
        async with publishing(at(broker)) as work:
            await until(lambda: heard.host.alive == {"pfe-a"})
            assert heard.value() == 1000.0
            assert heard.host.known["Properties/Mode"].value == "live"
            work.show(990.0)
            await until(lambda: heard.value() == 990.0)
            work.show(990.0, quality=STALE)
            await until(lambda: heard.host.alive == set())
            work.show(985.0)
            await until(lambda: heard.host.alive == {"pfe-a"})
            assert heard.value() == 985.0
        await until(lambda: not heard.host.online)
        assert heard.host.heard[-1] == "NDEATH"
        assert work.numbers.saved == [0]


async def test_a_connection_that_breaks_is_a_death_by_will_and_the_next_birth_has_the_next_number(tmp_path: Path) -> None:
    async with running_broker(tmp_path) as broker, ears(broker.port) as heard:
        cable = Cable(broker.port)
        async with publishing(Broker("127.0.0.1", await cable.plug_in()), numbers=Numbers(254)) as work:
            await until(lambda: heard.host.alive == {"pfe-a"})
            assert heard.host.birth_number == 255
            cable.cut()
            await until(lambda: "NDEATH" in heard.host.heard)
            await until(lambda: heard.host.birth_number == 0 and heard.host.alive == {"pfe-a"})
            assert work.numbers.saved == [255, 0]
            assert heard.host.online
        await cable.unplug()


async def test_a_message_that_a_host_has_missed_ends_in_a_rebirth_of_the_same_number(tmp_path: Path) -> None:
    async with running_broker(tmp_path) as broker, ears(broker.port) as heard, publishing(at(broker)) as work:
        await until(lambda: heard.host.alive == {"pfe-a"})
        heard.misses(1)
        value = 1000.0
        while not heard.host.wants_rebirth:
            value += 1.0
            work.show(value)
            await asyncio.sleep(0.1)
        assert heard.value() == 1000.0  # who has lost his place believes nothing
        await heard.command()
        await until(lambda: not heard.host.wants_rebirth and heard.host.births == 2)
        await until(lambda: heard.value() == value)
        assert heard.host.birth_number == 0


async def test_a_command_that_is_no_rebirth_changes_nothing(tmp_path: Path) -> None:
    async with running_broker(tmp_path) as broker, ears(broker.port) as heard, publishing(at(broker)) as work:
        await until(lambda: heard.host.alive == {"pfe-a"})
        await heard.command("output_on")
        await until(lambda: work.node.counts.commands_refused == 1)
        assert heard.host.births == 1


async def test_a_connection_on_which_nothing_passes_any_more_is_found(tmp_path: Path) -> None:
    async with running_broker(tmp_path) as broker:
        cable = Cable(broker.port)
        async with publishing(Broker("127.0.0.1", await cable.plug_in(), keepalive_s=BRIEF_S)) as work:
            await until(lambda: work.statistics.online)
            cable.freeze()
            await until(lambda: not work.statistics.connected)
        await cable.unplug()


async def test_a_broker_that_was_killed_gets_a_new_birth_with_the_current_values_when_it_is_back(tmp_path: Path) -> None:
    async with running_broker(tmp_path) as broker, publishing(at(broker)) as work:
        await until(lambda: work.statistics.online)
        broker.kill()
        await until(lambda: not work.statistics.connected)
        work.show(700.0)
        await broker.start()
        async with ears(broker.port) as heard:
            await until(lambda: heard.host.births > 0 and heard.value() == 700.0)


async def test_what_was_stored_while_the_broker_was_away_comes_as_history_and_then_counts_as_sent(tmp_path: Path) -> None:
    store = Store(in_a_batch=7)
    for value in range(50):
        store.add(CURRENT, Sample(float(value), Trust.GOOD, 1_772_366_400_000 + value))
    async with running_broker(tmp_path) as broker, ears(broker.port) as heard:
        address = Broker("127.0.0.1", broker.port, keepalive_s=BRIEF_S)
        async with publishing(address, store=store) as work:
            await until(lambda: len(heard.host.historical) == 50)
            expected = [("pfe-a/output_current", float(value), 1_772_366_400_000 + value) for value in range(50)]
            assert heard.host.historical == expected
            assert heard.value() == 1000.0
            await until(lambda: store.sent.get("pfe-a") == 50)
            store.add(CURRENT, Sample(7.0, Trust.GOOD, 1_772_366_500_000))
            work.show(7.0)
            await until(lambda: store.sent.get("pfe-a") == 51)  # what went out live is not sent again
        async with publishing(address, store=store) as work:
            await until(lambda: work.statistics.caught_up == 1)
        assert heard.host.historical == expected


async def test_a_primary_host_that_comes_late_and_goes_is_waited_for(tmp_path: Path) -> None:
    async with running_broker(tmp_path) as broker, ears(broker.port) as heard, publishing(at(broker), host="scada") as work:
        await until(lambda: work.statistics.connected)
        await heard.state(True, 10)
        await until(lambda: heard.host.alive == {"pfe-a"})
        await heard.state(False, 11)
        await until(lambda: not heard.host.online)
        await until(lambda: work.statistics.connections == 2)
        births = heard.host.births
        await heard.state(True, 12)
        await until(lambda: heard.host.births == births + 1)
        assert heard.host.birth_number == 1


async def test_a_disk_that_takes_no_birth_number_does_not_silence_the_station(tmp_path: Path) -> None:
    full = Numbers(broken=True)
    async with running_broker(tmp_path) as broker, ears(broker.port) as heard, publishing(at(broker), numbers=full):
        await until(lambda: heard.host.alive == {"pfe-a"})


class Wire:
    """A broker that grants the first subscription, or refuses it, answers none after that, and keeps what it was sent."""

    def __init__(self, grants: bool) -> None:
        self.received = bytearray()
        self.port = 0
        self.ended = asyncio.Event()
        self._answers = [b"\x01" if grants else b"\x80"]

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(asyncio.IncompleteReadError):
            while True:
                head = await reader.readexactly(2)
                length, shift = head[1] & 0x7F, 7
                while head[-1] & 0x80:
                    head += await reader.readexactly(1)
                    length |= (head[-1] & 0x7F) << shift
                    shift += 7
                body = await reader.readexactly(length)
                self.received += head + body
                writer.write(self._reply(head[0] >> 4, body))
        writer.close()
        self.ended.set()

    def _reply(self, kind: int, body: bytes) -> bytes:
        match kind:
            case 1:
                return b"\x20\x02\x00\x00"
            case 8 if self._answers:
                return b"\x90\x03" + body[:2] + self._answers.pop()
            case 12:
                return b"\xd0\x00"  # an answer to a ping
            case 3 if b"NDEATH" in body:
                topic = 2 + int.from_bytes(body[:2], "big")
                return b"\x40\x02" + body[topic : topic + 2]
            case _:
                return b""


@contextlib.asynccontextmanager
async def wire(grants: bool) -> AsyncIterator[Wire]:
    made = Wire(grants)
    async with await asyncio.start_server(made.serve, "127.0.0.1", 0) as server:
        made.port = int(server.sockets[0].getsockname()[1])
        yield made


async def test_a_broker_that_refuses_the_subscription_of_commands_gets_no_birth() -> None:
    async with wire(grants=False) as line, publishing(Broker("127.0.0.1", line.port)) as work:
        await until(lambda: work.statistics.connections >= 1)
        await until(lambda: not work.statistics.connected)
        assert work.node.counts.births == 0
        assert b"NBIRTH" not in line.received


async def test_a_broker_that_still_answers_pings_but_nothing_else_is_left() -> None:
    async with wire(grants=True) as line, publishing(Broker("127.0.0.1", line.port, keepalive_s=BRIEF_S)) as work:
        await until(lambda: work.statistics.online)
        await until(lambda: not work.statistics.connected)


async def test_tck_id_principles_persistence_clean_session_311_and_the_order_of_a_connection_on_the_wire() -> None:
    async with wire(grants=True) as line:
        async with publishing(Broker("127.0.0.1", line.port)) as work:
            await until(lambda: work.node.counts.messages >= 2)
            await until(lambda: b"DBIRTH" in line.received)
        await line.ended.wait()
    connect = bytes(line.received[: line.received.index(b"aktau-spb") + 9])
    assert connect[2:9] == b"\x00\x04MQTT\x04"  # MQTT 3.1.1
    will_qos_1, will, clean_session = 0x08, 0x04, 0x02
    assert connect[9] == will_qos_1 | will | clean_session  # the will is not retained, bit 5
    order = [line.received.index(words) for words in (b"NDEATH", b"NCMD", b"NBIRTH", b"DBIRTH")]
    assert order == sorted(order)
    assert line.received.rindex(b"NDEATH") > order[-1]
    assert line.received.endswith(b"\xe0\x00")  # DISCONNECT comes last, behind the death


@pytest.fixture
def decoder() -> dict[str, str]:
    """Return the environment in which node finds sparkplug-payload; skip where there is none."""
    if find_program("node") is None:
        pytest.skip("node is not installed; to run this: apt install nodejs npm")
    here = [Path(words) for words in (os.environ.get("SPARKPLUG_PAYLOAD", ""), "node_modules") if words]
    found = next((path.resolve() for path in here if (path / "sparkplug-payload").is_dir()), None)
    if found is None:
        pytest.skip(f"sparkplug-payload is not installed; to run this: {HOW_TO_INSTALL}")
    return {**os.environ, "NODE_PATH": str(found)}


async def test_a_decoder_of_another_maker_reads_every_message(tmp_path: Path, decoder: dict[str, str]) -> None:
    store = Store()
    store.add(CURRENT, Sample(-1.5, Trust.GOOD, 1_772_366_400_123))
    async with running_broker(tmp_path) as broker, ears(broker.port) as heard:
        async with publishing(at(broker), store=store) as work:
            await until(lambda: len(heard.host.historical) == 1)
            show(work.board, "pfe-a.output_on", True, t=asyncio.get_running_loop().time())
            show(work.board, "pfe-a.output_voltage", None, t=asyncio.get_running_loop().time(), quality=STALE)
            await until(lambda: heard.value("pfe-a/output_on") is True)
            work.show(1.0, quality=STALE)
            show(work.board, "pfe-a.output_on", True, t=1.0, quality=STALE)
            await until(lambda: heard.host.alive == set())
        await until(lambda: not heard.host.online)
    node = find_program("node")
    script = Path(__file__).with_name("sparkplug_decode.js")
    lines = "\n".join(payload.hex() for _, payload in heard.payloads)
    read = subprocess.run([str(node), str(script)], input=lines, env=decoder, capture_output=True, text=True, check=True).stdout
    documents = [json.loads(line) for line in read.splitlines()]
    kinds = [topic.split("/")[2] for topic, _ in heard.payloads]
    assert len(documents) == len(kinds)
    assert set(kinds) == {"NBIRTH", "DBIRTH", "DDATA", "DDEATH", "NDEATH"}
    assert [document.get("seq") for document in documents[:-1]] == list(range(len(documents) - 1))
    birth = {metric["name"]: metric for metric in documents[1]["metrics"]}
    assert (birth["output_current"]["value"], birth["output_current"]["type"]) == (1000.0, "Double")
    assert birth["output_current"]["properties"]["engUnit"]["value"] == "mA"
    assert (birth["output_on"]["value"], birth["output_on"]["properties"]["Quality"]["value"]) == (None, 0)
    history = next(metric for document in documents for metric in document["metrics"] if metric.get("isHistorical"))
    assert (history["timestamp"], history["value"]) == (1_772_366_400_123, -1.5)
    on = [metric for document in documents for metric in document["metrics"] if metric.get("alias") == birth["output_on"]["alias"]]
    assert [(metric["value"], metric["type"]) for metric in on] == [(None, "Boolean"), (True, "Boolean")]
    assert documents[-1]["metrics"][0]["name"] == "bdSeq"
    assert documents[-1]["metrics"][0]["value"] == 0
