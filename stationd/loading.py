"""A station file, the driver files beside it and the built-in drivers, read and checked together: what a daemon is made from."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from drivers import CATALOG
from stationd.config import StationConfig, check
from stationd.config.effective import Source, source_of
from stationd.driver import Driver
from stationd.driverfile import load_directory
from stationd.outputs.clock import TIME_OF_DAY
from stationd.problem import Problem

SYSTEM_DRIVERS = Path("/etc/stationd/drivers")


@dataclass(frozen=True, slots=True)
class Loaded:
    """What `load` found: a configuration if there is no mistake, and the catalogue that it was checked against."""

    config: StationConfig | None
    mistakes: tuple[Problem, ...]
    catalogue: Mapping[str, Driver]
    source: Source | None = None


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
    drivers, wrong_drivers = catalogue((SYSTEM_DRIVERS, path.parent / "drivers"))
    source = source_of(path, TIME_OF_DAY.get()())
    config, wrong_keys = check(path, drivers)
    mistakes = (*wrong_drivers, *wrong_keys)
    return Loaded(None if mistakes else config, mistakes, drivers, source)
