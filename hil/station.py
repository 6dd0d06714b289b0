"""A station under test: the installed program as a process, its files, and its public face. Nothing else of it is known here.

What it is: start, wait until it has read everything, stop, kill, pause; /metrics; persons at its control socket; stationctl. Its file is a
template of hil/stations, where @port:NAME@, @mqtt@, @home@, @key@ and @mode@ are filled in. What it is not: an import of stationd.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import subprocess
import time
import tomllib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hil.door import AS_ANOTHER_MACHINE, DIAGNOSTICS, Account, Person
from hil.lossy import LossyDisk
from hil.page import Page
from hil.rigfile import StationSection
from hil.tether import SHORT_TETHER

READY_S = 40.0  # for a machine that does much else; the daemon itself needs less than 3 s
STOP_S = 10.0
LOOK_S = 0.02
PLACE = re.compile(r"@([a-z]+(?::[a-z0-9-]+)?)@")
PORT = re.compile(r"@port:([a-z0-9-]+)@")


class NotReady(Exception):
    """The station did not come to where it should be; the text says how far it came, with the end of its log."""


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What all stations of a rig share. `user_files` are the rig's own passwd and group, None where the machine's are used."""

    program: tuple[str, ...]
    ports: Mapping[str, str]
    mqtt: str
    key: Path
    mode: str
    accounts: Mapping[str, Account]
    user_files: tuple[Path, Path] | None
    cwd: Path


@dataclass(slots=True)
class Station:
    """One station under test; `home` holds its file, its log, its socket and its state."""

    name: str
    section: StationSection
    home: Path
    around: Surroundings
    environment: dict[str, str] = field(default_factory=dict)
    program: tuple[str, ...] = ()
    process: subprocess.Popen[bytes] | None = None
    disk: LossyDisk | None = None
    _people: dict[str, Person] = field(default_factory=dict)
    _metrics: str = ""

    @property
    def config(self) -> Path:
        """The station file."""
        return self.home / "station.toml"

    @property
    def state(self) -> Path:
        """Where it keeps what outlasts it."""
        return self.home / "state"

    @property
    def socket(self) -> Path:
        """Its control socket."""
        return self.home / "io.stationd"

    @property
    def log(self) -> Path:
        """What it says."""
        return self.home / "log"

    @property
    def running(self) -> bool:
        """Whether the process lives."""
        return self.process is not None and self.process.poll() is None

    @property
    def lines(self) -> Mapping[str, str]:
        """The lines of its file: the name of each port of the rig that stands in its template, and the bus that it is."""
        told = tomllib.loads(PORT.sub(lambda found: found[1], self.section.template.read_text(encoding="utf-8")))
        names = self.around.ports.keys()
        return {bus["port"]: name for name, bus in told.get("bus", {}).items() if bus.get("port") in names}

    def devices_of(self, lines: Iterable[str]) -> list[str]:
        """Return the devices on some lines, by the names of the station file."""
        buses = {self.lines[line] for line in lines}
        told = tomllib.loads(self.config.read_text(encoding="utf-8"))
        return [name for name, device in told["device"].items() if device.get("bus") in buses]

    @property
    def nominal_ma(self) -> float:
        """The nominal current of its feed, as its file says."""
        return float(tomllib.loads(self.config.read_text(encoding="utf-8"))["pfe"][self.section.feed]["nominal_ma"])

    def write(self) -> None:
        """Write the station file. KeyError names what the template asks for and the rig does not have."""
        words = {"mqtt": self.around.mqtt, "home": str(self.home), "key": str(self.around.key), "mode": self.around.mode}
        words |= {f"port:{name}": address for name, address in self.around.ports.items()}
        self.config.write_text(PLACE.sub(lambda found: words[found[1]], self.section.template.read_text(encoding="utf-8")))

    def start(self) -> None:
        """Start the daemon; it is not ready yet."""
        self._metrics = ""
        (self.home / "ports.json").unlink(missing_ok=True)
        words = [*(self.program or self.around.program), "run", "--config", str(self.config), "--ports-file", str(self.home / "ports.json")]
        if self.around.user_files is not None:
            words = [*AS_ANOTHER_MACHINE, *map(str, self.around.user_files), *words]
        with self.log.open("ab") as said:
            around, cwd = {**os.environ, **self.environment}, self.around.cwd
            self.process = subprocess.Popen([*SHORT_TETHER, *words], stdout=said, stderr=said, cwd=cwd, env=around, start_new_session=True)

    def wait_ready(self, patience_s: float = READY_S, *, alone: bool = True) -> float:
        """Wait until every device answers and the feed, if it has one, has a current; return how long that took.

        `alone`: whether the far station is heard does not matter (that takes as long as the client of the broker waits in between).
        """
        begin, missing = time.monotonic(), [""]

        def ready(page: Page) -> bool:
            missing[0] = self._missing(page, alone)
            return not missing[0]

        try:
            self.until(ready, patience_s, "it has not read everything")
        except NotReady as late:
            raise NotReady(f"{late}\nstill missing: {missing[0]}") from late
        return time.monotonic() - begin

    def page(self) -> Page:
        """Return /metrics as it is now. OSError when nobody answers."""
        if not self._metrics:
            self._metrics = str(json.loads((self.home / "ports.json").read_text())["metrics"])
        return Page.fetch(self._metrics)

    def until(self, fits: Callable[[Page], bool], patience_s: float, what: str) -> Page:
        """Scrape until a page fits; NotReady with `what` if none does in time."""
        until = time.monotonic() + patience_s
        while time.monotonic() < until:
            with contextlib.suppress(OSError, ValueError):
                page = self.page()
                if fits(page):
                    return page
            if not self.running:
                raise NotReady(f"{self.name}: the daemon has ended with {self.process and self.process.returncode}:\n{self.said()}")
            time.sleep(LOOK_S)
        raise NotReady(f"{self.name}: {what} within {patience_s:g} s\n{self.said()}")

    def said(self, characters: int = 2000) -> str:
        """Return the end of its log."""
        with contextlib.suppress(OSError):
            return self.log.read_text(errors="replace")[-characters:]
        return ""

    def person(self, name: str) -> Person:
        """Return somebody at its control socket, who comes when he is first wanted."""
        if name not in self._people:
            self._people[name] = Person.come(self.around.accounts[name], self.socket)
        return self._people[name]

    def ask(self, method: str, **parameters: object) -> dict[str, Any]:
        """Call a method as the first of the rig's persons."""
        return self.person(next(iter(self.around.accounts))).call(method, **parameters)

    def version(self) -> str:
        """Return what the daemon calls itself."""
        words = [*(self.program or self.around.program), "version"]
        found = subprocess.run(words, capture_output=True, text=True, timeout=READY_S, cwd=self.around.cwd, check=True)
        return found.stdout.strip().removeprefix("stationd").strip()

    def interpreter(self) -> tuple[str, ...]:
        """Return the interpreter that runs the program under test: that of `python -m stationd`, or of a script's first line; else none."""
        words = self.around.program
        if "-m" in words:
            return words[: words.index("-m")]
        with contextlib.suppress(OSError), Path(words[0]).open("rb") as file:
            first = file.readline(256)
            if first.startswith(b"#!"):
                return tuple(first[2:].decode(errors="replace").split())
        return ()

    def points(self) -> Sequence[Mapping[str, Any]]:
        """Return every point that it reads, as io.stationd.Diagnostics lists them."""
        listed = self.ask(f"{DIAGNOSTICS}.ListPoints")
        return list(next(iter(listed.values())))

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to the daemon."""
        if self.process is not None:
            with contextlib.suppress(ProcessLookupError):
                self.process.send_signal(number)

    def kill(self) -> None:
        """Kill -9, and wait until it is gone."""
        self.signal(signal.SIGKILL)
        if self.process is not None:
            self.process.wait(STOP_S)
        self._hang_up()

    def stop(self) -> None:
        """End it as systemd does."""
        self.signal(signal.SIGCONT)
        self.signal(signal.SIGTERM)
        if self.process is not None:
            try:
                self.process.wait(STOP_S)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        self._hang_up()

    def close(self) -> None:
        """End it, and let everybody go."""
        with contextlib.ExitStack() as ending:
            for each in self._people.values():
                ending.callback(each.leave)
            ending.callback(self._people.clear)
            ending.callback(self.stop)

    def _hang_up(self) -> None:
        for each in self._people.values():
            each.hang_up()

    def _missing(self, page: Page, alone: bool) -> str:
        """Return what a station that has read everything would show, and this page does not; empty where it is all there."""
        ups, feed = page.values("stationd_device_up"), self.section.feed
        if not ups:
            return "every device"
        far = f"device={self.section.far}" if alone else ""
        down = sorted(name for name, value in ups.items() if value != 1.0 and name != far)
        if down:
            return ", ".join(down)
        if feed and page.value("stationd_pfe_output_current_amperes", device=feed) is None:
            return f"the current of {feed}"
        taps = self.config.read_text(encoding="utf-8").count("[[sampler.channel]]")
        return "" if len(page.values("stationd_optical_los")) == taps else "taps of light"
