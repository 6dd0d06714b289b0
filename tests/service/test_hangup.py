"""The wish that the file is read again: kept until somebody can take it up, and never twice."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator

import pytest

from stationd.service.hangup import Hangup


@pytest.fixture
def hangup() -> Iterator[Hangup]:
    before = signal.getsignal(signal.SIGHUP)
    yield Hangup()
    signal.signal(signal.SIGHUP, before)


def test_a_signal_before_there_is_anybody_to_wake_is_told_as_soon_as_there_is(hangup: Hangup) -> None:
    os.kill(os.getpid(), signal.SIGHUP)
    woken: list[str] = []
    hangup.tell(lambda: woken.append("early"))
    assert woken == ["early"]
    os.kill(os.getpid(), signal.SIGHUP)
    assert woken == ["early", "early"]


def test_several_signals_are_one_wish_and_a_later_one_is_another(hangup: Hangup) -> None:
    for _ in range(5):
        os.kill(os.getpid(), signal.SIGHUP)
    assert hangup.take()
    assert not hangup.take()
    os.kill(os.getpid(), signal.SIGHUP)
    assert hangup.take()


def test_without_a_signal_nobody_is_woken(hangup: Hangup) -> None:
    hangup.tell(lambda: pytest.fail("nobody has sent a signal"))
    assert not hangup.take()


HAIL = """
import asyncio, os, signal
from stationd.service.hangup import Hangup, handle_quietly
async def main():
    ended = asyncio.Event()
    handle_quietly(asyncio.get_running_loop(), (signal.SIGTERM,), ended.set)
    for _ in range(2000):
        os.kill(os.getpid(), signal.SIGHUP)  # the loop takes none of them meanwhile
    os.kill(os.getpid(), signal.SIGTERM)
    await asyncio.sleep(0.01)
    os.kill(os.getpid(), signal.SIGTERM)
    await ended.wait()
hangup = Hangup()
asyncio.run(main())
assert hangup.take()
"""
LAST = """
import os, signal
from stationd.service.hangup import Hangup
class Late:
    def __del__(self, kill=os.kill, own=os.getpid(), number=signal.SIGHUP):
        kill(own, number)  # while the interpreter takes its modules apart
hangup = Hangup()
hangup.end()
import sys
sys.late = Late()
"""


@pytest.mark.parametrize("program", [HAIL, LAST], ids=["a hail", "at the very end"])
def test_the_signal_leaves_no_trace_and_never_ends_the_process(program: str) -> None:
    done = subprocess.run([sys.executable, "-c", program], stderr=subprocess.PIPE, text=True, timeout=60)
    assert (done.returncode, done.stderr) == (0, "")
