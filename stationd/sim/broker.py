"""The embedded broker of the demonstration and of benchmarks: amqtt in a process of its own, on loopback.

It is there so that `make demo` needs no other program. It is not for a station: use a broker that others maintain.
"""

from __future__ import annotations

import asyncio
import socket
import subprocess
import sys
from types import TracebackType

from stationd.sim.tether import TETHER

PATIENCE_S = 20.0
LOOPBACK = "127.0.0.1"


class EmbeddedBroker:
    """A broker process; an asynchronous context manager. `url` is where it listens."""

    def __init__(self) -> None:
        with socket.socket() as probe:
            probe.bind((LOOPBACK, 0))
            self._port = int(probe.getsockname()[1])
        self.url = f"mqtt://{LOOPBACK}:{self._port}"
        self._process: subprocess.Popen[bytes] | None = None

    async def __aenter__(self) -> EmbeddedBroker:
        words = [*TETHER, sys.executable, "-m", "stationd.sim.broker", str(self._port)]
        self._process = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)
        async with asyncio.timeout(PATIENCE_S):
            while not await self._listens():
                if self._process.poll() is not None:
                    raise RuntimeError('the embedded broker does not start; is the extra "demo" (amqtt) installed?')
                await asyncio.sleep(0.05)
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    async def _listens(self) -> bool:
        try:
            _, writer = await asyncio.open_connection(LOOPBACK, self._port)
        except ConnectionRefusedError:
            return False
        writer.close()
        return True


async def _serve(port: int) -> None:
    from amqtt.broker import Broker

    listener = {"type": "tcp", "bind": f"{LOOPBACK}:{port}"}
    plugins = {"amqtt.plugins.authentication.AnonymousAuthPlugin": {"allow_anonymous": True}}
    await Broker({"listeners": {"default": listener}, "plugins": plugins}).start()
    await asyncio.get_running_loop().create_future()


if __name__ == "__main__":
    asyncio.run(_serve(int(sys.argv[1])))
