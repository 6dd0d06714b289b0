"""A start with nothing there: whatever the machine lacks, the serial lines are read, people are told, and nothing crashes."""

from __future__ import annotations

import asyncio
import re
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from stationd.last_good import COPY
from tests.integration.booting import NO_BROKER, ROOT, Daemon, Spoil, odd_machine, station, without_network

READY_S, SCANNING_S = 5.0, 15.0  # promised for a start with nothing there
AT_ONCE = 3  # daemons that start side by side
HANGING_NAMES, NO_CLOCK = {"ODD_NAMES": "hang"}, {"ODD_UTC": "10"}


@pytest.fixture
def home() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="boot") as name:  # the path of a Unix socket has at most 107 bytes
        yield Path(name)


def no_broker(text: str) -> str:
    """Have the broker where nobody listens, which the simulated station has anyhow."""
    assert NO_BROKER in text
    return text


def no_names(text: str) -> str:
    return text.replace(NO_BROKER, "mqtt://broker.example:1883")


def no_ports(text: str) -> str:
    """Take every serial port away but that of the power feed."""
    return re.sub(r'(\[bus\.(fp[^]]*)\]\nport = ")[^"]*', r"\g<1>/dev/no-such-\g<2>", text)


def no_directory(text: str) -> str:
    return re.sub(r'state = "([^"]*)/state"', r'state = "\g<1>/not/there/yet"', text)


def no_place_for_one(text: str) -> str:
    """Have the state directory below something that is no directory."""
    return re.sub(r'state = "([^"]*)/state"', r'state = "\g<1>/station.toml/state"', text)


def whole(text: str) -> str:
    return text


@dataclass(frozen=True, slots=True)
class Lack:
    """What a machine lacks, and what people are told of it."""

    spoil: Spoil = whole
    alarms: tuple[str, ...] = ()
    troubles: tuple[str, ...] = ()
    odd: Mapping[str, str] = field(default_factory=dict)
    damaged: bool = False
    network: bool = True


ABSENT = tuple(f"{bus}/BUS-DOWN" for bus in ("fp1-booster", "fp1-preamp"))
DAMAGED = ("station/JOURNAL-DAMAGED",)
LACKS = {
    "nothing": Lack(),
    "broker": Lack(no_broker, troubles=("MQTT is not connected", "Sparkplug is not connected"), alarms=("station/FAR-STATION-LOST",)),
    "names": Lack(no_names, troubles=("MQTT is not connected",), odd=HANGING_NAMES),
    "clock": Lack(troubles=("the clock is not synchronised",), odd=NO_CLOCK),
    "ports": Lack(no_ports, alarms=ABSENT),
    "journal": Lack(alarms=DAMAGED, damaged=True),
    "directory": Lack(no_directory),
    "place for a directory": Lack(no_place_for_one, alarms=("station/STORAGE-FAILED",)),
}
NETWORK = Lack(alarms=("io/BUS-DOWN", "station/FAR-STATION-LOST"), troubles=("MQTT is not connected",), network=False)
ALL = Lack(
    lambda text: no_ports(no_names(text)),
    (*ABSENT, *DAMAGED, "io/BUS-DOWN", "station/FAR-STATION-LOST"),
    ("MQTT is not connected", "the clock is not synchronised"),
    {**HANGING_NAMES, **NO_CLOCK},
    damaged=True,
    network=False,
)


@pytest.mark.timeout(600)  # eight starts, on a machine that may be busy
async def test_without_any_one_of_them_the_lines_are_read_people_are_told_and_nothing_crashes(home: Path) -> None:
    turns = asyncio.Semaphore(AT_ONCE)

    async def alone(what: str) -> None:
        async with turns:
            (home / what).mkdir()
            try:
                await _start_without(LACKS[what], home / what)
            except BaseException as error:
                error.add_note(f"without: {what}")
                raise

    async with asyncio.TaskGroup() as tasks:
        for what in LACKS:
            tasks.create_task(alone(what))


@pytest.mark.parametrize("lack", [NETWORK, ALL], ids=["network", "everything"])
async def test_without_a_network_and_without_everything_too(home: Path, lack: Lack) -> None:
    await _start_without(lack, home)


async def test_only_one_daemon_has_a_state_directory_and_a_killed_one_leaves_it_to_the_next(home: Path) -> None:
    async with station(home) as daemon:
        await daemon.start()
        await daemon.until_ready()
        second = [sys.executable, "-m", "stationd", "run", "--config", str(daemon.file)]
        done = await asyncio.to_thread(subprocess.run, second, cwd=ROOT, capture_output=True, text=True, timeout=60)
        assert done.returncode == 75
        assert f"stationd: {home}/state is held by another instance; only one may work in it\n" in done.stderr
        assert "Traceback" not in done.stderr
        for _ in range(2):
            await daemon.end(signal.SIGKILL)
            ready = len(daemon.told("READY"))
            await daemon.start()
            await daemon.until(lambda ready=ready: len(daemon.told("READY")) > ready)  # type: ignore[misc]
        assert await daemon.end() == 0


@pytest.mark.timeout(300)
async def test_a_file_that_was_refused_and_a_kill_leave_the_station_watched_by_the_last_good_one_and_read_only(home: Path) -> None:
    async with station(home) as daemon:
        await daemon.start()
        await daemon.until_ready()
        await daemon.until((home / "state" / COPY).exists)
        await daemon.until(lambda: len(daemon.events("the first value is read")) == 1)
        good = daemon.file.read_text()
        assert "read_only = false" in good
        daemon.file.write_text(good.replace("[station]", "[station]\ncolour = 'secret-blue'"))
        await daemon.end(signal.SIGKILL)
        await daemon.start()
        await daemon.until(lambda: len(daemon.told("READY")) == 2)
        await daemon.until(lambda: len(daemon.events("the first value is read")) == 2)
        await daemon.until_alarms("station/CONFIG-REJECTED")
        assert [each["key"] for each in daemon.events("a mistake in the station file")] == ["station.colour"]
        assert daemon.events("station starts")[-1]["read_only"] is True
        await daemon.until(lambda: "not in force" in daemon.told("STATUS")[-1])
        for said in (daemon.told("STATUS")[-1], await _note(daemon, "station/CONFIG-REJECTED")):
            assert f"1 mistake, the first: {daemon.file}: station.colour: " in said
            assert "the last good file is in force and nothing can be written until" in said
            assert "secret-blue" not in said
        daemon.file.write_text(good)
        await daemon.end(signal.SIGKILL)
        await daemon.start()
        await daemon.until(lambda: len(daemon.told("READY")) == 3)
        await daemon.until(lambda: _gone(daemon, "station/CONFIG-REJECTED"))
        assert daemon.events("station starts")[-1]["read_only"] is False
        assert await daemon.end() == 0


async def test_without_a_last_good_file_a_bad_one_is_refused_with_every_mistake(home: Path) -> None:
    async with station(home, lambda text: text + "[colour]\nblue = 1\n") as daemon:
        await daemon.start()
        assert daemon.process is not None
        assert await daemon.process.wait() == 2
        assert "nothing was started" in (home / "log").read_text()
        assert not daemon.told("READY")


async def _gone(daemon: Daemon, key: str) -> bool:
    """Return whether an alarm is known not to hold."""
    shown = await daemon.shown("alarms", "all")
    return shown is not None and not [each for each in shown["alarms"] if each["key"] == key and each["letter"] in "BCEF"]


async def _note(daemon: Daemon, key: str) -> str:
    shown = await daemon.shown("alarms", "all")
    return next(str(each["note"]) for each in shown["alarms"] if each["key"] == key)


async def _start_without(lack: Lack, home: Path) -> None:
    before = () if lack.network else without_network()
    if not lack.network and not before:
        pytest.skip("nobody may take the network away from a program here; to run this: as root, with unshare of util-linux")
    odd = {**lack.odd, "LD_PRELOAD": str(odd_machine(home))} if lack.odd else {}
    async with station(home, lack.spoil, odd, before) as daemon:
        if lack.damaged:
            (home / "state").mkdir()
            (home / "state" / "journal.sqlite").write_bytes(b"SQLite format 3\0" + bytes(range(256)) * 64)
        await daemon.start()
        await daemon.until_ready()
        await daemon.until(lambda: bool(daemon.events("the first value is read")))
        await daemon.until_alarms(*lack.alarms)
        await daemon.until_trouble(*lack.troubles)
        assert await daemon.end() == 0
        _no_failure(daemon)
    assert daemon.own_s("the station is ready") <= READY_S
    assert daemon.own_s("the first value is read") <= SCANNING_S


def _no_failure(daemon: Daemon) -> None:
    """Look for what a daemon says only when a part of it failed."""
    failed = [each for each in daemon.events() if "exception" in each or "made anew" in each["event"]]
    assert failed == []
    assert daemon.told("STOPPING") == ["1"]
    assert [each for each in daemon.told("STATUS") if "devices answer" in each]
