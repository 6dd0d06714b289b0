"""Terminal devices, on real pseudo terminals."""

from __future__ import annotations

import asyncio
import os
import termios
import threading
import tty
from pathlib import Path

import pytest
import serial

from stationd.links.port import LinkError, PortSettings
from stationd.links.serial import open_serial
from tests.virtual_time import run


class Ear:
    def __init__(self) -> None:
        self.heard = bytearray()
        self.causes: list[str] = []
        self.news = asyncio.Event()

    def received(self, data: bytes) -> None:
        self.heard += data
        self.news.set()

    def lost(self, cause: str) -> None:
        self.causes.append(cause)
        self.news.set()

    async def next(self) -> None:
        await self.news.wait()
        self.news.clear()


def _pty() -> tuple[int, int, PortSettings]:
    master, slave = os.openpty()
    tty.setraw(slave)
    return master, slave, PortSettings(os.ttyname(slave), baud=9600)


async def test_bytes_go_both_ways_and_a_hang_up_is_seen_at_once() -> None:
    master, slave, settings = _pty()
    ear = Ear()
    link = await open_serial(settings, ear)
    os.close(slave)
    link.send(b"MV?\r")
    assert os.read(master, 100) == b"MV?\r"
    os.write(master, b"12.0\r")
    await ear.next()
    assert bytes(ear.heard) == b"12.0\r"
    os.close(master)
    await ear.next()
    assert len(ear.causes) == 1
    assert settings.port in ear.causes[0]


async def test_opening_and_closing_never_drops_the_modem_lines() -> None:
    master, slave, settings = _pty()
    attributes = termios.tcgetattr(slave)
    attributes[2] |= termios.HUPCL
    termios.tcsetattr(slave, termios.TCSANOW, attributes)
    link = await open_serial(settings, Ear())
    assert not termios.tcgetattr(slave)[2] & termios.HUPCL
    link.close()
    assert not termios.tcgetattr(slave)[2] & termios.HUPCL
    os.close(slave)
    os.close(master)


async def test_a_port_is_opened_by_one_owner_only() -> None:
    master, slave, settings = _pty()
    link = await open_serial(settings, Ear())
    with pytest.raises(LinkError, match=settings.port):
        await open_serial(settings, Ear())
    link.close()
    (await open_serial(settings, Ear())).close()
    os.close(slave)
    os.close(master)


async def test_a_port_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(LinkError, match="no-such-port"):
        await open_serial(PortSettings(str(tmp_path / "no-such-port")), Ear())


async def test_a_rest_in_which_nothing_comes_is_no_hang_up() -> None:
    master, slave, settings = _pty()
    ear = Ear()
    link = await open_serial(settings, ear)
    link.rest(0.002)
    asyncio.get_running_loop().call_later(0.02, os.write, master, b"late")
    await ear.next()
    assert (bytes(ear.heard), ear.causes) == (b"late", [])
    link.close()
    os.close(slave)
    os.close(master)


async def test_bytes_that_come_while_the_port_rests_are_kept() -> None:
    master, slave, settings = _pty()
    ear = Ear()
    link = await open_serial(settings, ear)
    os.write(master, b"1")
    await ear.next()
    link.rest(0.02)
    os.write(master, b"2")
    os.write(master, b"3")
    await ear.next()
    assert bytes(ear.heard) == b"123"
    link.close()
    os.close(slave)
    os.close(master)


async def test_a_cancellation_is_never_lost_in_an_opening_that_fails(tmp_path: Path) -> None:
    for turns in range(60):
        opening = asyncio.create_task(open_serial(PortSettings(str(tmp_path / "no-such-port")), Ear()))
        for _ in range(turns):
            await asyncio.sleep(0)
        asked = opening.cancel()
        await asyncio.wait((opening,))
        assert opening.cancelled() == asked


def test_an_opening_that_hangs_is_a_port_that_cannot_be_opened_and_costs_one_thread_however_often_it_is_tried(tmp_path: Path) -> None:
    comes_back, closed, late = threading.Event(), threading.Event(), list[serial.Serial]()

    class Late(serial.Serial):
        def close(self) -> None:
            closed.set()

    def hangs(_: PortSettings) -> serial.Serial:
        comes_back.wait()
        late.append(Late())
        return late[-1]

    async def main() -> None:
        settings, causes = PortSettings(str(tmp_path / "ttyS0")), list[str]()
        for _ in range(20):
            with pytest.raises(LinkError) as refused:
                await open_serial(settings, Ear(), hangs)
            causes.append(str(refused.value))
        assert "takes too long" in causes[0]
        assert all("has not come back from its driver" in cause for cause in causes[1:])
        assert sum(thread.name == "port-opening" for thread in threading.enumerate()) == 1
        comes_back.set()
        while not closed.is_set():
            await asyncio.sleep(0.01)
        with pytest.raises(LinkError, match=r"No such file|takes too long"):  # time that is not real does not wait for its thread
            await open_serial(settings, Ear())

    run(main())
