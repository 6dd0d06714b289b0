"""The station that `stationd bench shell` asks and attacks: python -m stationd.bench.shell_station DIRECTORY [STATION.toml].

What it is: Aktau of the demonstration: its equipment simulated in this process, and its daemon in another one, on a station file in the
directory. The daemon is `stationd run` with one thing of the machine replaced, the kernel's word about users (stationd.bench.shell_users).
What it is not: a way into a daemon: `stationd run` has no such thing. There is no broker, and no far station.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import signal
import subprocess
import sys
from pathlib import Path

from stationd.bench.shell_users import identify
from stationd.console.peer import Accounts
from stationd.sim.cable import End
from stationd.sim.demo_rig import Route, demo_rig, station
from stationd.sim.demo_station import SOCKET, station_file
from stationd.sim.simulation import open_rig
from stationd.sim.tether import TETHER

FIBRE_PAIRS = 8
NOWHERE = "mqtt://127.0.0.1:1"


async def run_daemon(config: Path) -> None:
    """Be the daemon until SIGTERM."""
    from stationd.app import App, load
    from stationd.surroundings import Surroundings

    loaded = load(config)
    if loaded.config is None:
        raise RuntimeError("\n".join(mistake.render() for mistake in loaded.mistakes))
    accounts = Accounts.of_machine()
    app = App(loaded.config, loaded.catalogue, Surroundings(identify=lambda connection: identify(accounts, connection)))
    gc.freeze()  # as the daemon does: no search for garbage goes through what lives as long as it
    running = asyncio.ensure_future(app.run())
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, running.cancel)
    with contextlib.suppress(asyncio.CancelledError):
        await running


async def run_equipment(directory: Path) -> None:
    """Simulate the equipment and keep the daemon beside it until SIGTERM; print the number of its process."""
    rig = demo_rig(Route.MAIN, FIBRE_PAIRS)
    async with open_rig(rig) as world:
        home = directory / station(Route.MAIN, End.A)
        home.mkdir()
        sections = station_file(Route.MAIN, End.A, rig, world.ports, NOWHERE, home)
        alone = (each.removeprefix(f'[mqtt]\nurl = "{NOWHERE}"\n') for each in sections if not each.startswith("[far_station]"))
        (home / "station.toml").write_text("\n".join(alone) + "\n")
        words = [*TETHER, sys.executable, "-m", __spec__.name, str(directory), str(home / "station.toml")]
        with (home / "log").open("wb") as log:
            daemon = await asyncio.create_subprocess_exec(*words, stdout=log, stderr=subprocess.STDOUT)
        ended = asyncio.ensure_future(daemon.wait())
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, daemon.terminate)
        print(daemon.pid, home / SOCKET, flush=True)
        await ended


def main(words: list[str]) -> None:
    """Be the one or the other."""
    from stationd import log
    from stationd.links.exact_loop import exact_loop

    log.set_up()
    with asyncio.Runner(loop_factory=exact_loop) as runner:
        runner.run(run_daemon(Path(words[1])) if words[1:] else run_equipment(Path(words[0])))


if __name__ == "__main__":
    main(sys.argv[1:])
