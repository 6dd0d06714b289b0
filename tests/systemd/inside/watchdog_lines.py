"""What hangs: a bus is made anew alone, a hung loop is aborted with its stacks in the journal and comes back as it was (ruling 21).

The faults are planted (inside.planted); the drop-in only starts the installed daemon with them.
"""

from __future__ import annotations

import os
import signal
import time

from inside.journal_lines import DOOR
from inside.plant import standing, until_polled, until_settled
from inside.restart_lines import BACK_S
from inside.systemctl import UNIT, Journal, changed, kept_within, main_pid, restored, shown, since_boot_s, systemctl, until, until_active

PLANTED = """
ExecStart=
ExecStart=/opt/stationd/bin/python3 -I /payload/inside/planted.py run --config /etc/stationd/station.toml
Environment=HANGING_BUS=booster
"""
ABORT_S = 1.0  # R7: of the manager, beyond WatchdogSec=


def the_daemon_can_be_started_with_faults() -> None:
    """The same daemon, in the same sandbox, with the faults."""
    changed("99-planted", PLANTED)
    systemctl("restart", UNIT)
    until_polled()


def a_hung_bus_is_made_anew_alone() -> str:
    """Within a minute the bus works again, TASK-REBUILT says so, and neither the daemon nor another bus was touched."""
    journal, pid, begun = Journal(), main_pid(), time.monotonic()
    os.kill(pid, signal.SIGRTMIN + 1)
    journal.until_said("bus booster", "PRIORITY=3", "PRIORITY=4", within_s=90)
    took_s = time.monotonic() - begun
    until(lambda: any(key.endswith("TASK-REBUILT") for key in standing()), "no alarm TASK-REBUILT", 30)
    until_polled()
    assert (main_pid(), shown("NRestarts")) == (pid, "0")
    return f"found and made anew after {took_s:.1f} s"


def a_hung_loop_is_aborted_and_comes_back_as_it_was() -> str:
    """Aborted at WatchdogSec, its stack in the journal, active again within 5 s of the abort, every letter kept."""
    before, pid, manager, journal = standing()[DOOR], main_pid(), Journal(""), Journal()
    limit_s = _seconds(shown("WatchdogUSec"))
    hung = time.monotonic()
    os.kill(pid, signal.SIGUSR2)
    entry = _until_entry(manager, "Watchdog timeout", limit_s + 30)
    aborted = int(entry["__MONOTONIC_TIMESTAMP"]) / 1e6
    until(lambda: main_pid() not in (0, pid), "no new process came")
    until_active()
    back_s = since_boot_s("ActiveEnterTimestampMonotonic") - aborted
    assert journal.until_said("hang_the_loop")
    until_polled()
    assert standing()[DOOR] == before
    kept_within(aborted - hung, limit_s + ABORT_S, "to abort the hung loop")
    kept_within(back_s, BACK_S, "to be active again after the abort")
    return f"WatchdogSec={limit_s:g}: aborted {aborted - hung:.1f} s after the hang, active again {back_s:.1f} s after the abort"


def a_stopped_process_is_killed_and_comes_back() -> str:
    """SIGSTOP: it cannot even answer SIGABRT, so that TimeoutAbortSec= ends it."""
    pid, limit_s = main_pid(), _seconds(shown("WatchdogUSec"))
    stopped = time.monotonic()
    os.kill(pid, signal.SIGSTOP)
    until(lambda: main_pid() not in (0, pid), "no new process came", limit_s + 30)
    until_active()
    until_polled()
    return f"active again {since_boot_s('ActiveEnterTimestampMonotonic') - stopped:.1f} s after the stop"


def without_the_faults_it_is_the_daemon_again() -> None:
    """For the lines that follow."""
    restored("99-planted")
    systemctl("restart", UNIT)
    systemctl("reset-failed", UNIT)
    until_polled()
    until_settled()


def _seconds(text: str) -> float:
    """Return the seconds of a span of time as the manager writes it: 10s, 1min 30s, 500ms."""
    units = {"min": 60.0, "ms": 0.001, "s": 1.0}
    total = 0.0
    for word in text.split():
        unit = next(unit for unit in units if word.endswith(unit))
        total += float(word.removesuffix(unit)) * units[unit]
    return total


def _until_entry(journal: Journal, text: str, within_s: float) -> dict[str, str]:
    found = until(lambda: [entry for entry in journal.entries("_PID=1") if text in entry["MESSAGE"]], f"no entry says {text}", within_s)
    return dict(found[0])


LINES = (
    the_daemon_can_be_started_with_faults,
    a_hung_bus_is_made_anew_alone,
    a_hung_loop_is_aborted_and_comes_back_as_it_was,
    a_stopped_process_is_killed_and_comes_back,
    without_the_faults_it_is_the_daemon_again,
)
