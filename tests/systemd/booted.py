"""The service on a real systemd: the package installed, started, attacked, hung, reloaded, booted with nothing there, and removed.

    make test-systemd                         both roots
    pytest tests/systemd/booted.py -k this-machine

Each line of the suite (inside/) is one test here, for each root; a system is booted once for each phase, beside those of the other roots,
and the first test of a phase waits for it.
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
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future
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
from machine import Impossible, Report, machine  # noqa: E402

PACKAGES = Path(os.environ.get("STATIOND_DEBS", ROOT / "dist"))
OUT = Path(os.environ.get("SYSTEMD_TEST_OUT", ROOT / "build" / "systemd"))
LONGEST_S = {"installed": 480.0, "nothing-there": 150.0, "removed": 90.0, "upgraded": 600.0}  # three times what they take here
NAMES = (roots.OWN, *roots.MADE)
LINES = [
    pytest.param(root, phase, line.__name__, id=f"{root}-{phase}-{line.__name__}")
    for root in NAMES
    for phase, lines in PHASES.items()
    for line in lines
]

pytestmark = pytest.mark.timeout(900)


class Machines:
    """The machines of this run. Each lives its phases one after the other, beside the other ones, as a system mostly waits."""

    def __init__(self, mounted: contextlib.ExitStack, scratch: Path, lives: Mapping[str, Sequence[str]]) -> None:
        self._mounted = mounted
        self._scratch = scratch
        self._given_up = threading.Event()
        self._reports: dict[tuple[str, str], Future[Report]] = {(root, phase): Future() for root in lives for phase in lives[root]}
        self._living = [threading.Thread(target=self._live, args=life, name=life[0]) for life in lives.items()]
        for each in self._living:
            each.start()

    @property
    def booted(self) -> tuple[str, ...]:
        """Return the roots that were booted in this run."""
        return tuple(dict.fromkeys(root for (root, _), report in self._reports.items() if report.done() and report.exception() is None))

    def report(self, root: str, phase: str) -> Report:
        """Return what came of a phase, when it has ended. Impossible where there is no such machine here."""
        return self._reports[root, phase].result()

    def end(self) -> None:
        """Give up what is still to come."""
        self._given_up.set()
        for each in self._living:
            each.join()

    def _live(self, root: str, phases: Sequence[str]) -> None:
        shutil.rmtree(OUT / root, ignore_errors=True)  # what an earlier run left is no figure of this one
        try:
            lower = roots.root_of(root)
            made = self._mounted.enter_context(machine(lower, self._scratch / root, _package(lower)))
            for phase in phases:
                report = made.boot(phase, LONGEST_S[phase], self._given_up)
                shutil.copytree(made.out, OUT / root, dirs_exist_ok=True)
                self._reports[root, phase].set_result(report)
        except BaseException as why:  # noqa: BLE001 - whoever asks for a report is told
            for report in (self._reports[root, phase] for phase in phases):
                if not report.done():
                    report.set_exception(why)


def lives_of(items: Iterable[pytest.Item]) -> Mapping[str, Sequence[str]]:
    """Return the phases to live for each root of which a line is asked for: all that come before that line's, and its own."""
    asked = [each.callspec.params for each in items if isinstance(each, pytest.Function) and hasattr(each, "callspec")]
    last: dict[str, int] = {}
    for words in asked:
        if "root" in words:
            last[words["root"]] = max(last.get(words["root"], 0), list(PHASES).index(words["phase"]))
    return {root: list(PHASES)[: number + 1] for root, number in last.items()}


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
def machines(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Iterator[Machines]:
    """All of them, unmounted at the end."""
    with contextlib.ExitStack() as mounted:
        made = Machines(mounted, tmp_path_factory.mktemp("booted"), lives_of(request.session.items))
        try:
            yield made
        finally:
            made.end()
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
