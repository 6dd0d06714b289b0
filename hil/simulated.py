"""A simulated plant as a process of its own: `stationd sim RIG.toml --ports-file PATH`, and where its ports are.

What it is: the start, the addresses, the end. A simulated rig starts it in the product's environment; a bench rig without a bench starts it
with whatever stationd is installed, and then knows its addresses alone. What it is not: an import of stationd.
"""

from __future__ import annotations

import contextlib
import json
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

from hil.acts import RigFailed
from hil.tether import TETHER

PATIENCE_S = 30.0
ROOT = Path(__file__).resolve().parent.parent


@contextlib.contextmanager
def plant(program: tuple[str, ...], rig_file: Path) -> Iterator[Mapping[str, str]]:
    """Run the simulated equipment of a rig file as long as the block; gives the addresses of its ports, `control` among them."""
    with tempfile.TemporaryDirectory(prefix="stationd-hil-plant-") as folder:
        ports_file, log = Path(folder) / "ports.json", Path(folder) / "log"
        with log.open("wb") as said:
            words = [*TETHER, *program, "sim", str(rig_file), "--ports-file", str(ports_file)]
            process = subprocess.Popen(words, stdout=said, stderr=said, cwd=ROOT, start_new_session=True)
        try:
            until = time.monotonic() + PATIENCE_S
            while not ports_file.exists():
                if process.poll() is not None or time.monotonic() > until:
                    raise RigFailed(f"the simulated plant does not start: {log.read_text(errors='replace')[-2000:]}")
                time.sleep(0.02)
            yield json.loads(ports_file.read_text())
        finally:
            process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(10.0)
            process.kill()
            process.wait()
