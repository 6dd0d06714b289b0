"""The JSON connection against a real broker process."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import subprocess
import tempfile
from collections.abc import AsyncIterator, Callable, Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from aiomqtt import Client

from stationd.board import Board
from stationd.outputs.broker import Broker
from stationd.outputs.journal import Journal, Message, Record, RecordClass
from stationd.outputs.metrics import MqttStatistics
from stationd.outputs.mqtt import JsonPublisher
from tests.integration.brokers import Cable, running_broker
from tests.outputs.plant import SIMULATED, STALE, board, show

AVAILABILITY = "stationd/aktau/availability"
STATUS = "stationd/aktau/status"
PFE = "stationd/aktau/device/pfe-a"
EVERYTHING = {AVAILABILITY, STATUS, PFE, "stationd/aktau/device/fp1-booster", "stationd/aktau/device/meter"}
REPLAYED = int(os.environ.get("STATIOND_REPLAYED", "1500"))  # 36000: an hour of 10 a second
BRIEF_S = 1  # keepalive of the tests that wait for a dead connection to be found


class Publishing:
    """A publisher at work, with the board that it follows and the journal whose outbox it empties."""

    def __init__(self, broker: Broker, target: Board, journal: Journal, client_id: str) -> None:
        self.board = target
        self.journal = journal
        self.statistics = MqttStatistics()
        buses = {"pfe": True}
        self.publisher = JsonPublisher(broker, SIMULATED, target, lambda: buses, self.statistics, journal.outbox, client_id)

    def announce(self, text: str) -> None:
        """Let something happen."""
        self.journal.append(Record(self.journal.stamp(), RecordClass.ALARM, "test", messages=(Message("event", text.encode()),)))

    async def settled(self, sent_before: int = 0) -> None:
        """Return when the broker has taken every topic once since so many had been sent."""
        await until(lambda: self.statistics.published >= sent_before + len(EVERYTHING))


@contextlib.asynccontextmanager
async def publishing(broker: Broker, client_id: str = "", before: Iterable[str] = ()) -> AsyncIterator[Publishing]:
    """Let a publisher work; `before` has happened while there was no connection."""
    with tempfile.TemporaryDirectory() as folder:
        journal = Journal.open(Path(folder) / "journal.sqlite")
        await journal.start()
        work = Publishing(broker, board(), journal, client_id)
        for text in before:
            work.announce(text)
        task = asyncio.create_task(work.publisher.run())
        try:
            yield work
        finally:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task
            await journal.close()


async def until(condition: Callable[[], bool]) -> None:
    while not condition():
        await asyncio.sleep(0.01)


async def retained(port: int, wanted: set[str]) -> dict[str, bytes]:
    """Return what a reader who comes only now is given, as soon as the wanted topics are among it."""
    found: dict[str, bytes] = {}
    while not wanted <= found.keys():
        found = {}
        async with Client("127.0.0.1", port) as client:
            await client.subscribe("stationd/#", 1)
            async for message in client.messages:
                if not message.retain:  # sent just now; who comes after this finds it
                    break
                found[message.topic.value] = bytes(message.payload)
                if wanted <= found.keys():
                    break
    return found


async def heard(port: int, topic: str, condition: Callable[[bytes], bool]) -> bytes:
    """Return the first message of a topic that fulfils the condition."""
    async with Client("127.0.0.1", port) as client:
        await client.subscribe(topic, 1)
        async for message in client.messages:
            if message.topic.matches(topic) and condition(bytes(message.payload)):
                return bytes(message.payload)
    return b""


def point(payload: bytes, name: str) -> Any:
    return json.loads(payload)["points"][name]


async def test_who_comes_later_finds_the_station_online_with_all_its_documents(tmp_path: Path) -> None:
    async with running_broker(tmp_path) as broker, publishing(Broker("127.0.0.1", broker.port)) as work:
        await work.settled()
        found = await retained(broker.port, EVERYTHING)
        assert found.keys() == EVERYTHING
        assert found[AVAILABILITY] == b"online"
        status = json.loads(found[STATUS])
        assert (status["station"], status["mode"], status["buses"]) == ("aktau", "sim", {"pfe": {"up": True}})


async def test_a_change_is_published_and_an_old_value_never_stands_as_a_new_one(tmp_path: Path) -> None:
    async with running_broker(tmp_path) as broker, publishing(Broker("127.0.0.1", broker.port)) as work:
        await work.settled()
        show(work.board, "pfe-a.output_current", 1000.0)
        fresh = await heard(broker.port, PFE, lambda payload: point(payload, "output_current")["v"] is not None)
        assert (point(fresh, "output_current")["v"], point(fresh, "output_current")["q"]) == (1000.0, "sim")
        show(work.board, "pfe-a.output_current", 1000.0, quality=STALE)
        stale = await heard(broker.port, PFE, lambda payload: point(payload, "output_current")["q"] == "stale")
        assert (point(stale, "output_current")["v"], point(stale, "output_current")["last"]) == (None, 1000.0)
        assert point(stale, "output_current")["t"] == point(fresh, "output_current")["t"]


async def test_a_broker_that_was_killed_gets_everything_again_when_it_is_back(tmp_path: Path) -> None:
    async with running_broker(tmp_path) as broker, publishing(Broker("127.0.0.1", broker.port)) as work:
        await work.settled()
        broker.kill()
        await until(lambda: not work.statistics.connected)
        dropped, sent = work.statistics.dropped, work.statistics.published
        while work.statistics.dropped == dropped:  # the board goes on meanwhile, and what cannot be sent is counted
            show(work.board, "pfe-a.output_current", 1000.0)
            await asyncio.sleep(0.01)
        await broker.start()
        await work.settled(sent)
        found = await retained(broker.port, EVERYTHING)
        assert found[AVAILABILITY] == b"online"
        assert point(found[PFE], "output_current")["v"] == 1000.0


async def test_a_station_whose_connection_breaks_is_offline_by_its_will_and_comes_back_by_itself(tmp_path: Path) -> None:
    async with running_broker(tmp_path) as broker:
        cable = Cable(broker.port)
        async with publishing(Broker("127.0.0.1", await cable.plug_in())) as work:
            await work.settled()
            cable.cut()
            assert await heard(broker.port, AVAILABILITY, lambda payload: payload == b"offline") == b"offline"
            assert await heard(broker.port, AVAILABILITY, lambda payload: payload == b"online") == b"online"
        await cable.unplug()


async def test_a_connection_on_which_nothing_passes_any_more_is_found(tmp_path: Path) -> None:
    async with running_broker(tmp_path) as broker:
        cable = Cable(broker.port)
        async with publishing(Broker("127.0.0.1", await cable.plug_in(), keepalive_s=BRIEF_S)) as work:
            await work.settled()
            cable.freeze()
            await until(lambda: not work.statistics.connected)
        await cable.unplug()


@pytest.mark.timeout(120 + REPLAYED / 100)
async def test_what_happened_during_an_outage_comes_whole_and_in_order_and_nothing_waits_any_more(tmp_path: Path) -> None:
    async with running_broker(tmp_path) as broker, Client("127.0.0.1", broker.port) as client:
        await client.subscribe("stationd/aktau/event", 1)
        async with publishing(Broker("127.0.0.1", broker.port), before=map(str, range(REPLAYED))) as work:
            heard: list[int] = []
            async for message in client.messages:
                heard.append(int(bytes(message.payload)))
                if len(heard) == REPLAYED:
                    break
            assert heard == list(range(REPLAYED))
            await until(lambda: work.statistics.events == REPLAYED)
            await until(lambda: sum(total.records for total in work.journal.statistics.outbox.values()) == 0)


async def test_a_clean_stop_says_offline_before_it_leaves(tmp_path: Path) -> None:
    async with running_broker(tmp_path) as broker:
        async with publishing(Broker("127.0.0.1", broker.port)) as work:
            await work.settled()
        assert (await retained(broker.port, {AVAILABILITY}))[AVAILABILITY] == b"offline"


async def test_a_late_will_does_not_leave_a_working_station_offline(tmp_path: Path) -> None:
    async with running_broker(tmp_path) as broker, publishing(Broker("127.0.0.1", broker.port)) as work:
        await work.settled()
        async with Client("127.0.0.1", broker.port) as other:
            await other.publish(AVAILABILITY, b"offline", 1, retain=True)
        assert await heard(broker.port, AVAILABILITY, lambda payload: payload == b"online") == b"online"


async def test_a_topic_is_sent_at_most_once_a_second_however_often_it_changes(tmp_path: Path) -> None:
    async with running_broker(tmp_path) as broker, publishing(Broker("127.0.0.1", broker.port)) as work:
        await work.settled()
        before, changes = work.statistics.published, 0
        begun = asyncio.get_running_loop().time()
        while (elapsed_s := asyncio.get_running_loop().time() - begun) < 2.0:
            show(work.board, "pfe-a.output_current", float(changes))
            changes += 1
            await asyncio.sleep(0.005)
        assert changes > 20
        assert work.statistics.published - before <= 2 * (elapsed_s + 2.0)  # the device and the status


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # paho leaves a refused TLS socket to the collector
async def test_an_encrypted_connection_trusts_only_the_named_authority(tmp_path: Path, mosquitto: Path, openssl: Path) -> None:
    certificate, key = tmp_path / "broker.pem", tmp_path / "broker.key"
    names = ("-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1")
    request = (str(openssl), "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2", *names)
    subprocess.run([*request, "-keyout", str(key), "-out", str(certificate)], check=True, capture_output=True)
    tmp_path.chmod(0o755)
    key.chmod(0o644)
    async with running_broker(tmp_path, (f"certfile {certificate}", f"keyfile {key}")) as broker:
        address = Broker.at(f"mqtts://127.0.0.1:{broker.port}")
        async with publishing(replace(address, authorities=certificate)) as trusting:
            await trusting.settled()
            async with publishing(address, client_id="stranger") as distrusting:
                await until(lambda: "unknown ca" in broker.log())
                assert distrusting.statistics.connections == 0
