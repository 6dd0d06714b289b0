"""A daemon as systemd starts it, on a simulated rig, with whatever a machine lacks: `stationd run`, a manager that listens, stationctl.

What it is: one process, started with a station file that a test may spoil first; what it tells its manager, its log, and what
stationctl shows of it. Times are the daemon's own: its age as the kernel knows it, less the time for which it was ready to run and the
machine had no processor for it (/proc/PID/schedstat), because machines that run tests are busy.
"""

from __future__ import annotations

import array
import asyncio
import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from stationd.demo import station_file
from stationd.sim.cable import End
from stationd.sim.demo_rig import Route, demo_rig
from stationd.sim.demo_station import SOCKET
from stationd.sim.simulation import open_rig

ROOT = Path(__file__).resolve().parents[2]
NO_BROKER = "mqtt://127.0.0.1:9"  # the discard port: nobody listens
PATIENCE_S = 90.0
LOOK_S = 0.05
ASK_S = 0.3  # stationctl is a program of its own, and costs a start
Spoil = Callable[[str], str]
# Passes descriptors as a service manager does: from 3 on, to a process that knows its own number.
PASS_ON = """
import os, sys
names, sources = sys.argv[1], [int(each) for each in sys.argv[2].split(",")]
high = [os.dup2(each, 100 + number) for number, each in enumerate(sources)]
os.closerange(3, 100)
for number, each in enumerate(high):
    os.dup2(each, 3 + number, inheritable=True)
    os.close(each)
os.environ.update(LISTEN_PID=str(os.getpid()), LISTEN_FDS=str(len(high)), LISTEN_FDNAMES=names)
os.execvp(sys.argv[3], sys.argv[3:])
"""


class Daemon:
    """A daemon that was started. `home` has its station file, its log and its state."""

    def __init__(self, home: Path, environment: Mapping[str, str], before: Sequence[str]) -> None:
        self.home = home
        self.file = home / "station.toml"
        self.heard: list[dict[str, str]] = []  # what its manager was told
        self._environment = environment
        self._before = before
        self._manager = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
        self._manager.bind(str(home / "notify"))
        self.kept: dict[str, list[int]] = {}  # what its manager keeps for the next run
        self.process: asyncio.subprocess.Process | None = None
        self.waited_s = 0.0  # when it was ready: for how long it had waited for a processor

    async def start(self, *, managed: bool = True) -> None:
        """Start it, with what was kept of the run before; its log goes on in the same file."""
        self.listen()
        passed = [(name, each) for name, files in self.kept.items() for each in files]
        names, files = ":".join(name for name, _ in passed), [each for _, each in passed]
        passing = (sys.executable, "-c", PASS_ON, names, ",".join(map(str, files))) if passed else ()
        told = {"NOTIFY_SOCKET": str(self.home / "notify")} if managed else {}
        words = (*passing, *self._before, sys.executable, "-m", "stationd", "run", "--config", str(self.file))
        environment = {**os.environ, "PYTHONPATH": str(ROOT), **told, **self._environment}
        with (self.home / "log").open("ab") as log:
            self.process = await asyncio.create_subprocess_exec(*words, env=environment, stderr=log, pass_fds=files)

    @property
    def pid(self) -> int:
        """The number of the process."""
        assert self.process is not None
        return self.process.pid

    def events(self, name: str = "") -> list[dict[str, Any]]:
        """Return the events of its log, or those of one name. What is no event is a failure that nobody foresaw."""
        lines = (self.home / "log").read_text().splitlines()
        every: list[dict[str, Any]] = [json.loads(line) for line in lines]
        return [each for each in every if name in ("", each["event"])]

    def listen(self) -> None:
        """Take what the manager was told since the last time."""
        with contextlib.suppress(BlockingIOError):
            while True:
                message, rights, _, _ = self._manager.recvmsg(65536, socket.CMSG_SPACE(64))
                told = dict(line.split("=", 1) for line in message.decode().split("\n"))
                self.heard.append(told)
                self._keep(told, [file for _, _, sent in rights for file in array.array("i", sent)])
                if "READY" in told and not self.waited_s:
                    with contextlib.suppress(OSError):
                        self.waited_s = int(Path(f"/proc/{self.pid}/schedstat").read_text().split()[1]) / 1e9

    def _keep(self, told: Mapping[str, str], files: Sequence[int]) -> None:
        """Keep descriptors, or forget them, as a service manager does."""
        if "FDSTORE" in told:
            self.kept.setdefault(told["FDNAME"], []).extend(files)
        if "FDSTOREREMOVE" in told:
            for each in self.kept.pop(told["FDNAME"], ()):
                os.close(each)

    def told(self, word: str) -> list[str]:
        """Return what the manager was told of one thing, the newest last."""
        self.listen()
        return [each[word] for each in self.heard if word in each]

    async def until(self, condition: Callable[[], bool | Awaitable[bool]]) -> None:
        """Wait for a condition as long as the daemon lives."""
        assert self.process is not None
        async with asyncio.timeout(PATIENCE_S):
            while True:
                found = condition()
                if found if isinstance(found, bool) else await found:
                    return
                assert self.process.returncode is None, (self.home / "log").read_text()[-3000:]
                await asyncio.sleep(LOOK_S if isinstance(found, bool) else ASK_S)

    async def until_ready(self) -> None:
        """Wait for READY=1."""
        await self.until(lambda: bool(self.told("READY")))

    async def shown(self, *words: str) -> Any:
        """Return what stationctl shows; None while the daemon cannot be asked."""
        command = (sys.executable, "-m", "stationd.shell.client", "--socket", str(self.home / SOCKET), "--json", "show", *words)
        quiet = asyncio.subprocess.DEVNULL
        process = await asyncio.create_subprocess_exec(*command, cwd=ROOT, stdin=quiet, stdout=asyncio.subprocess.PIPE, stderr=quiet)
        output, _ = await process.communicate()
        return json.loads(output)["data"] if process.returncode == 0 else None

    async def until_alarms(self, *keys: str) -> None:
        """Wait until these alarms stand."""

        async def stand() -> bool:
            shown = await self.shown("alarms", "all")
            return shown is not None and set(keys) <= {each["key"] for each in shown["alarms"] if each["letter"] != "A"}

        await self.until(stand)

    async def until_trouble(self, *parts: str) -> None:
        """Wait until `show health` says these things."""

        async def told() -> bool:
            shown = await self.shown("health")
            return shown is not None and all(any(part in each for each in shown["health"]["troubles"]) for part in parts)

        await self.until(told)

    def own_s(self, event: str) -> float:
        """Return how long after its start the daemon came to an event of its log, less what it waited for a processor until READY."""
        return float(self.events(event)[0]["after_s"]) - self.waited_s

    async def end(self, number: signal.Signals = signal.SIGTERM) -> int:
        """End it with a signal; return its exit code."""
        assert self.process is not None
        self.process.send_signal(number)
        return await self.process.wait()

    def close(self) -> None:
        """Leave nothing behind."""
        if self.process is not None and self.process.returncode is None:
            self.process.kill()
        self._manager.close()
        for each in [each for files in self.kept.values() for each in files]:
            os.close(each)


@contextlib.asynccontextmanager
async def station(
    home: Path, spoil: Spoil = str, environment: Mapping[str, str] | None = None, before: Sequence[str] = (), pairs: int = 1
) -> AsyncIterator[Daemon]:
    """Have a rig, and beside it a station whose daemon has not been started yet. `spoil` changes the text of its file."""
    rig = demo_rig(Route.MAIN, pairs)
    async with open_rig(rig) as simulation:
        text = "\n".join(station_file(Route.MAIN, End.A, rig, simulation.ports, NO_BROKER, home)) + "\n"
        daemon = Daemon(home, environment or {}, before)
        daemon.file.write_text(spoil(text))
        try:
            yield daemon
        finally:
            daemon.close()
            if daemon.process is not None:
                await daemon.process.wait()


def odd_machine(folder: Path) -> Path:
    """Return the library that makes a machine odd (odd_machine.c), compiled."""
    built = folder / "odd_machine.so"
    words = ["gcc", "-std=gnu11", "-O1", "-shared", "-fPIC", "-o", str(built), str(Path(__file__).with_name("odd_machine.c")), "-ldl"]
    subprocess.run(words, check=True)
    return built


def without_network() -> tuple[str, ...]:
    """Return the words that start a program with no network at all, not even within the machine; empty where that is not allowed."""
    words = ("unshare", "--net")
    try:
        allowed = subprocess.run([*words, "true"], stderr=subprocess.DEVNULL).returncode == 0
    except FileNotFoundError:
        return ()
    return words if allowed else ()
