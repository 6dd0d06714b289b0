"""The line of a story, seen from the test: its process, what is ordered of it, and one-shot commands in its stations.

What it is: the handle of tests.stories.world, and `stationctl` with words as cron and scripts start it: without any terminal.
What it is not: somebody at a terminal; that is tests.stories.terminal.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from tests.stories.people import BEKOV, PLACE, USER, Person, Place

ROOT = Path(__file__).resolve().parents[2]
PATIENCE_S = float(os.environ.get("STATIOND_STORY_PATIENCE_S", "60"))  # for what comes by itself; the machine of a test may be busy
LOOK_S = 0.1
CLIENT = "stationd.shell.client"


@dataclass(frozen=True, slots=True)
class Answer:
    """What a command has said, and its exit code."""

    code: int
    out: str
    err: str


def surroundings(person: Person, place: Place, home: Path, **more: str) -> dict[str, str]:
    """Return the environment of a person's processes: nothing of the tester's own but where programs are, and what measures coverage."""
    kept = [name for name in os.environ if name in ("PATH", "LD_LIBRARY_PATH", "VIRTUAL_ENV") or name.startswith("COVERAGE_")]
    own = {name: os.environ[name] for name in kept}
    return {**own, "HOME": str(home), "PYTHONPATH": str(ROOT), USER: person.name, PLACE: place.value, **more}


def one_shot(socket: str | Path, *words: str, person: Person = BEKOV, home: Path | None = None, **more: str) -> Answer:
    """Carry one command out where there is no terminal."""
    command = [sys.executable, "-m", CLIENT, "--socket", str(socket), *words]
    around = surroundings(person, Place.SSH, home or Path(tempfile.gettempdir()), **more)
    done = subprocess.run(command, cwd=ROOT, env=around, stdin=subprocess.DEVNULL, capture_output=True, timeout=PATIENCE_S, check=False)
    return Answer(done.returncode, done.stdout.decode(), done.stderr.decode())


class Line:
    """Both stations at work."""

    def __init__(self, process: subprocess.Popen[str], folder: Path) -> None:
        self._process = process
        self.folder = folder
        self.sockets: Mapping[str, str] = self._answer()

    def order(self, words: str) -> Any:
        """Let something happen to the line; see tests.stories.world."""
        assert self._process.stdin is not None
        self._process.stdin.write(f"{words}\n")
        self._process.stdin.flush()
        return self._answer()

    def shows(self, station: str, *words: str, person: Person = BEKOV) -> str:
        """Return what a command that has to succeed shows at a station."""
        answer = one_shot(self.sockets[station], *words, person=person, home=self.folder)
        assert answer.code == 0, answer
        return answer.out

    def is_sound_for(self, seconds: float) -> None:
        """Wait until both stations have found the line healthy for so long."""
        give_up = time.monotonic() + PATIENCE_S + seconds
        while min(self._healthy_s(station) for station in self.sockets) < seconds:
            assert time.monotonic() < give_up, [self.shows(station, "show", "status") for station in self.sockets]
            time.sleep(LOOK_S)

    def _healthy_s(self, station: str) -> float:
        status = json.loads(self.shows(station, "--json", "show", "status"))["data"]
        verdict = status.get("status", status)["verdict"]
        now, since = (datetime.fromisoformat(text) for text in (status.get("status", status)["t"], verdict["since"]))
        return (now - since).total_seconds() if verdict["kind"] == "healthy" else 0.0

    def until(self, station: str, command: str, *texts: str) -> str:
        """Wait until all these texts stand in the answer to a command at a station; return it."""
        give_up = time.monotonic() + PATIENCE_S
        while True:
            answer = one_shot(self.sockets[station], *command.split(), home=self.folder)
            if all(text in answer.out for text in texts):
                return answer.out
            assert time.monotonic() < give_up, f"{command} never showed {texts}:\n{answer.out}{answer.err}"
            time.sleep(LOOK_S)

    def until_matches(self, station: str, command: str, pattern: str) -> str:
        """Wait until a pattern is found in one of the lines of the answer to a command at a station; return the answer."""
        give_up = time.monotonic() + PATIENCE_S
        while True:
            answer = one_shot(self.sockets[station], *command.split(), home=self.folder)
            if re.search(pattern, answer.out):
                return answer.out
            assert time.monotonic() < give_up, f"{command} never showed {pattern}:\n{answer.out}{answer.err}"
            time.sleep(LOOK_S)

    def _answer(self) -> Any:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        assert line, (self.folder / "world.log").read_text()[-4000:]
        answer = json.loads(line)
        assert "ok" in answer, answer
        return answer["ok"]


@contextlib.contextmanager
def line(folder: Path, pairs: int = 2) -> Iterator[Line]:
    """Run the line with so many fibre pairs as long as the block."""
    folder.mkdir(parents=True, exist_ok=True)
    words = [sys.executable, "-m", "tests.stories.world", str(folder), str(pairs)]
    with (folder / "world.log").open("w") as log:
        process = subprocess.Popen(words, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, text=True)
        with process:
            try:
                yield Line(process, folder)
            finally:
                assert process.stdin is not None
                process.stdin.close()
                process.wait(PATIENCE_S)
