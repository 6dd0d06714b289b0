"""Signals of the process: SIGHUP never ends it and is always carried out, SIGTERM always ends it in order, whenever they come."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.integration.booting import Daemon, station


@pytest.fixture
def home() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="sig") as name:  # the path of a Unix socket has at most 107 bytes
        yield Path(name)


def catches(daemon: Daemon, number: signal.Signals) -> bool:
    """Return whether a process handles a signal itself, as the kernel knows it (proc(5))."""
    status = Path(f"/proc/{daemon.pid}/status").read_text()
    found = re.search(r"SigCgt:\s*([0-9a-f]+)", status)
    return found is not None and bool(int(found[1], 16) >> (number - 1) & 1)


async def at_once(daemon: Daemon, condition: Callable[[], bool]) -> None:
    """Wait for a condition with hardly a pause, so as to meet the moment itself."""
    assert daemon.process is not None
    while not condition():
        assert daemon.process.returncode is None
        await asyncio.sleep(0.001)


def order(daemon: Daemon) -> list[str]:
    """Return in which order the manager heard of readiness and reloads."""
    daemon.listen()
    return [word for each in daemon.heard for word in ("READY", "RELOADING", "STOPPING") if word in each]


async def test_a_hail_of_sighup_from_the_first_instruction_on_ends_nothing_and_is_carried_out_once_it_is_ready(home: Path) -> None:
    async with station(home) as daemon:
        await daemon.start()
        await at_once(daemon, lambda: catches(daemon, signal.SIGHUP))
        sent = 0
        while not daemon.told("READY"):
            os.kill(daemon.pid, signal.SIGHUP)
            sent += 1
            await asyncio.sleep(0.001)
        await daemon.until(lambda: order(daemon)[-1] == "READY" and "RELOADING" in order(daemon))
        assert order(daemon)[:3] == ["READY", "RELOADING", "READY"]
        assert len(order(daemon)) < 10 < sent  # several wishes are one
        assert await daemon.end() == 0


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_who_is_told_to_end_while_it_starts_ends_in_order(home: Path, number: signal.Signals) -> None:
    async with station(home) as daemon:
        moments: list[Callable[[], bool]] = [
            lambda: catches(daemon, signal.SIGTERM),  # Python itself catches SIGINT a little earlier
            (home / "state").exists,
            lambda: bool(daemon.told("READY")),
        ]
        for moment in moments:
            await daemon.start()
            await at_once(daemon, moment)
            assert await daemon.end(number) == 0
        assert not any("exception" in each for each in daemon.events())


async def test_who_is_told_to_end_while_it_reads_its_file_ends_in_order(home: Path) -> None:
    async with station(home) as daemon:
        await daemon.start()
        await daemon.until_ready()
        os.kill(daemon.pid, signal.SIGHUP)
        await at_once(daemon, lambda: bool(daemon.told("RELOADING")))
        assert await daemon.end() == 0
        assert not any("exception" in each for each in daemon.events())


async def test_a_file_with_mistakes_leaves_the_old_one_in_force_and_says_every_mistake(home: Path) -> None:
    async with station(home) as daemon:
        good = daemon.file.read_text()
        await daemon.start()
        await daemon.until_ready()
        wrong = good.replace('operator = "', 'colour = "blue"\noperator = "').replace("fibre_pairs = 1", 'fibre_pairs = "one"')
        daemon.file.write_text(wrong)
        os.kill(daemon.pid, signal.SIGHUP)
        await daemon.until(lambda: order(daemon) == ["READY", "RELOADING", "READY"])
        assert {each["key"] for each in daemon.events("a mistake in the station file")} == {"station.colour", "line.fibre_pairs"}
        assert all(each["reason"] for each in daemon.events("a mistake in the station file"))
        assert daemon.told("STATUS")[-1].partition("not taken up: ")[2].startswith(f"2 mistakes, the first: {daemon.file}: ")
        await daemon.until_alarms("station/CONFIG-REJECTED")
        daemon.file.write_text(good)
        os.kill(daemon.pid, signal.SIGHUP)
        await daemon.until(lambda: order(daemon) == ["READY", *2 * ["RELOADING", "READY"]])
        assert "not taken up" not in daemon.told("STATUS")[-1]
        assert [each["event"] for each in daemon.events() if "nothing in it has changed" in each["event"]]
        assert await daemon.end() == 0


async def test_a_file_that_is_gone_leaves_the_old_one_in_force(home: Path) -> None:
    async with station(home) as daemon:
        await daemon.start()
        await daemon.until_ready()
        daemon.file.rename(home / "away")
        os.kill(daemon.pid, signal.SIGHUP)
        await daemon.until(lambda: order(daemon) == ["READY", "RELOADING", "READY"])
        (mistake,) = daemon.events("a mistake in the station file")
        assert str(daemon.file) in (mistake["file"], mistake["reason"])
        assert await daemon.end() == 0


async def test_a_changed_file_is_in_force_and_what_has_changed_is_said(home: Path) -> None:
    async with station(home) as daemon:
        await daemon.start()
        await daemon.until_ready()
        before, feed, after = daemon.file.read_text().partition("[pfe.pfe]")
        daemon.file.write_text(before + feed + after.replace("max_v = 800.0", "max_v = 790.0"))
        os.kill(daemon.pid, signal.SIGHUP)
        await daemon.until(lambda: bool(daemon.events("the station file is in force")))
        assert daemon.events("the station file is in force")[0]["changed"]
        assert await daemon.end() == 0


async def test_over_restarts_no_client_is_refused_and_the_addresses_stay(home: Path) -> None:
    async with station(home) as daemon:
        await daemon.start()
        await daemon.until_ready()
        urls = {each["url"] for each in daemon.events("metrics are served")}
        assert daemon.kept.keys() == {"io.stationd", "metrics"}
        for number in (signal.SIGTERM, signal.SIGKILL):
            await daemon.end(number)
            port = int(urls.copy().pop().rpartition(":")[2].partition("/")[0])
            reader, writer = await asyncio.open_connection("127.0.0.1", port)  # nobody is there, and yet it is let in
            writer.write(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
            early = asyncio.create_task(daemon.shown("status"))
            ready = len(daemon.told("READY"))
            await daemon.start()
            await daemon.until(lambda ready=ready: len(daemon.told("READY")) > ready)  # type: ignore[misc]
            assert (await reader.readline()).startswith(b"HTTP/1.1 ")
            writer.close()
            assert await early is not None
        assert {each["url"] for each in daemon.events("metrics are served")} == urls
        assert await daemon.end() == 0


async def test_a_listener_whose_address_is_another_in_the_file_is_closed_and_said(home: Path) -> None:
    async with station(home) as daemon:
        await daemon.start()
        await daemon.until_ready()
        assert await daemon.end() == 0
        daemon.file.write_text(daemon.file.read_text().replace("127.0.0.1:0", "127.0.0.2:0"))
        ready = len(daemon.told("READY"))
        await daemon.start()
        await daemon.until(lambda: len(daemon.told("READY")) > ready)
        said = daemon.events("a listener from before is closed: it does not fit what is configured now")
        assert [each["name"] for each in said] == ["metrics"]
        assert len(daemon.kept["metrics"]) == 1
        assert await daemon.end() == 0


async def test_without_a_service_manager_it_is_all_the_same(home: Path) -> None:
    async with station(home) as daemon:
        await daemon.start(managed=False)
        await daemon.until(lambda: bool(daemon.events("the first value is read")) and bool(daemon.events("the station is ready")))
        os.kill(daemon.pid, signal.SIGHUP)
        await daemon.until(lambda: any("is in force" in each["event"] for each in daemon.events()))
        assert await daemon.end() == 0
        assert daemon.heard == []
        assert not any("exception" in each for each in daemon.events())
