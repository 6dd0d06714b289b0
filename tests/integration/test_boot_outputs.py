"""A start whose outputs cannot begin: each is an alarm and is tried again, while the lines are read and the manager is told READY."""

from __future__ import annotations

import asyncio
import json
import re
import socket
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from stationd.sim.demo_station import SOCKET
from tests.integration.booting import NO_BROKER, Daemon, station

REBUILT, BROKER = "station/TASK-REBUILT", "station/BROKER-LOST"


@pytest.fixture
def home() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="out") as name:  # the path of a Unix socket has at most 107 bytes
        yield Path(name)


async def begins(daemon: Daemon) -> None:
    await daemon.start()
    await daemon.until_ready()
    await daemon.until(lambda: bool(daemon.events("the first value is read")))


async def until_note(daemon: Daemon, key: str, words: str) -> None:
    """Wait until an alarm stands whose note says this."""

    async def said() -> bool:
        shown: Any = await daemon.shown("alarms", "all")
        return shown is not None and any(each["key"] == key and each["letter"] != "A" and words in each["note"] for each in shown["alarms"])

    await daemon.until(said)


async def test_a_password_that_is_not_there_is_a_lost_broker_and_asked_for_again(home: Path) -> None:
    secret = home / "password"

    def spoil(text: str) -> str:
        return text.replace(f'url = "{NO_BROKER}"', f'url = "{NO_BROKER}"\nusername = "me"\npassword = "file:{secret}"')

    async with station(home, spoil) as daemon:
        assert "password" in daemon.file.read_text()
        await begins(daemon)
        await until_note(daemon, BROKER, f"cannot read {secret}: No such file or directory")
        assert await daemon.end() == 0


@pytest.mark.parametrize("trouble", ["port", "name"])
async def test_pages_that_cannot_be_served_are_an_alarm_and_served_once_they_can(home: Path, trouble: str) -> None:
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        holder.listen()
        port = holder.getsockname()[1]
        at = f"127.0.0.1:{port}" if trouble == "port" else "no-such-name.invalid:0"
        async with station(home, lambda text: text.replace("127.0.0.1:0", at)) as daemon:
            await begins(daemon)
            await until_note(daemon, REBUILT, "pages: failed: " + ("[Errno 98] the pages" if trouble == "port" else ""))
            await until_note(daemon, REBUILT, "the pages cannot listen at")
            assert not daemon.events("metrics are served")
            if trouble == "port":
                holder.close()
                await daemon.until(lambda: bool(daemon.events("metrics are served")))
                _, writer = await asyncio.open_connection("127.0.0.1", port)
                writer.close()
            assert await daemon.end() == 0


@pytest.mark.parametrize("trouble", ["directory", "file"])
async def test_a_control_socket_that_has_no_place_is_tried_again_until_it_has(home: Path, trouble: str) -> None:
    place = home / "place" / SOCKET

    def spoil(text: str) -> str:
        return re.sub(rf'"[^"]*{re.escape(SOCKET)}"', json.dumps(str(place)), text)

    async with station(home, spoil) as daemon:
        assert str(place) in daemon.file.read_text()
        if trouble == "file":
            place.parent.mkdir()
            place.write_text("somebody's")
        await begins(daemon)
        failed = "a part of the daemon failed and is made anew"
        await daemon.until(lambda: "control socket" in {each.get("part") for each in daemon.events(failed)})
        if trouble == "file":
            assert place.read_text() == "somebody's"
            place.unlink()
        else:
            place.parent.mkdir()
        await daemon.until(place.is_socket)
        (home / SOCKET).symlink_to(place)
        await until_note(daemon, REBUILT, "control socket: failed: ")
        assert await daemon.end() == 0
