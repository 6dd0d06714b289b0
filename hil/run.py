"""One run of `pytest hil`: the rig, its lock and latch, the records, and what is written at the end.

What it is: what hil/conftest.py keeps between pytest's hooks, without pytest. What it is not: the rig itself.
"""

from __future__ import annotations

import contextlib
import getpass
import hashlib
import json
import os
import shlex
import socket
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from hil.acts import RigFailed
from hil.atwork import RigAtWork
from hil.benchrig import open_bench, will_of
from hil.calibration import overdue_of
from hil.lateness import Lateness
from hil.lock import Rack, usual_folder
from hil.presence import Presence
from hil.record import Bench, Outcome, Record, as_json, whole
from hil.report import page
from hil.rigfile import Kind, RigFile, find, load, simulated_of
from hil.simrig import open_sim
from hil.simulated import plant

ROOT = Path(__file__).resolve().parent.parent
UPGRADE = "STATIOND_HIL_UPGRADE"  # the other program of test_upgrade


@dataclass(frozen=True, slots=True)
class Wanted:
    """What was asked for on the command line."""

    rig: str
    seed: int
    person: str
    folder: Path
    program: str
    words: tuple[str, ...] = ()  # those that a replay needs too


@dataclass(slots=True)
class Run:
    """A run from `open` to `close`."""

    wanted: Wanted
    file: RigFile
    token: str = ""
    records: list[Record] = field(default_factory=list)
    rig: RigAtWork | None = None
    broken: str = ""  # why the rig itself cannot be used any more, if so
    rack: Rack | None = None
    present: Presence = field(default_factory=lambda: Presence("", asked=False))
    lateness: Lateness | None = None
    files: Mapping[str, str] = field(default_factory=dict)  # of the stations, as their daemons read them
    _stack: contextlib.ExitStack = field(default_factory=contextlib.ExitStack)
    _bench: Bench | None = None

    @classmethod
    def of(cls, wanted: Wanted) -> Run:
        """Read the rig's file, check that nothing keeps it from being used, lock it, and start its simulated plant if it has one.

        RigFileError, Latched, Busy, NoPlace, RigFailed say what is in the way.
        """
        path = find(wanted.rig)
        with contextlib.ExitStack() as opening:
            simulated = simulated_of(path)
            addresses = opening.enter_context(plant(program_of(wanted.program, ()), path.parent / simulated)) if simulated else None
            file = load(path, addresses)
            rack = Rack(usual_folder(real=file.latches))
            rack.check(file.name)
            token = opening.enter_context(rack.held(file.name, f"{getpass.getuser()} at {socket.gethostname()}", file.place))
            lateness = Lateness()
            opening.callback(lateness.close)
            present = Presence(wanted.person, asked=file.real)
            return cls(wanted, file, token, rack=rack, present=present, lateness=lateness, _stack=opening.pop_all())

    def open(self) -> RigAtWork:
        """Open the rig, once. RigFailed latches it."""
        if self.rig is None:
            program = program_of(self.wanted.program, self.file.program)
            try:
                if self.file.kind is Kind.SIM:
                    self.rig = open_sim(self.file, program)
                else:
                    latches = self.rack.folder if self.rack and self.file.latches else None
                    will = will_of(self.file, self.token, latches)
                    self.rig = open_bench(self.file, program, self.present, will, self.broke)
            except (RigFailed, OSError) as why:
                self.broke(str(why))
                raise RigFailed(str(why)) from why
            self._stack.callback(self.rig.close)
            self._bench = self._describe(self.rig)
        return self.rig

    def broke(self, reason: str) -> None:
        """Note that the rig itself has failed: nothing more is done on it, now and until somebody has looked."""
        self.broken = self.broken or reason
        self.failed(reason)

    def failed(self, reason: str) -> None:
        """Latch the rig, if it is one that latches: nobody uses it until somebody has looked."""
        if self.file.latches and self.rack is not None:
            self.rack.latch(self.file.name, reason, self.token)

    def energising(self, scenario: str) -> str:
        """Do what class 4 wants before a scenario of it: somebody present, and a latch that outlasts a kill. Returns why not, if not."""
        why = self.present.confirm(self.file.name, scenario)
        if not why and self.file.latches and self.rack is not None:
            self.rack.under_way(self.file.name, f"class 4, {scenario},", self.token)
        return why

    def energised_failed(self, reason: str) -> None:
        """A scenario of class 4 has failed: on a bench take the voltage away at once, and do nothing more on it."""
        if self.file.kind is not Kind.BENCH:
            self.failed(reason)
            return
        self.broke(reason)
        if self.rig is not None:
            try:
                self.rig.off()
            except RigFailed as why:
                self.broken += f"; AND THE VOLTAGE MAY STILL BE ON: {why}"
                self.failed(self.broken)

    def close(self) -> None:
        """End everything, the voltage first, and write the report whatever went wrong. RigFailed when the voltage may still be on."""
        log, wrong = self._fault_log(), ""
        try:
            self._stack.close()
        except RigFailed as why:
            wrong = f"AT THE END THE VOLTAGE WAS NOT SEEN TO BE GONE: {why}"
            self.broken = f"{self.broken}; {wrong}" if self.broken else wrong
            self.failed(self.broken)
        finally:
            self._write(log)
        if wrong:
            raise RigFailed(wrong)
        if self.rack is not None and not self.broken:
            self.rack.well_over(self.file.name, self.token)

    def _fault_log(self) -> str:
        """Return the log of faults, whose folder goes when the rig is closed."""
        log = self.rig.house.log.path if self.rig is not None else None
        return log.read_text(encoding="utf-8") if log is not None and log.exists() else ""

    def _write(self, log: str) -> None:
        if self._bench is None and not self.broken:
            return
        bench = replace(self._bench or self._describe(None), trouble=self.broken)
        folder = self.wanted.folder
        folder.mkdir(parents=True, exist_ok=True)
        if log:
            (folder / "faults.jsonl").write_text(log, encoding="utf-8")
        (folder / "record.json").write_text(as_json(bench, self.records), encoding="utf-8")
        (folder / "report.html").write_text(page(bench, self.records, time.time()), encoding="utf-8")
        for name, text in self.files.items():
            (folder / f"{name}.station.toml").write_text(text, encoding="utf-8")
        self._keep_attachments()

    def replay(self, scenario: str) -> str:
        """Return the one command that plays a scenario again as it was."""
        around = [f"{UPGRADE}={os.environ[UPGRADE]}"] if UPGRADE in os.environ else []
        words = [sys.executable, "-m", "pytest", scenario, "--rig", self.wanted.rig, "--seed", str(self.wanted.seed), *self.wanted.words]
        return shlex.join([*(["env", *around] if around else []), *words])

    @property
    def outcome(self) -> Outcome:
        """How the run stands."""
        return whole(self.records, self.broken)

    def _keep_attachments(self) -> None:
        for record in self.records:
            for each in record.attachments:
                kept = self.wanted.folder / "attachments"
                kept.mkdir(exist_ok=True)
                (kept / each.sha1).write_bytes(each.data)

    def _describe(self, rig: RigAtWork | None) -> Bench:
        stations = rig.stations if rig else {}
        self.files = {name: each.config.read_text(encoding="utf-8") for name, each in stations.items()}
        safety = self.file.safety
        return Bench(
            station_id=f"{self.file.title} on {socket.gethostname()}",
            dut_id=", ".join(self.file.stations),
            rig=self.file.name,
            rig_sha256=self.file.sha256,
            version=versions({name: each.version() for name, each in stations.items()}),
            git_sha=git_sha(),
            config_sha256={name: hashlib.sha256(text.encode()).hexdigest() for name, text in self.files.items()},
            calibrated=self.file.calibrated,
            lock_token=self.token,
            person=self.wanted.person,
            load_serial=safety.load_serial if safety else "",
            overdue=tuple(overdue_of(self.file)),
        )


def versions(told: Mapping[str, str]) -> str:
    """Return what the stations call themselves: one version if they agree, else that of each."""
    if len(set(told.values())) <= 1:
        return next(iter(told.values()), "unknown")
    return ", ".join(f"{name} {version}" for name, version in told.items())


def program_of(asked: str, named: tuple[str, ...]) -> tuple[str, ...]:
    """Return the program under test: as asked for, else as the rig file names it, else the one of this environment."""
    if asked:
        return tuple(shlex.split(asked))
    return named or (sys.executable, "-m", "stationd")


def git_sha() -> str:
    """Return the commit of this tree, empty where there is none; with a plus sign if files have changed since."""
    def said(*words: str) -> str:
        found = subprocess.run(["git", *words], cwd=ROOT, capture_output=True, text=True, check=False)
        return found.stdout.strip() if found.returncode == 0 else ""

    try:
        sha = said("rev-parse", "--short=12", "HEAD")
        return f"{sha}+" if sha and said("status", "--porcelain", "--untracked-files=no") else sha
    except OSError:
        return ""


def build_folder(rig: str) -> Path:
    """Return where the report goes if nobody says otherwise."""
    return Path(os.environ.get("STATIOND_HIL_REPORT", str(ROOT / "build" / "hil" / Path(rig).stem)))


def junit_properties(run: Run) -> dict[str, str]:
    """Return what the JUnit file says of the whole run."""
    return {"rig": run.file.name, "rig_sha256": run.file.sha256, "lock_token": run.token, "limits": json.dumps(sorted(run.file.limits))}
