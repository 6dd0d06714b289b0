"""The broker between the stations and the world: mosquitto as a process of the rig's own, always on the same port.

What it is: start, kill, and starting again with or without a password that the stations do not have. What it is not: kept: what
it retained is gone when it ends, as with a broker whose disk is lost.
"""

from __future__ import annotations

import contextlib
import getpass
import random
import shutil
import socket
import subprocess
import time
from pathlib import Path

from hil.tether import TETHER

PATIENCE_S = 10.0
PORTS = range(16_000, 32_000)  # below those that a kernel gives to whoever does not care (32768 on)
MISSING = "mosquitto is not installed; to run this: apt install mosquitto"


def mosquitto() -> str | None:
    """Return the program, also from /usr/sbin, which is not in the search path of an ordinary user."""
    return shutil.which("mosquitto") or shutil.which("mosquitto", path="/usr/sbin:/usr/local/sbin")


def free_port() -> int:
    """Return a TCP port of loopback that nobody uses now, and that no kernel gives to another while our broker is dead."""
    for port in random.sample(PORTS, len(PORTS)):
        with contextlib.suppress(OSError), socket.socket() as probe:
            probe.bind(("127.0.0.1", port))
            return port
    raise RuntimeError("no port of loopback is free")


class Broker:
    """A broker on loopback. `port` is where it listens whenever it runs."""

    def __init__(self, folder: Path) -> None:
        self.port = free_port()
        self._folder = folder
        self._process: subprocess.Popen[bytes] | None = None

    def start(self, *, with_password: bool = False) -> None:
        """Start it and wait until it listens. With a password nobody of the rig is let in. RuntimeError if it does not come up."""
        program = mosquitto()
        if program is None:
            raise RuntimeError(MISSING)
        file, keys, log = self._folder / "mosquitto.conf", self._folder / "passwords", self._folder / "broker.log"
        lines = [f"listener {self.port} 127.0.0.1", "persistence false", f"user {getpass.getuser()}", "set_tcp_nodelay true"]
        if with_password:
            keys.write_text("")
        lines += ["allow_anonymous false", f"password_file {keys}"] if with_password else ["allow_anonymous true"]
        file.write_text("\n".join(lines) + "\n")
        with log.open("ab") as said:
            self._process = subprocess.Popen([*TETHER, program, "-c", str(file)], stdout=said, stderr=said)
        until = time.monotonic() + PATIENCE_S
        while not self._listens():
            if self._process.poll() is not None or time.monotonic() > until:
                raise RuntimeError(f"the broker does not start: {log.read_text()[-1000:]}")
            time.sleep(0.02)

    def kill(self) -> None:
        """End it at once."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def _listens(self) -> bool:
        try:
            socket.create_connection(("127.0.0.1", self.port), PATIENCE_S).close()
        except ConnectionRefusedError:
            return False
        return True
