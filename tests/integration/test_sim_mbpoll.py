"""The simulated equipment read and written by mbpoll, a client that is not ours."""

from __future__ import annotations

import asyncio
import subprocess

import pytest

from stationd.sim.cable import End
from stationd.sim.rig import EXAMPLE, load_rig
from stationd.sim.simulation import open_rig
from tests.conftest import program

FULL = 0xCCCC


async def _mbpoll(*words: str) -> str:
    mbpoll = program("mbpoll")
    done = await asyncio.to_thread(subprocess.run, [str(mbpoll), "-1", "-0", *words], capture_output=True, text=True, timeout=30)
    return done.stdout + done.stderr


async def test_mbpoll_reads_an_rtu_unit_without_a_gap_violation() -> None:
    async with open_rig(load_rig(EXAMPLE)) as simulation:
        told = await _mbpoll("-m", "rtu", "-b", "19200", "-P", "none", "-a", "7", "-r", "1", "-c", "5", simulation.ports["rtu"])
        assert [n for n in range(1, 6) if f"[{n}]: \t{7 * 256 + n}" not in told] == []
        assert simulation.counts("rtu").gap_violations == 0


async def test_mbpoll_writes_an_rtu_unit() -> None:
    async with open_rig(load_rig(EXAMPLE)) as simulation:
        words = ("-m", "rtu", "-b", "19200", "-P", "none", "-a", "1", "-r", "501", simulation.ports["rtu"], "30000")
        assert "Written 1 references" in await _mbpoll(*words)
        assert simulation.plant.power_feed(End.A).current_setpoint_ma == pytest.approx(30000 / FULL * 1500)


async def test_mbpoll_reads_a_tcp_unit() -> None:
    async with open_rig(load_rig(EXAMPLE)) as simulation:
        number = simulation.ports["io"].rpartition(":")[2]
        told = await _mbpoll("-m", "tcp", "-p", number, "-a", "1", "-t", "1", "-r", "0", "-c", "8", "127.0.0.1")
        assert "[7]: \t1" in told
