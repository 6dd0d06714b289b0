"""`pytest hil --rig NAME`: the scenarios of hil/scenarios on a rig, with records and a report at the end.

What it is: pytest's hooks and fixtures around hil.run. A scenario marked `@pytest.mark.rig(needs=[...])` is skipped with a reason where
the rig lacks a feature; `acts=True` is class 4: it moves current, and its failure latches the rig. What it is not: tests of hil itself
(tests/hil).
"""

from __future__ import annotations

import sys
import time
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Any

import pytest

from hil.acts import RigFailed
from hil.atwork import RigAtWork
from hil.lock import Busy, Latched, NoPlace
from hil.page import Page
from hil.record import Outcome, Record
from hil.report import beyond_words
from hil.rig import Missing
from hil.rigfile import RigFileError
from hil.run import Run, Wanted, build_folder, junit_properties
from hil.sheet import Sheet
from hil.station import Station

FLOWS_S = 30.0  # until a supply that is set by hand has brought the current up
NEAR = 0.02  # of the nominal current: droop, and the meter
RUN: pytest.StashKey[Run] = pytest.StashKey()
SHEET: pytest.StashKey[Sheet] = pytest.StashKey()
REPORTS: pytest.StashKey[dict[str, pytest.TestReport]] = pytest.StashKey()
BEGUN: pytest.StashKey[tuple[float, float, int]] = pytest.StashKey()


def pytest_addoption(parser: pytest.Parser) -> None:
    """The options of a run."""
    group = parser.getgroup("hil", "hardware in the loop")
    group.addoption("--rig", default="sim", help="a rig of hil/rigs, or the path of a rig file; sim if it is left out")
    group.addoption("--seed", type=int, default=1, help="the seed of every fault and choice of the run")
    group.addoption("--hours", type=float, default=0.0, help="how long the soak lasts; 0: some seconds")
    group.addoption("--person", default="", help="who is present at the bench; recorded, and wanted for what can kill (class 4)")
    group.addoption("--hil-report", default="", help="the folder of the report; build/hil/RIG if it is left out")
    group.addoption("--stationd", default="", help="the program under test; that of the rig file, else of this environment")


def pytest_configure(config: pytest.Config) -> None:
    """Read the rig's file and lock it, before anything else."""
    config.addinivalue_line("markers", "rig(needs, acts=False): the features that the scenario needs; acts: it moves current (class 4)")
    if config.option.collectonly or config.option.help:
        return
    option = config.option
    folder = Path(option.hil_report) if option.hil_report else build_folder(option.rig)
    names = ("person", "stationd", "hours")
    again = [word for name in names if getattr(option, name) for word in (f"--{name}", str(getattr(option, name)))]
    wanted = Wanted(option.rig, option.seed, option.person, folder.absolute(), option.stationd, tuple(again))
    try:
        run = Run.of(wanted)
    except (RigFileError, Latched, Busy, NoPlace, RigFailed) as why:
        raise pytest.UsageError(str(why)) from why
    config.stash[RUN] = run
    option.seconds_of_soak = option.hours * 3600.0


def pytest_unconfigure(config: pytest.Config) -> None:
    """Write the report and end everything. A voltage that may still be on is the last thing that is said."""
    if RUN in config.stash:
        try:
            config.stash[RUN].close()
        except RigFailed as why:
            sys.stderr.write(f"\a\nrig {config.stash[RUN].file.name}: {why}\n")
            raise SystemExit(3) from why


@pytest.fixture(scope="session", name="rig")
def rig_at_work(request: pytest.FixtureRequest, record_testsuite_property: Any) -> RigAtWork:
    """The rig with its stations running."""
    run = request.config.stash[RUN]
    for name, value in junit_properties(run).items():
        record_testsuite_property(name, value)
    rig = run.open()
    for station in rig.stations.values():
        station.start()
    for station in rig.stations.values():
        station.wait_ready(alone=len(rig.stations) < 2 or bool(rig.features["broker"]))
    return rig


@pytest.fixture
def seed(request: pytest.FixtureRequest) -> int:
    """The seed of the run."""
    return int(request.config.option.seed)


@pytest.fixture
def aktau(rig: RigAtWork, energised: None) -> Iterator[Station]:
    """The station at end a, running and with nothing wrong on the plant, before and after."""
    station = next(each for each in rig.stations.values() if each.section.end == "a")
    made_well(rig)
    yield station
    made_well(rig)


@pytest.fixture
def energised(rig: RigAtWork, request: pytest.FixtureRequest) -> Iterator[None]:
    """The contactors closed as long as a scenario of class 4 lasts; afterwards the voltage is seen to be gone. Else nothing is touched."""
    if not acts(request.node) or not rig.file.real:
        yield
        return
    try:
        rig.contactors(on=True)
        yield
    finally:
        rig.off()


@pytest.fixture
def in_service(rig: RigAtWork, aktau: Station) -> None:
    """Current on the line, as in service, for a scenario of class 4 that does not bring it up itself. A simulated line has it anyway."""
    if not rig.file.real:
        return
    for station in rig.stations.values():
        if station.section.feed:
            rig.feed(station.name, station.nominal_ma)
    aktau.until(lambda page: _flows(page, aktau), FLOWS_S, "no current flows")


def _flows(page: Page, station: Station) -> bool:
    shown_a = page.value("stationd_pfe_output_current_amperes", device=station.section.feed)
    return shown_a is not None and abs(shown_a * 1000.0 - station.nominal_ma) < NEAR * station.nominal_ma


def acts(item: pytest.Item) -> bool:
    """Whether a scenario is of class 4."""
    marker = item.get_closest_marker("rig")
    return bool(marker and marker.kwargs.get("acts"))


@pytest.fixture
def measure(request: pytest.FixtureRequest, record_property: Any) -> Sheet:
    """The sheet of the scenario's measurements."""
    sheet = Sheet(request.config.stash[RUN].file.limits, record_property)
    request.node.stash[SHEET] = sheet
    return sheet


def made_well(rig: RigAtWork) -> None:
    """Undo what was done to the plant, where the rig can, and start what does not run."""
    if not rig.features["repair"]:
        rig.repair()
    for station in rig.stations.values():
        if not station.running:
            station.start()
    for station in rig.stations.values():
        station.wait_ready()


# ---------------------------------------------------------------------- hooks


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip where the rig lacks what the scenario needs."""
    run = item.config.stash[RUN]
    if item.config.stash[RUN].rig is None:
        try:
            run.open()
        except RigFailed as why:
            pytest.exit(f"rig {run.file.name} has failed: {why}", returncode=pytest.ExitCode.INTERRUPTED)
    assert run.rig is not None
    if run.broken:
        pytest.exit(f"rig {run.file.name} has failed: {run.broken}", returncode=pytest.ExitCode.INTERRUPTED)
    item.stash[BEGUN] = (time.time(), time.monotonic(), len(run.rig.house.log.entries))
    if run.lateness is not None:
        run.lateness.worst_ms()
    item.stash[REPORTS] = {}
    marker = item.get_closest_marker("rig")
    needs = list(marker.kwargs.get("needs", ())) if marker else []
    needs += ["acts"] if acts(item) else []
    for feature in needs:
        reason = run.rig.features.get(feature, f"the rig has no feature {feature!r}")
        if reason:
            pytest.skip(f"{feature}: {reason}")
    if acts(item) and (absent := run.energising(_named(item))):
        pytest.skip(f"acts: {absent}")


@pytest.hookimpl(wrapper=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> Generator[None, Any, Any]:
    """Fail a scenario at its end for what it has measured out of its limits; skip it where the rig turns out to lack something."""
    try:
        result = yield
    except Missing as why:
        pytest.skip(str(why))
    sheet = pyfuncitem.stash.get(SHEET, None)
    if sheet is not None and sheet.failures:
        pytest.fail("\n".join(sheet.failures), pytrace=False)
    return result


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Generator[None, Any, Any]:
    """Keep the reports of a scenario's three phases; make its record after the last."""
    report: Any = yield
    if REPORTS not in item.stash:
        return report
    item.stash[REPORTS][report.when] = report
    run = item.config.stash[RUN]
    broken = call.excinfo is not None and call.excinfo.errisinstance(RigFailed)
    if report.failed and (broken or acts(item)):
        reason = f"{item.nodeid}: {call.excinfo.value if call.excinfo else ''}"[:500]
        if broken:
            run.broke(reason)
        if acts(item):
            run.energised_failed(reason)
    if report.when == "teardown":
        record = _record(item, run, broken=broken)
        run.records.append(record)
        if record.replay:
            report.sections.append(("play it again", record.replay))
    elif report.failed:
        report.sections.append(("play it again", run.replay(_named(item))))
    return report


def _record(item: pytest.Item, run: Run, *, broken: bool) -> Record:
    reports = item.stash[REPORTS]
    utc_s, begun_t, first = item.stash[BEGUN]
    sheet = item.stash.get(SHEET, None)
    failed = [each for each in reports.values() if each.failed]
    skipped = [each for each in reports.values() if each.skipped]
    outcome = Outcome.worst(each.outcome for each in sheet.measurements if each.outcome is not Outcome.SKIP) if sheet else Outcome.PASS
    detail = ""
    if failed:
        outcome = Outcome.ERROR if broken or "call" not in {each.when for each in failed} else Outcome.FAIL
        detail = "\n".join(each.longreprtext for each in failed)[-6000:]
    elif skipped:
        outcome, detail = Outcome.SKIP, str(skipped[0].longrepr[2] if isinstance(skipped[0].longrepr, tuple) else skipped[0].longrepr)
    assert run.rig is not None
    return Record(
        name=_named(item).removeprefix("hil/scenarios/"), outcome=outcome, start_utc_s=utc_s, duration_s=time.monotonic() - begun_t,
        measurements=tuple(sheet.measurements) if sheet else (), attachments=tuple(sheet.attachments) if sheet else (),
        faults=tuple(run.rig.house.log.entries[first:]), detail=detail.removeprefix("Skipped: "),
        replay=run.replay(_named(item)) if failed else "", lateness_ms=run.lateness.worst_ms() if run.lateness else None,
    )  # fmt: skip


def _named(item: pytest.Item) -> str:
    """Return a scenario as a command names it, from the top of the tree."""
    return item.nodeid if item.nodeid.startswith("hil/") else f"hil/{item.nodeid}"


def pytest_sessionfinish(session: pytest.Session) -> None:
    """A run in which everything was skipped has shown nothing, and does not succeed."""
    run = session.config.stash.get(RUN, None)
    if run is not None and run.outcome is Outcome.NOTHING and session.exitstatus == pytest.ExitCode.OK:
        session.exitstatus = pytest.ExitCode.NO_TESTS_COLLECTED


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    """Say how it ended, what was skipped and why, and where the report is."""
    if RUN not in config.stash:
        return
    run = config.stash[RUN]
    skipped = [each for each in run.records if each.outcome is Outcome.SKIP]
    beyond = [(each, record) for record in run.records for each in record.measurements if each.beyond_usual]
    left_out = sum(bool(each.left_out) for record in run.records for each in record.measurements)
    said = f"rig {run.file.name}: {run.outcome.value}, {len(run.records)} scenarios, {len(skipped)} skipped"
    said += f", {left_out} measurements left out" if left_out else ""
    terminalreporter.write_line(said + (f", {len(beyond)} BEYOND THE SCENARIOS' OWN LIMITS" if beyond else ""))
    if run.broken:
        terminalreporter.write_line(f"  THE RIG HAS FAILED: {run.broken}")
    for each, record in beyond:
        terminalreporter.write_line(f"  {record.name}: {beyond_words(each, record)}")
    for record in run.records:
        if record.replay:
            terminalreporter.write_line(f"  play {record.name} again: {record.replay}")
    terminalreporter.write_line(f"  report: {run.wanted.folder / 'report.html'}")
