"""How late this machine is: a thread that sleeps a little, again and again, and keeps by how much it overslept.

What it is: the figure that stands beside every measurement of time, so that whoever reads it sees how much of it was the machine.
What it is not: the lateness of the device under test, which measures its own.
"""

from __future__ import annotations

import threading
import time

NAP_S = 0.02


class Lateness:
    """Measures from the start of the thread on until `close`."""

    def __init__(self) -> None:
        self._worst_s = 0.0
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True, name="hil-lateness")
        self._thread.start()

    def worst_ms(self) -> float:
        """Return the worst since it was last asked."""
        worst_s, self._worst_s = self._worst_s, 0.0
        return worst_s * 1000.0

    def close(self) -> None:
        """End."""
        self._over.set()
        self._thread.join(1.0)

    def _run(self) -> None:
        while not self._over.is_set():
            begin = time.monotonic()
            time.sleep(NAP_S)
            self._worst_s = max(self._worst_s, time.monotonic() - begin - NAP_S)
