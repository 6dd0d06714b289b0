"""The service on a real systemd: the package installed, started, attacked, hung, reloaded, booted with nothing there, and removed.

    make test-systemd                         both roots
    pytest tests/systemd/booted.py -k this-machine

Each line of the suite (inside/) is one test here, for each root; a system is booted once for each phase, and the first test of it waits.
Not part of `make test`: it wants root, systemd-nspawn and the packages in dist/ (`make deb`), and a minute or two for each root.
What it leaves (tables of the exposure, logs, journals) is in $SYSTEMD_TEST_OUT, default build/systemd, and the figures of its goals beside
it in systemd.json.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
sys.path[:0] = [str(HERE)]  # the suite is a program of its own, which runs inside without the rest of this tree
sys.path += [str(ROOT / "systemd" / "debian"), str(ROOT)]

import recipe  # noqa: E402
import roots  # noqa: E402
import rows  # noqa: E402
from inside.suite import PHASES  # noqa: E402
from machine import Impossible, Machine, Report, machine  # noqa: E402

PACKAGES = Path(os.environ.get("STATIOND_DEBS", ROOT / "dist"))
OUT = Path(os.environ.get("SYSTEMD_TEST_OUT", ROOT / "build" / "systemd"))
LONGEST_S = {"installed": 480.0, "nothing-there": 150.0, "removed": 90.0, "upgraded": 600.0}  # three times what they take here
NAMES = (roots.OWN, *roots.MADE)
# A group is one worker's: `--numprocesses 2 --dist loadgroup` boots both systems side by side, as both mostly wait.
LINES = [
    pytest.param(root, phase, line.__name__, id=f"{root}-{phase}-{line.__name__}", marks=pytest.mark.xdist_group(root))
    for root in NAMES
    for phase, lines in PHASES.items()
    for line in lines
]

pytestmark = pytest.mark.timeout(900)


class Machines:
    """The machines of this run, each made and booted when its first line is asked for."""

    def __init__(self, mounted: contextlib.ExitStack, scratch: Path) -> None:
        self._mounted = mounted
        self._scratch = scratch
        self._machines: dict[str, Machine | Impossible] = {}
        self._reports: dict[tuple[str, str], Report] = {}

    @property
    def booted(self) -> tuple[str, ...]:
        """Return the roots that were booted in this run."""
        return tuple(name for name, made in self._machines.items() if not isinstance(made, Impossible))

    def report(self, root: str, phase: str) -> Report:
        """Return what came of a phase. Impossible where there is no such machine here."""
        if (root, phase) not in self._reports:
            for earlier in list(PHASES)[: list(PHASES).index(phase)]:  # a phase begins where the one before has ended
                self.report(root, earlier)
            self._reports[root, phase] = self._machine(root).boot(phase, LONGEST_S[phase])
            self._keep(root)
        return self._reports[root, phase]

    def _machine(self, name: str) -> Machine:
        if name not in self._machines:
            shutil.rmtree(OUT / name, ignore_errors=True)  # what an earlier run left is no figure of this one
            try:
                lower = roots.root_of(name)
                self._machines[name] = self._mounted.enter_context(machine(lower, self._scratch / name, _package(lower)))
            except Impossible as why:
                self._machines[name] = why
        made = self._machines[name]
        if isinstance(made, Impossible):
            raise made
        return made

    def _keep(self, root: str) -> None:
        shutil.copytree(self._machine(root).out, OUT / root, dirs_exist_ok=True)


def _package(lower: Path) -> Path:
    release = roots.python_of(lower)
    found = sorted(PACKAGES.glob(f"stationd_*~{release}_*.deb"), key=lambda path: path.stat().st_mtime)
    if not found:
        raise Impossible(f"there is no package for {release} in {PACKAGES}: make deb")
    if "STATIOND_DEBS" not in os.environ:
        _of_this_tree(found[-1])
    return found[-1]


def _of_this_tree(package: Path) -> None:
    """Fail where a package in dist/ was made of other sources than these: what passes with it says nothing of them."""
    words = f"dpkg-deb --fsys-tarfile '{package}' | tar --extract --to-stdout ./opt/stationd/tree"
    made_of = subprocess.run(["sh", "-c", words], capture_output=True, text=True, check=False).stdout.strip()
    if made_of != recipe.tree():
        pytest.fail(f"{package.name} was made of another tree: make deb", pytrace=False)


@pytest.fixture(scope="session")
def machines(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machines]:
    """All of them, unmounted at the end."""
    with contextlib.ExitStack() as mounted:
        made = Machines(mounted, tmp_path_factory.mktemp("booted"))
        yield made
    rows.write(OUT, OUT.with_suffix(".json"), made.booted)


@pytest.mark.parametrize(("root", "phase", "line"), LINES)
def test_on_a_real_systemd(machines: Machines, root: str, phase: str, line: str, record_property: Callable[[str, object], None]) -> None:
    try:
        report = machines.report(root, phase)
    except Impossible as why:
        pytest.skip(f"{root}: {why}")
    assert line in report.lines, f"the system ended before this line:\n{report.console}"
    outcome = report.lines[line]
    record_property("figure", outcome["text"])
    match outcome["verdict"]:
        case "skipped":
            pytest.skip(f"{root}: {outcome['text']}")
        case "failed":
            pytest.fail(f"{outcome['text']}", pytrace=False)


if __name__ == "__main__":
    sys.exit(pytest.main([__file__, *sys.argv[1:]]))
