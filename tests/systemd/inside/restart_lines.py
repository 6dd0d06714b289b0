"""Restart without a scar: no client is refused, no letter of an alarm is lost, and a daemon that crashes comes back with patience."""

from __future__ import annotations

import itertools
import os
import signal
import socket
import threading
import time
from collections.abc import Callable

from inside.journal_lines import DOOR
from inside.plant import PAGES, SOCKET, asked, standing, until_polled
from inside.systemctl import (
    UNIT,
    Journal,
    changed,
    kept_within,
    main_pid,
    restored,
    run,
    shown,
    since_boot_s,
    systemctl,
    until,
    until_active,
    version,
)

BACK_S = 5.0  # ruling 21: active again within 5 s of the abort
OFTEN = 8  # DefaultStartLimitBurst= is 5 in 10 s
CRASHES = 5
PAUSE_S = 0.5  # RestartSec=
CLIENTS = 2
LEAST = 20  # questions of all of them together: before, during and after the restart
CRASHING = "ExecStart=\nExecStart=/opt/stationd/bin/python3 -I -c 'import os; os.abort()'\nType=exec\nExecReload="
HELLO = b'{"method":"org.varlink.service.GetInfo"}\0'


class Cut(Exception):
    """The daemon took the connection and closed it without an answer: its end met the question on its way."""


def no_client_of_the_control_socket_is_refused() -> str:
    """Connections made all through a restart wait and are answered."""
    return _all_answered(lambda: _answer(socket.AF_UNIX, str(SOCKET), HELLO))


def no_client_of_the_pages_is_refused() -> str:
    """The same for /metrics."""
    return _all_answered(lambda: _answer(socket.AF_INET, ("127.0.0.1", PAGES), b"GET /metrics HTTP/1.0\r\n\r\n"))


def _answer(family: socket.AddressFamily, address: object, question: bytes) -> None:
    with socket.socket(family, socket.SOCK_STREAM) as connection:
        connection.settimeout(BACK_S + 10.0)
        connection.connect(address)  # type: ignore[arg-type]
        connection.sendall(question)
        if not connection.recv(1):
            raise Cut


def _all_answered(ask: Callable[[], None]) -> str:
    """Ask again and again while the service is restarted; return what the slowest took."""
    until_polled()
    wrong: list[str] = []
    took: list[float] = []
    cut: list[float] = []
    ended = threading.Event()

    def client() -> None:
        while not ended.is_set():
            begun = time.monotonic()
            try:
                ask()
            except Cut:
                cut.append(begun)
            except OSError as error:
                wrong.append(f"{type(error).__name__}: {error}")
            took.append(time.monotonic() - begun)
            time.sleep(0.02)

    clients = [threading.Thread(target=client) for _ in range(CLIENTS)]
    for each in clients:
        each.start()
    before = main_pid()
    systemctl("restart", UNIT)
    assert until_active() != before
    until(lambda: len(took) >= LEAST, "nobody was answered after the restart")
    ended.set()
    for each in clients:
        each.join()
    assert wrong == [], wrong[:5]
    assert len(cut) <= CLIENTS, "more questions were cut off than could be on their way at once"
    return f"{len(took)} asked, {len(cut)} cut off by the end itself, the slowest {max(took):.2f} s"


def a_restart_keeps_every_letter() -> None:
    """An acknowledged alarm is acknowledged afterwards."""
    until_polled()
    before = standing()[DOOR]
    systemctl("restart", UNIT)
    until_polled()
    assert standing()[DOOR] == before


def a_kill_keeps_every_letter_and_it_is_back_at_once() -> str:
    """kill -9, at any moment: back within 5 s with the same letters."""
    until_polled()
    before, pid = standing()[DOOR], main_pid()
    killed = time.monotonic()
    os.kill(pid, signal.SIGKILL)
    until(lambda: main_pid() not in (0, pid), "no new process came")
    until_active()
    back_s = since_boot_s("ActiveEnterTimestampMonotonic") - killed
    until_polled()
    assert standing()[DOOR] == before
    kept_within(back_s, BACK_S, "to be active again after a kill")
    return f"back after {back_s:.1f} s"


def however_often_it_is_started_it_starts() -> str:
    """More starts in ten seconds than a manager allows by itself, of the daemon or of what is started with it."""
    begun = time.monotonic()
    for _ in range(OFTEN):
        systemctl("stop", UNIT)  # a restart would leave what is started with it as it is
        systemctl("start", UNIT)
    took_s = time.monotonic() - begun
    until_polled()
    return f"{OFTEN} times in {took_s:.1f} s"


def crashes_are_followed_by_patience_without_an_end() -> str:
    """The pauses between crashes: even on 252, growing up to 3 s from 254 on; and it never gives up."""
    journal = Journal("")
    changed("99-crashing", CRASHING)
    try:
        systemctl("restart", UNIT, code=None)
        until(lambda: int(shown("NRestarts")) >= CRASHES, "it was not started again", 60)
    finally:
        restored("99-crashing")
    said = [entry for entry in journal.entries(f"UNIT={UNIT}") if "Scheduled restart" in entry["MESSAGE"]]
    begun = [int(entry["__MONOTONIC_TIMESTAMP"]) / 1e6 for entry in said]
    pauses = [later - earlier for earlier, later in itertools.pairwise(begun)]
    until_polled()
    assert max(pauses) <= BACK_S - 1.0, pauses
    if version() >= 254:
        assert pauses[0] < pauses[-1], pauses
    else:
        assert min(pauses) >= PAUSE_S, pauses
    systemctl("reset-failed", UNIT)
    return " ".join(f"{pause:.2f}" for pause in pauses)


def a_second_daemon_finds_the_state_held() -> None:
    """Exit code 75, and the first one goes on."""
    words = ("systemd-run", "--wait", "--quiet", "--pipe", "--uid=stationd", "/opt/stationd/bin/stationd", "run")
    done = run(*words, code=75)
    assert asked("show", "status"), done


LINES = (
    no_client_of_the_control_socket_is_refused,
    no_client_of_the_pages_is_refused,
    a_restart_keeps_every_letter,
    a_kill_keeps_every_letter_and_it_is_back_at_once,
    a_second_daemon_finds_the_state_held,
    however_often_it_is_started_it_starts,
    crashes_are_followed_by_patience_without_an_end,
)
