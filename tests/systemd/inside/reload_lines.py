"""`systemctl reload`: a good file is taken up, a bad one leaves everything running and says why, an unchanged one changes nothing."""

from __future__ import annotations

import os
import re
import signal
import time
from pathlib import Path

from inside.journal_lines import DOOR
from inside.plant import STATION_FILE, asked, standing, until_polled, write_station
from inside.systemctl import UNIT, Journal, main_pid, shown, systemctl, until, until_active

NEW_V = 790.0


def a_good_file_is_taken_up_by_the_same_process() -> str:
    """The new limit is in force, the alarms have the letters that they had, no port was touched, and nobody was restarted."""
    until_polled()
    journal, pid, before = Journal(), main_pid(), standing()[DOOR]
    write_station(NEW_V, door_raises=True)
    begun = time.monotonic()
    systemctl("reload", UNIT)
    journal.until_said("the station file is in force")
    took_s = time.monotonic() - begun
    assert (main_pid(), standing()[DOOR]) == (pid, before)
    assert str(NEW_V) in str(asked("show", "config", "pfe.pfe-a.max_v"))
    assert "port open" not in journal.texts()
    return f"{took_s:.2f} s"


def a_reload_of_the_same_file_is_none() -> None:
    """Nothing is changed, and it is said."""
    journal, pid = Journal(), main_pid()
    systemctl("reload", UNIT)
    journal.until_said("nothing in it has changed")
    assert main_pid() == pid


def a_bad_file_leaves_the_old_one_running_and_says_why() -> str:
    """The sentence is in the journal and in the status; the station goes on as it was."""
    journal, pid = Journal(), main_pid()
    good = STATION_FILE.read_text(encoding="utf-8")
    STATION_FILE.write_text(good.replace('protocol = "text"', 'protocol = "texts"'), encoding="utf-8")
    systemctl("reload", UNIT, code=None)
    try:
        journal.until_said("bus.booster.protocol")
        sentence = journal.until_said("is not taken up, the one before stays in force")
        until(lambda: "not taken up" in shown("StatusText"), "the status never said so")
        assert (main_pid(), shown("ActiveState")) == (pid, "active")
        assert str(NEW_V) in str(asked("show", "config", "pfe.pfe-a.max_v"))
    finally:
        STATION_FILE.write_text(good, encoding="utf-8")
    systemctl("reload", UNIT)
    until(lambda: "not taken up" not in shown("StatusText"), "the status never forgot it")
    return sentence


def a_hangup_during_the_start_never_kills() -> str:
    """SIGHUP again and again from the daemon's first instruction on, all through its start."""
    systemctl("stop", UNIT)
    systemctl("start", "--no-block", UNIT)
    pid = until(main_pid, "no process came")
    until(lambda: _hears(pid), "it never listened to SIGHUP")
    sent, give_up = 0, time.monotonic() + 30.0
    while shown("ActiveState") != "active":
        assert time.monotonic() < give_up
        os.kill(pid, signal.SIGHUP)
        sent += 1
    assert until_active() == pid
    until_polled()
    assert shown("NRestarts") == "0"
    assert sent > 1
    return f"{sent} sent"


def a_hangup_before_the_first_instruction_costs_a_second() -> str:
    """While there is no interpreter yet the kernel ends whoever gets SIGHUP; the manager starts it again."""
    systemctl("stop", UNIT)
    systemctl("start", "--no-block", UNIT)
    pid = until(main_pid, "no process came")
    os.kill(pid, signal.SIGHUP)
    begun = time.monotonic()
    until_polled()
    return f"polls {time.monotonic() - begun:.1f} s later"


def _hears(pid: int) -> bool:
    """Return whether a process has a handler for SIGHUP (SigCgt of proc(5): bit 0 is signal 1)."""
    try:
        found = re.search(r"SigCgt:\s*(\S+)", Path(f"/proc/{pid}/status").read_text())
    except OSError:
        return False
    return found is not None and bool(int(found[1], 16) & 1)


LINES = (
    a_good_file_is_taken_up_by_the_same_process,
    a_reload_of_the_same_file_is_none,
    a_bad_file_leaves_the_old_one_running_and_says_why,
    a_hangup_during_the_start_never_kills,
    a_hangup_before_the_first_instruction_costs_a_second,
)
