"""What the sandbox denies, and what the daemon can still do inside it: the live half of the exposure's table.

The attempts (inside.probe) run with every property of the service: a drop-in puts them in the place of the daemon for one start.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

from inside.plant import STATE
from inside.probe import ATTEMPTS
from inside.systemctl import UNIT, NotHere, changed, main_pid, restored, run, shown, systemctl, until_active

OUTCOME = Path("/run/probe.json")
IN_ITS_PLACE = f"""
Type=oneshot
Restart=no
WatchdogSec=0
ExecReload=
ExecStart=
ExecStart=/opt/stationd/bin/python3 -I /payload/inside/probe.py
StandardOutput=truncate:{OUTCOME}
"""
REFUSALS = {"EPERM", "EACCES", "EROFS", "ENOENT", "ESRCH", "EAFNOSUPPORT", "ENOSYS"}
ALLOWED = (
    "write its state", "write beside the control socket", "a TCP socket", "read the start of the machine", "read the consoles",
    "read its credential", "read what the witness wrote",
)  # fmt: skip
WHERE_THE_MACHINE_ALLOWS = ("real time", "lock memory")
DENIED = tuple(name for name in ATTEMPTS if name not in ALLOWED + WHERE_THE_MACHINE_ALLOWS)


def the_daemon_has_no_right_at_all() -> None:
    """No capability, no way to get one, every system call filtered, and its own user."""
    status = dict(re.findall(r"(?m)^(\w+):\s*(\S+)", Path(f"/proc/{main_pid()}/status").read_text()))
    assert {int(status[name], 16) for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb")} == {0}
    assert (status["NoNewPrivs"], status["Seccomp"]) == ("1", "2")
    assert status["Uid"] == run("id", "-u", "stationd").stdout.strip()


def the_attempts_can_be_made_in_the_place_of_the_daemon() -> None:
    """The unit with the attempts instead of the daemon ends in order and says what came of each."""
    systemctl("stop", UNIT)
    changed("99-probe", IN_ITS_PLACE)
    try:
        systemctl("start", UNIT)
    finally:
        restored("99-probe")
        systemctl("start", UNIT)
    until_active()
    assert set(outcomes()) == set(ATTEMPTS)
    (Path("/out") / "probe.json").write_text(OUTCOME.read_text())


def outcomes() -> dict[str, str]:
    """Return what came of the attempts."""
    found: dict[str, str] = json.loads(OUTCOME.read_text())
    return found


def denied(name: str) -> Callable[[], str]:
    """Return the line that says that an attempt was refused by the kernel."""

    def line() -> str:
        assert outcomes()[name] in REFUSALS, outcomes()[name]
        return outcomes()[name]

    line.__name__ = f"denied__{re.sub('[^a-z]+', '_', name.lower()).strip('_')}"
    return line


def allowed(name: str) -> Callable[[], None]:
    """Return the line that says that the daemon can do what it needs."""

    def line() -> None:
        assert outcomes()[name] == "done", outcomes()[name]

    line.__name__ = f"allowed__{re.sub('[^a-z]+', '_', name.lower()).strip('_')}"
    return line


def real_time_needs_no_capability() -> None:
    """SCHED_FIFO 40 by LimitRTPRIO= alone, and the sampler says that it has it."""
    _limit_granted("LimitRTPRIO", "Max realtime priority", 40)
    assert outcomes()["real time"] == "done"


def memory_is_locked_without_a_capability() -> None:
    """mlock within LimitMEMLOCK=."""
    _limit_granted("LimitMEMLOCK", "Max locked memory", 4 << 20)
    assert outcomes()["lock memory"] == "done"


def _limit_granted(name: str, row: str, least: int) -> None:
    """The unit asks for it; NotHere when this machine's root itself may not give it, as in a container without CAP_SYS_RESOURCE."""
    assert int(shown(name)) >= least
    limits = Path(f"/proc/{main_pid()}/limits").read_text()
    found = re.search(rf"{row}\s+(\S+)", limits)
    assert found is not None, limits
    if found[1].isdigit() and int(found[1]) < least:
        raise NotHere(f"this machine's root may not raise {name}= above {found[1]} (no CAP_SYS_RESOURCE)")


def what_the_daemon_keeps_is_for_nobody_else() -> None:
    """State directory and journal belong to the daemon; nobody else may even look."""
    assert (STATE.owner(), oct(STATE.stat().st_mode & 0o7777)) == ("stationd", "0o750")
    open_to_others = [str(path) for path in STATE.rglob("*") if path.is_file() and path.stat().st_mode & 0o077]
    assert open_to_others == [], open_to_others
    assert (STATE / "journal.sqlite").owner() == "stationd"


LINES = (
    the_daemon_has_no_right_at_all,
    the_attempts_can_be_made_in_the_place_of_the_daemon,
    *(denied(name) for name in DENIED),
    *(allowed(name) for name in ALLOWED),
    real_time_needs_no_capability,
    memory_is_locked_without_a_capability,
    what_the_daemon_keeps_is_for_nobody_else,
)
