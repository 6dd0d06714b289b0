"""The wish that the file is read again: kept until somebody can take it up, and never twice."""

from __future__ import annotations

import os
import signal
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
