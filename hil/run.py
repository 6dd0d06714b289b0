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
import shutil
import socket
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

from hil.acts import RigFailed
from hil.atwork import RigAtWork
from hil.benchrig import open_bench
from hil.lock import Rack
from hil.record import Bench, Outcome, Record, as_json
from hil.report import page
from hil.rigfile import Kind, RigFile, find, load, simulated_of
from hil.simrig import open_sim
from hil.simulated import plant

ROOT = Path(__file__).resolve().parent.parent


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
    _stack: contextlib.ExitStack = field(default_factory=contextlib.ExitStack)
    _bench: Bench | None = None

    @classmethod
    def of(cls, wanted: Wanted) -> Run:
        """Read the rig's file, check that nothing keeps it from being used, lock it, and start its simulated plant if it has one.

        RigFileError, Latched, Busy, RigFailed say what is in the way.
        """
        path = find(wanted.rig)
        with contextlib.ExitStack() as opening:
            simulated = simulated_of(path)
            addresses = opening.enter_context(plant(program_of(wanted.program, ()), path.parent / simulated)) if simulated else None
            file = load(path, addresses)
            rack = Rack()
            rack.check(file.name)
            token = opening.enter_context(rack.held(file.name, f"{getpass.getuser()} at {socket.gethostname()}", file.place))
            return cls(wanted, file, token, _stack=opening.pop_all())

    def open(self) -> RigAtWork:
        """Open the rig, once. RigFailed latches it."""
        if self.rig is None:
            program = program_of(self.wanted.program, self.file.program)
            try:
                if self.file.kind is Kind.SIM:
                    self.rig = open_sim(self.file, program)
                else:
                    self.rig = open_bench(self.file, program, self.wanted.person, self.broke)
            except RigFailed as why:
                self.broke(str(why))
                raise
            self._stack.callback(self.rig.close)
            self._bench = self._describe(self.rig)
        return self.rig

    def broke(self, reason: str) -> None:
        """Note that the rig itself has failed: nothing more is done on it, now and until somebody has looked."""
        self.broken = self.broken or reason
        self.failed(reason)

    def failed(self, reason: str) -> None:
        """Latch the rig, if it is one that latches: nobody uses it until somebody has looked."""
        if self.file.latches:
            Rack().latch(self.file.name, reason, self.token)

    def close(self) -> None:
        """Write the report, and end everything."""
        try:
            if self.rig is not None:
                self.wanted.folder.mkdir(parents=True, exist_ok=True)
                log = self.rig.house.log.path
                if log is not None and log.exists():
                    shutil.copyfile(log, self.wanted.folder / "faults.jsonl")
        finally:
            self._stack.close()
        if self._bench is not None:
            (self.wanted.folder / "record.json").write_text(as_json(self._bench, self.records), encoding="utf-8")
            (self.wanted.folder / "report.html").write_text(page(self._bench, self.records, time.time()), encoding="utf-8")
            self._keep_attachments()

    def replay(self, scenario: str) -> str:
        """Return the one command that plays a scenario again as it was."""
        words = ["python", "-m", "pytest", scenario, "--rig", self.wanted.rig, "--seed", str(self.wanted.seed), *self.wanted.words]
        return shlex.join(words)

    @property
    def outcome(self) -> Outcome:
        """How the run stands."""
        return Outcome.worst(each.outcome for each in self.records if each.outcome is not Outcome.SKIP)

    def _keep_attachments(self) -> None:
        for record in self.records:
            for each in record.attachments:
                kept = self.wanted.folder / "attachments"
                kept.mkdir(exist_ok=True)
                (kept / each.sha1).write_bytes(each.data)

    def _describe(self, rig: RigAtWork) -> Bench:
        stations = rig.stations
        first = next(iter(stations.values()))
        safety = self.file.safety
        return Bench(
            station_id=f"{self.file.title} on {socket.gethostname()}",
            dut_id=", ".join(stations),
            rig=self.file.name,
            rig_sha256=self.file.sha256,
            version=first.version(),
            git_sha=git_sha(),
            config_sha256={name: hashlib.sha256(each.section.template.read_bytes()).hexdigest() for name, each in stations.items()},
            calibrated=self.file.calibrated,
            lock_token=self.token,
            person=self.wanted.person,
            load_serial=safety.load_serial if safety else "",
        )


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
