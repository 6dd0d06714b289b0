"""A station file, the driver files beside it and the built-in drivers, read and checked together: what a daemon is made from.

Everything is read once: what was checked is what is in force, what its digest is of, and what may be kept for the next start.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from drivers import CATALOG
from stationd.config import StationConfig, check, read
from stationd.config.effective import Source, source_of
from stationd.driver import Driver
from stationd.driverfile import load_directory, parse_every, read_directory
from stationd.outputs.clock import TIME_OF_DAY
from stationd.problem import Problem

SYSTEM_DRIVERS = Path("/etc/stationd/drivers")
PATIENCE_S = 30.0  # assumption: a disk that takes longer for a file of some kB, or a network file system, gives it no more


@dataclass(frozen=True, slots=True)
class Texts:
    """The bytes of a station file and the texts of the driver files that go with it, by their paths."""

    path: Path
    station: bytes
    drivers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Loaded:
    """What `load` found: a configuration if there is no mistake, and the catalogue that it was checked against.

    `texts` are what was read; None where the station file could not be.
    """

    config: StationConfig | None
    mistakes: tuple[Problem, ...]
    catalogue: Mapping[str, Driver]
    source: Source | None = None
    texts: Texts | None = None


def catalogue(directories: Iterable[Path]) -> tuple[Mapping[str, Driver], tuple[Problem, ...]]:
    """Return the built-in drivers and those of the files in these directories (one that is not there is empty)."""
    drivers, mistakes = dict(CATALOG), list[Problem]()
    for directory in directories:
        found, wrong = load_directory(directory, drivers)
        mistakes += wrong
        drivers |= {driver.model: driver for driver in found}
    return drivers, tuple(mistakes)


def load(path: Path) -> Loaded:
    """Read a station file and the driver files that go with it; report every mistake in any of them."""
    texts, unread = dict[str, str](), list[Problem]()
    for directory in (SYSTEM_DRIVERS, path.parent / "drivers"):
        found, wrong = read_directory(directory)
        texts |= found
        unread += wrong
    station = read(path)
    if isinstance(station, Problem):
        drivers, wrong_drivers = _with_built_in(texts)
        return Loaded(None, (*unread, *wrong_drivers, station), drivers)
    return checked(Texts(path, station, texts), unread)


def checked(texts: Texts, unread: Iterable[Problem] = ()) -> Loaded:
    """Check what was read of a station; `unread` are the mistakes that reading it found already."""
    drivers, wrong_drivers = _with_built_in(texts.drivers)
    config, wrong_keys = check(texts.station, drivers, str(texts.path))
    mistakes = (*unread, *wrong_drivers, *wrong_keys)
    source = source_of(texts.path, texts.station, TIME_OF_DAY.get()())
    return Loaded(None if mistakes else config, mistakes, drivers, source, texts)


def _with_built_in(texts: Mapping[str, str]) -> tuple[Mapping[str, Driver], tuple[Problem, ...]]:
    found, wrong = parse_every(texts, CATALOG)
    return dict(CATALOG) | {driver.model: driver for driver in found}, wrong


class Reading:
    """Has a station loaded in a thread of its own, and gives it up when that takes too long: a network file system may hang for ever.

    Nobody else's threads are used up by that, and one that hangs has no second beside it: until it is back, others are refused at once.
    """

    def __init__(self, path: Path, load: Callable[[Path], Loaded] = load, patience_s: float = PATIENCE_S) -> None:
        self.path = path
        self._load = load
        self._patience_s = patience_s
        self._thread: threading.Thread | None = None
        self._found: list[Loaded | Exception] = []

    def now(self) -> Loaded:
        """Return what is loaded; where it takes too long, that mistake. For before there is an event loop."""
        if not self._begin(lambda: None):
            return self._given_up("it is still being read from an earlier time")
        assert self._thread is not None
        self._thread.join(self._patience_s)
        return self._result()

    async def aside(self) -> Loaded:
        """Return what is loaded, as `now`, while the event loop goes on."""
        loop, ended = asyncio.get_running_loop(), asyncio.Event()

        def tell() -> None:
            if not loop.is_closed():
                loop.call_soon_threadsafe(ended.set)

        if not self._begin(tell):
            return self._given_up("it is still being read from an earlier time")
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(ended.wait(), self._patience_s)
        return self._result()

    def _begin(self, tell: Callable[[], None]) -> bool:
        if self._thread is not None and self._thread.is_alive() and not self._found:
            return False
        found = self._found = list[Loaded | Exception]()

        def work() -> None:
            try:
                found.append(self._load(self.path))
            except Exception as error:  # noqa: BLE001  whoever waits for it has it raised
                found.append(error)
            tell()

        self._thread = threading.Thread(target=work, name="reading the station file", daemon=True)
        self._thread.start()
        return True

    def _result(self) -> Loaded:
        if not self._found:
            return self._given_up(f"it could not be read within {self._patience_s:g} s")
        found = self._found[0]
        if isinstance(found, Exception):
            raise found
        return found

    def _given_up(self, why: str) -> Loaded:
        hint = "look at the disk, or at the network file system, that it is on"
        return Loaded(None, (Problem(str(self.path), "", "", why, hint),), CATALOG)
