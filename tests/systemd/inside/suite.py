"""The driver inside: runs the lines of one phase in their order, writes what came of each, and ends the system.

    python3 -m inside.suite PHASE        PHASE is one of the names of PHASES

/out/PHASE.json has for each line its room, name, verdict, text, time, and what it measured against a promise; it is written after each
line, so that a system that dies says how far it came. Always the last thing is `systemctl exit`: without it the container would stay until
its limit.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
import traceback
from collections.abc import Callable
from pathlib import Path

from inside import (
    cold_lines,
    journal_lines,
    package_lines,
    people_lines,
    reload_lines,
    removal_lines,
    restart_lines,
    sandbox_lines,
    upgrade_lines,
    watchdog_lines,
    witness_lines,
)
from inside.systemctl import MEASURED, Journal, NotHere, run

Line = Callable[[], str | None]
PHASES: dict[str, tuple[Line, ...]] = {
    "installed": (
        *package_lines.LINES, *sandbox_lines.LINES, *journal_lines.LINES, *people_lines.LINES, *witness_lines.LINES,
        *restart_lines.LINES, *reload_lines.LINES, *watchdog_lines.LINES, *cold_lines.PREPARATIONS,
    ),
    "nothing-there": cold_lines.LINES,
    "removed": removal_lines.LINES,
    "upgraded": (*removal_lines.PREPARATIONS, *upgrade_lines.LINES),
}  # fmt: skip
OUT = Path("/out")


def main(phase: str) -> int:
    """Run a phase; return how many lines failed."""
    done: list[dict[str, object]] = []
    for line in PHASES[phase]:
        done.append(carried_out(line))
        print(f"{done[-1]['verdict']:8} {done[-1]['seconds']:6.2f} s  {line.__name__}  {done[-1]['text']}", flush=True)  # noqa: T201
        (OUT / f"{phase}.json").write_text(json.dumps(done, indent=1), encoding="utf-8")
    return sum(each["verdict"] == "failed" for each in done)


def carried_out(line: Line) -> dict[str, object]:
    """Run one line and return what came of it; for a failed one also what the manager and the daemon said meanwhile."""
    begun = time.monotonic()
    marks = [("manager", Journal("")), ("stationd", Journal())]
    verdict, text = "passed", ""
    MEASURED.clear()
    try:
        text = line() or ""
    except NotHere as reason:
        verdict, text = "skipped", str(reason)
    except Exception:  # noqa: BLE001  # whatever it is, the other lines are carried out
        verdict, text = "failed", traceback.format_exc()
        text += "".join(f"\n--- {who}\n{mark.texts()[-3000:]}" for who, mark in marks)
    room, seconds = line.__module__.rpartition(".")[2], round(time.monotonic() - begun, 2)
    return {"room": room, "line": line.__name__, "verdict": verdict, "text": text, "seconds": seconds, "measured": list(MEASURED)}


if __name__ == "__main__":
    failed = 1
    try:
        failed = main(sys.argv[1])
    finally:
        run("journalctl", "--sync", code=None)
        words = ("journalctl", "--namespace=*", "--no-pager", "--output=short-monotonic")
        (OUT / f"{sys.argv[1]}.journal").write_text(run(*words, code=None).stdout)
        subprocess.run(["systemctl", "--no-block", "exit", str(min(failed, 1))], check=False)
