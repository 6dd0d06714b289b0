"""Brokers for tests: mosquitto where it is installed, else amqtt, each as a process of its own that can be killed."""

from __future__ import annotations

import asyncio
import contextlib
import getpass
import random
import socket
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

from tests.conftest import find_program

AMQTT = """
import asyncio, sys
from amqtt.broker import Broker

async def serve(port):
    listener = {"type": "tcp", "bind": f"127.0.0.1:{port}"}
    plugins = {"amqtt.plugins.authentication.AnonymousAuthPlugin": {"allow_anonymous": True}}
    await Broker({"listeners": {"default": listener}, "plugins": plugins}).start()
    await asyncio.Event().wait()

asyncio.run(serve(int(sys.argv[1])))
"""


# Below those that a kernel gives to whoever does not care (32768 on): nobody takes a port of ours while its broker is dead.
PORTS = range(16_000, 32_000)


def free_port() -> int:
    """Return a TCP port of loopback that nobody uses now."""
    for port in random.sample(PORTS, len(PORTS)):
        with contextlib.suppress(OSError), socket.socket() as probe:
            probe.bind(("127.0.0.1", port))
            return port
    raise RuntimeError("no port is free")


class BrokerProcess:
    """A broker without persistence: what it retained is gone when it is killed. `settings` are lines for mosquitto only."""

    def __init__(self, folder: Path, settings: tuple[str, ...] = ()) -> None:
        self.port = free_port()
        self._folder = folder
        self._settings = settings
        self._process: subprocess.Popen[bytes] | None = None

    async def start(self) -> None:
        """Start it on its port and wait until it listens."""
        with (self._folder / "broker.log").open("ab") as output:
            self._process = subprocess.Popen(self._command(), stdout=output, stderr=output)
        while not await self._listens():
            if self._process.poll() is not None:
                raise RuntimeError(f"the broker does not start: {self.log()}")
            await asyncio.sleep(0.02)

    def kill(self) -> None:
        """End it at once, as a power cut would."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def log(self) -> str:
        """Return what it has said so far."""
        return (self._folder / "broker.log").read_text()

    async def _listens(self) -> bool:
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", self.port)
        except ConnectionRefusedError:
            return False
        writer.close()
        return True

    def _command(self) -> list[str]:
        mosquitto = find_program("mosquitto")
        if mosquitto is None:
            return [sys.executable, "-c", AMQTT, str(self.port)]
        file = self._folder / "mosquitto.conf"
        usual = (f"listener {self.port} 127.0.0.1", "allow_anonymous true", "persistence false", f"user {getpass.getuser()}")
        file.write_text("\n".join((*usual, *self._settings)) + "\n")
        return [str(mosquitto), "-c", str(file)]


@contextlib.asynccontextmanager
async def running_broker(folder: Path, settings: tuple[str, ...] = ()) -> AsyncIterator[BrokerProcess]:
    """Run a broker as long as the block."""
    broker = BrokerProcess(folder, settings)
    try:
        await broker.start()
        yield broker
    finally:
        broker.kill()


class Cable:
    """A TCP connection to a port that can be cut (both ends see a reset) or frozen (nothing passes, nobody notices)."""

    def __init__(self, port: int) -> None:
        self._target = port
        self._flows = asyncio.Event()
        self._flows.set()
        self._writers: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None

    async def plug_in(self) -> int:
        """Listen, and return the port to connect to."""
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        return int(self._server.sockets[0].getsockname()[1])

    def cut(self) -> None:
        """Reset every connection."""
        for writer in self._writers:
            writer.transport.abort()

    def freeze(self) -> None:
        """Let nothing pass any more."""
        self._flows.clear()

    async def unplug(self) -> None:
        """End everything."""
        assert self._server is not None
        self._server.close()
        self.cut()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self._target)
        self._writers |= {writer, far_writer}
        for source, target in ((reader, far_writer), (far_reader, writer)):
            task = asyncio.create_task(self._carry(source, target))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _carry(self, source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError):
            while data := await source.read(65536):
                await self._flows.wait()
                target.write(data)
                await target.drain()
        target.close()
