"""What keeps people and equipment whole on a bench with voltage on it.

What it is: before anything, the ceilings of the rig file are compared with those set in every supply, and the interlock loop must be
closed. While the rig is in use the loop and the meters are looked at all the time; what is wrong, and what cannot be seen for STALE_S,
switches off, until it is off, and ends the run. The voltage goes off on any way out: at the end, on an error, at exit, on SIGTERM, and
when this process is killed: a second process of its own session holds a pipe of ours and switches off when it breaks.
What it is not: the protection. That is the hardware of the bench: its contactor, its fuses, the supply's own limits.
"""

from __future__ import annotations

import atexit
import contextlib
import math
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from types import FrameType

from hil.acts import Hands, RigFailed
from hil.rigfile import Act, Safety
from hil.switching import DONE, LOOK_S, Will, switched_off

EVERY_S = 0.25
STALE_S = 3.0  # two looks of a second each that went wrong, and a moment (assumption: an instrument that is well answers in between)
PATIENCE_S = 15.0
ROOT = Path(__file__).resolve().parent.parent
QUANTITIES = (("voltage_v", "V"), ("current_ma", "mA"))


class Unsafe(RigFailed):
    """Something was seen that must not be; no question of another look."""


class Guard:
    """Guards one bench from `arm` to `off`. `failed` is called once, with the reason, when it had to switch off by itself.

    `end` then ends the run; by default this process gets a SIGTERM, which switches off on its way out. `patience_s` is how long one order
    to switch off tries.
    """

    def __init__(
        self, safety: Safety, hands: Hands, meters: Mapping[str, Act], will: Will, failed: Callable[[str], None],
        end: Callable[[], None] = lambda: os.kill(os.getpid(), signal.SIGTERM), patience_s: float = PATIENCE_S,
    ) -> None:  # fmt: skip
        self._safety, self._hands, self._meters, self._will, self._failed, self._end = safety, hands, meters, will, failed, end
        self._over = threading.Event()
        self._watch = threading.Thread(target=self._run, daemon=True, name="hil-guard")
        self._deadman: subprocess.Popen[bytes] | None = None
        self._before: signal.Handlers | Callable[[int, FrameType | None], object] | int | None = None
        self._patience_s = patience_s
        self.reason = ""

    def arm(self) -> None:
        """Check everything, then guard. RigFailed says what is not as it must be; nothing is switched on here."""
        self._check_supplies()
        self._check_now()
        words = [sys.executable, "-m", "hil.deadman", self._will.text]
        self._deadman = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True, cwd=ROOT)
        assert self._deadman.stdout is not None
        if self._deadman.stdout.readline() != b"ready\n":
            raise RigFailed("the process that would switch off after a kill does not start")
        atexit.register(self.off)
        if threading.current_thread() is threading.main_thread():
            self._before = signal.signal(signal.SIGTERM, self._terminated)
        self._watch.start()

    def rest(self) -> None:
        """Take the voltage away until it is seen to be gone, and go on guarding. RigFailed when it cannot be done in time."""
        until = time.monotonic() + self._patience_s
        while True:
            try:
                switched_off(self._will.off, self._meters, self._hands)
            except RigFailed:
                if time.monotonic() > until:
                    raise
                time.sleep(EVERY_S)
            else:
                return

    def off(self) -> None:
        """Take the voltage away, and end. RigFailed when it cannot be seen to be gone; then the other process goes on trying.

        Whoever calls again after that is told again: a try on a signal goes unheard.
        """
        if self._deadman is None:
            return
        seen = False
        try:
            self.rest()
            seen = True
        finally:
            self._over.set()
            self._release(seen)
            atexit.unregister(self.off)
            if self._before is not None:
                signal.signal(signal.SIGTERM, self._before)
                self._before = None

    def _release(self, seen: bool) -> None:
        """Let the other process go: it ends at once where the voltage was seen to be gone, else it tries as long as it takes."""
        deadman = self._deadman
        if deadman is None:
            return
        assert deadman.stdin is not None
        assert deadman.stdout is not None
        with contextlib.suppress(OSError, ValueError):  # it has ended; it was let go before
            if seen:
                deadman.stdin.write(DONE)
            deadman.stdin.close()
        deadman.stdout.close()
        if seen:
            self._deadman = None
            with contextlib.suppress(subprocess.TimeoutExpired):
                deadman.wait(PATIENCE_S)

    def _terminated(self, number: int, frame: FrameType | None) -> None:
        with contextlib.suppress(RigFailed):  # it is told by whoever ends the run; the other process goes on trying
            self.off()
        raise SystemExit(128 + number)

    def _check_supplies(self) -> None:
        for end, supply in self._safety.supplies.items():
            for name, act, ceiling, unit in (
                ("voltage", supply.voltage, self._safety.voltage_v, "V"),
                ("current", supply.current, self._safety.current_ma, "mA"),
            ):
                limit = self._hands.ask(act, f"limit of {name} in the supply of end {end}")
                if not _within(limit, ceiling):
                    supply_of = f"the supply of end {end} would go to {limit:g} {unit}"
                    raise Unsafe(f"{supply_of}, the rig's ceiling is {ceiling:g} {unit}: set its limit first")

    def _check_now(self) -> None:
        """Raise Unsafe when the loop is open, or more is measured than may be; RigFailed when it cannot be seen."""
        assert self._safety.interlock is not None
        if not self._hands.ask(self._safety.interlock, "interlock loop", LOOK_S):
            raise Unsafe("the interlock loop of the bench is open")
        for (name, unit), ceiling in zip(QUANTITIES, (self._safety.voltage_v, self._safety.current_ma), strict=True):
            for meter, act in self._meters.items():
                if meter.endswith(name) and not _within(shown := self._hands.ask(act, meter, LOOK_S), ceiling):
                    raise Unsafe(f"{meter}: {shown:g} {unit} measured, the rig's ceiling is {ceiling:g} {unit}")

    def _run(self) -> None:
        good_t = time.monotonic()
        while not self._over.wait(EVERY_S):
            why = self._wrong()
            if why is None:
                good_t = time.monotonic()
            elif isinstance(why, Unsafe) or time.monotonic() - good_t > STALE_S:
                self._trip(str(why))
                return

    def _wrong(self) -> Exception | None:
        """Look; return what is wrong. Whatever it is, a mistake of this very code too, it is not that all is well."""
        try:
            self._check_now()
        except Exception as found:  # noqa: BLE001 - the one who guards must not go
            return found
        return None

    def _trip(self, reason: str) -> None:
        """Switch off, tell, end the run; then switch off again and again until somebody takes over."""
        self.reason = reason
        self._try()
        with contextlib.suppress(Exception):  # a latch that cannot be written must not keep the rest from being done
            self._failed(reason)
        self._end()
        while not self._over.wait(EVERY_S):
            self._try()

    def _try(self) -> None:
        with contextlib.suppress(Exception):
            switched_off(self._will.off, self._meters, self._hands)


def _within(value: float, ceiling: float) -> bool:
    """Whether a value may be, in either direction; what is no number may not."""
    return math.isfinite(value) and abs(value) <= ceiling
