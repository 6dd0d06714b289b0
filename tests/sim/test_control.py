"""The control port of `stationd sim`: what is ordered there happens to the plant, and what cannot be ordered is said."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from stationd.sim.optics import DARK_DBM
from stationd.sim.rig import EXAMPLE
from stationd.sim.world import run_sim


class Hand:
    """A client of the port."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer

    async def says(self, line: str) -> dict[str, Any]:
        self._writer.write(line.encode() + b"\n")
        answer: dict[str, Any] = json.loads(await self._reader.readline())
        return answer

    async def does(self, do: str, **fields: object) -> Any:
        answer = await self.says(json.dumps({"do": do, **fields}))
        assert "ok" in answer, answer
        return answer["ok"]

    async def truth(self, end: str) -> dict[str, Any]:
        """What is true of an end; the light of each pair has a key of its own."""
        found: dict[str, Any] = (await self.does("truth"))[end]
        light = found.pop("received_dbm")
        return {**found, **{f"pair {number}": level for number, level in enumerate(light, 1)}}


@pytest.fixture
async def hand(tmp_path: Path) -> AsyncIterator[Hand]:
    ports_file = tmp_path / "ports.json"
    running = asyncio.create_task(run_sim(EXAMPLE, ports_file, report=lambda _: None))
    while not ports_file.exists():
        assert not running.done(), running
        await asyncio.sleep(0.01)
    address = json.loads(ports_file.read_text())["control"]
    reader, writer = await asyncio.open_unix_connection(address.removeprefix("unix:"))
    yield Hand(reader, writer)
    writer.close()
    running.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await running
    assert not Path(address.removeprefix("unix:")).exists()


async def test_a_shunt_moves_the_voltages_and_repair_brings_them_back(hand: Hand) -> None:
    before = await hand.truth("a")
    await hand.does("shunt", km=50.0, ohm=10.0)
    assert abs((await hand.truth("a"))["voltage_v"] - before["voltage_v"]) > 50.0
    await hand.does("repair")
    assert await hand.truth("a") == pytest.approx(before)


async def test_a_load_is_the_resistance_of_the_whole_line(hand: Hand) -> None:
    await hand.does("load", ohm=500.0)
    ends = await hand.does("truth")
    assert ends["a"]["voltage_v"] + ends["b"]["voltage_v"] == pytest.approx(500.0 + 4 * 40.0, rel=0.01)
    await hand.does("repair")
    ends = await hand.does("truth")
    assert ends["a"]["voltage_v"] + ends["b"]["voltage_v"] == pytest.approx(341.0 + 4 * 40.0, rel=0.01)


async def test_a_feed_without_mains_delivers_nothing_and_a_new_attenuator_takes_the_place_of_the_old(hand: Hand) -> None:
    await hand.does("power", device="pfe-a", on=False)
    assert not (await hand.truth("a"))["output_on"]
    before = await hand.truth("a")
    for db in (10.0, 60.0, 3.0, 0.0, 0.0):
        await hand.does("attenuate", end="a", pair=2, db=db)
        now = await hand.truth("a")
        assert (now["pair 1"], now["pair 2"]) == pytest.approx((before["pair 1"], max(before["pair 2"] - db, DARK_DBM)))


async def test_an_open_loop_of_the_bench_takes_the_voltage_off(hand: Hand) -> None:
    await hand.does("loop", closed=False)
    assert [(await hand.truth(end))["output_on"] for end in "ab"] == [False, False]
    assert not (await hand.truth("b"))["loop_closed"]
    await hand.does("loop", closed=True)
    assert (await hand.truth("b"))["loop_closed"]


async def test_what_is_set_at_the_panel_is_no_command_that_reached_a_unit(hand: Hand) -> None:
    await hand.does("feed", end="a", on=True, current_ma=400.0)
    assert (await hand.truth("a"))["set_ma"] == 400.0
    assert await hand.does("written") == []


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("nonsense", "Expecting value"),
        ("[1]", "an order is an object"),
        ('{"do": "explode"}', "must be one of truth"),
        ('{"do": "shunt", "ohm": 1}', "km is None, it must be a number from 0 to 341"),
        ('{"do": "shunt", "km": 400, "ohm": 1}', "from 0 to 341"),
        ('{"do": "contact", "end": "a", "which": "window", "closed": true}', "which is 'window'"),
        ('{"do": "contact", "end": "b", "which": "door", "closed": true}', "no I/O module at end b"),
        ('{"do": "feed", "end": "a", "on": 1}', "on is 1, it must be true or false"),
        ('{"do": "fault", "port": "rtu", "kind": "gremlin"}', "kind is 'gremlin'"),
        ('{"do": "fault", "port": "rtu", "kind": "late", "share": 7}', "share"),
        ('{"do": "unplug", "port": "nowhere"}', "must be one of rtu"),
    ],
)
async def test_an_order_that_cannot_be_carried_out_says_why_and_changes_nothing(hand: Hand, line: str, said: str) -> None:
    before = await hand.truth("a")
    assert said in (await hand.says(line))["wrong"]
    assert await hand.truth("a") == before
