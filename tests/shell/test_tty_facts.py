"""After how long without a key a shell ends: on a serial line the environment may only make that sooner."""

from __future__ import annotations

import pytest

from stationd.shell.tty_facts import IDLE, IDLE_S, Facts, idle_s

WIRE, PSEUDO = Facts("/dev/ttyS0", serial=True, baud=9600), Facts("/dev/pts/3", serial=False, baud=0)


@pytest.mark.parametrize("wished", ["inf", "-inf", "nan", "0", "-5", "1e999", "never", "", "1e9", "601"])
def test_nobody_makes_a_shell_on_a_serial_line_stay(wished: str) -> None:
    assert idle_s(WIRE, {IDLE: wished}) == IDLE_S


def test_it_may_be_shorter() -> None:
    assert idle_s(WIRE, {IDLE: "60"}) == 60.0
    assert idle_s(WIRE, {}) == IDLE_S


def test_behind_a_pseudo_terminal_a_shell_stays_unless_it_is_told_otherwise() -> None:
    assert idle_s(PSEUDO, {}) is None
    assert idle_s(PSEUDO, {IDLE: "nan"}) is None
    assert idle_s(PSEUDO, {IDLE: "1200"}) == 1200.0
