"""What keeps people and equipment whole on a bench with voltage on it.

What it is: before anything, the ceilings of the rig file are compared with those set in the supply, the interlock loop must be closed,
and a person must have typed his name (class 4 of the product's commands, what can kill). While the rig is in use the loop and the meters
are looked at all the time. The voltage goes off on any way out: at the end, on an error, at exit, on SIGTERM, and when this process is
killed: a second process of its own session holds a pipe of ours and switches off when it breaks.
What it is not: the protection. That is the hardware of the bench: its contactor, its fuses, the supply's own limits.
"""

from __future__ import annotations

import atexit
import contextlib
import json
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from types import FrameType

from hil.acts import Hands, RigFailed
from hil.rigfile import Act, Safety, Way

LOOK_S = 0.25
PATIENCE_S = 15.0
ROOT = Path(__file__).resolve().parent.parent


class Guard:
    """Guards one bench from `arm` to `off`. `failed` is called once, with the reason, when it had to switch off by itself."""

    def __init__(self, safety: Safety, hands: Hands, meters: Mapping[str, Act], labgrid: str, failed: Callable[[str], None]) -> None:
        self._safety, self._hands, self._meters, self._labgrid, self._failed = safety, hands, meters, labgrid, failed
        self._over = threading.Event()
        self._watch = threading.Thread(target=self._run, daemon=True, name="hil-guard")
        self._deadman: subprocess.Popen[bytes] | None = None
        self._before: signal.Handlers | Callable[[int, FrameType | None], object] | int | None = None
        self.reason = ""

    def arm(self) -> None:
        """Check everything, then guard. RigFailed says what is not as it must be; nothing is switched on here."""
        self._check_supply()
        self._check_now()
        assert self._safety.off is not None
        words = [sys.executable, "-m", "hil.deadman", json.dumps(act_document(self._safety.off)), self._labgrid]
        self._deadman = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True, cwd=ROOT)
        assert self._deadman.stdout is not None
        if self._deadman.stdout.readline() != b"ready\n":
            raise RigFailed("the process that would switch off after a kill does not start")
        atexit.register(self.off)
        if threading.current_thread() is threading.main_thread():
            self._before = signal.signal(signal.SIGTERM, self._terminated)
        self._watch.start()

    def off(self) -> None:
        """Take the voltage away, and end. RigFailed when it cannot be done; then the other process tries too."""
        if self._over.is_set() and self._deadman is None:
            return
        self._over.set()
        try:
            self._switch_off()
        finally:
            self._release()
        atexit.unregister(self.off)
        if self._before is not None:
            signal.signal(signal.SIGTERM, self._before)
            self._before = None

    def _release(self) -> None:
        """Let the other process go; it switches off once more before it ends, which does no harm."""
        if self._deadman is not None:
            assert self._deadman.stdin is not None
            with contextlib.suppress(OSError):
                self._deadman.stdin.close()
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._deadman.wait(PATIENCE_S)
            assert self._deadman.stdout is not None
            self._deadman.stdout.close()
            self._deadman = None

    def _switch_off(self) -> None:
        assert self._safety.off is not None
        self._hands.do(self._safety.off, "off", {})

    def _terminated(self, number: int, frame: FrameType | None) -> None:
        self.off()
        raise SystemExit(128 + number)

    def _check_supply(self) -> None:
        for name, act, ceiling, unit in (
            ("voltage", self._safety.supply_voltage, self._safety.voltage_v, "V"),
            ("current", self._safety.supply_current, self._safety.current_ma, "mA"),
        ):
            assert act is not None
            limit = self._hands.ask(act, f"limit of {name} in the supply")
            if limit > ceiling:
                raise RigFailed(f"the supply would go to {limit:g} {unit}, the rig's ceiling is {ceiling:g} {unit}: set its limit first")

    def _check_now(self) -> None:
        """Raise RigFailed when the loop is open, or more is measured than may be."""
        assert self._safety.interlock is not None
        if not self._hands.ask(self._safety.interlock, "interlock loop"):
            raise RigFailed("the interlock loop of the bench is open")
        for name, ceiling, unit in (("voltage_v", self._safety.voltage_v, "V"), ("current_ma", self._safety.current_ma, "mA")):
            for meter, act in self._meters.items():
                if meter.endswith(name) and (shown := self._hands.ask(act, meter)) > ceiling:
                    raise RigFailed(f"{meter}: {shown:g} {unit} measured, the rig's ceiling is {ceiling:g} {unit}")

    def _run(self) -> None:
        while not self._over.wait(LOOK_S):
            try:
                self._check_now()
            except RigFailed as found:
                self.reason = str(found)
                with contextlib.suppress(RigFailed):
                    self._switch_off()
                self._failed(self.reason)
                return


def act_document(act: Act) -> dict[str, object]:
    """Return an act for the other process."""
    return {"way": act.way.value, "address": act.address, "command": act.command, "outputs": dict(act.outputs)}


def act_of(document: Mapping[str, object]) -> Act:
    """Return the act of such a document."""
    outputs = document["outputs"]
    assert isinstance(outputs, dict)
    return Act(Way(document["way"]), str(document["address"]), str(document["command"]), outputs=outputs)
