"""The summary and the bundle of a station whose daemon is dead, whose file is broken, whose directory may not be read: as typed."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from stationd.outputs.journal import Record, RecordClass
from stationd.shell.screens.phone import LETTERS, verified
from stationd.support import main
from stationd.support.collecting import Wanted, collected
from stationd.support.packing import CONTENTS
from stationd.support.past import NAME
from stationd.support.station_file import read
from stationd.support.told import summary
from stationd.support.within import Deadline
from tests.shell.scripted import scripted
from tests.support.remains import HOLD, SECRET, journal, station

ROOT = Path(__file__).resolve().parents[2]
BROKEN = f'[mqtt]\nurl = "mqtt://me:{SECRET}@broker"\npassword = "{SECRET}"\n[bus.a]\nbaud = 19200 mA\n'


def stationd(home: Path, *words: str | Path) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "HOME": str(home), "PYTHONDONTWRITEBYTECODE": "1"}
    program = [sys.executable, "-m", "stationd", "support", *words]
    return subprocess.run(program, capture_output=True, text=True, cwd=ROOT, env=environment, timeout=90)


def inside(printed: str) -> dict[str, str]:
    (path,) = [line.split()[1] for line in printed.splitlines() if line.startswith("path ")]
    with zipfile.ZipFile(path) as bundle:
        assert bundle.testzip() is None
        return {name: bundle.read(name).decode() for name in bundle.namelist()}


def of(lines: list[str], letter: str) -> str:
    return lines[LETTERS.index(letter)]


def page_is_sound(lines: list[str]) -> None:
    assert [line[:2] for line in lines] == [f"{letter} " for letter in LETTERS]
    assert max(map(len, lines)) <= 79
    assert verified("\n".join(lines))


async def test_the_summary_of_a_dead_daemon_says_what_its_journal_remembers(tmp_path: Path) -> None:
    async with journal(tmp_path / "state"):
        pass
    lines = summary(station(tmp_path, tmp_path / "state"))
    page_is_sound(lines)
    assert of(lines, "A") == "A station aktau, live, Kazakhtelecom"
    assert "no answer" in of(lines, "C")
    assert "LINE DOWN: cable cut, 118.4 km from Aktau" in of(lines, "D")
    assert of(lines, "E").startswith("E is it ours NO, confidence high, sea cable, since ")
    assert "1 critical, 1 minor, 1 suppressed, as in the journal" in of(lines, "L")
    assert "M alarm 1 B critical line LINE-BREAK, since " in of(lines, "M")
    assert f"hold {HOLD['name']} on pfe-a by j.smith" in of(lines, "P")
    assert "good" in of(lines, "R")


def test_a_broken_configuration_is_named_with_its_line(tmp_path: Path) -> None:
    lines = summary(station(tmp_path, tmp_path / "state", BROKEN))
    page_is_sound(lines)
    assert of(lines, "R").startswith("R configuration broken, line 11, is not TOML: Expected newline")
    assert SECRET not in "\n".join(lines)


@pytest.mark.parametrize("what", ["nothing", "a directory", "noise", "an empty file"])
def test_the_summary_comes_about_whatever_stands_in_the_place_of_the_journal(tmp_path: Path, what: str) -> None:
    state = tmp_path / "state"
    state.mkdir()
    match what:
        case "a directory":
            (state / NAME).mkdir()
        case "noise":
            (state / NAME).write_bytes(os.urandom(20_000))
        case "an empty file":
            (state / NAME).touch()
    for file in (station(tmp_path, state), tmp_path / "none.toml", tmp_path):
        lines = summary(file, state)
        page_is_sound(lines)
        assert "journal" in of(lines, "D")


async def test_a_bundle_of_a_dead_daemon_has_all_that_can_be_had_and_no_secret(tmp_path: Path) -> None:
    async with journal(tmp_path / "state") as kept:
        document = {"said": f"login mqtt://u:{SECRET}/x@broker failed", "psk": SECRET, "document": {"text": f"new password={SECRET}"}}
        for kind in (RecordClass.EVENT, RecordClass.COMMAND):
            await kept.append(Record(kept.stamp(), kind, "test", json.dumps(document), "aktau", audited=kind is RecordClass.COMMAND))
    state = tmp_path / "state"
    (state / "selftest").mkdir()
    (state / "selftest" / "2026-11-21T2210Z.json").write_text('{"failed": 1}')
    file = station(tmp_path, state, BROKEN)
    done = stationd(tmp_path, "bundle", "since", "400d", "--config", file)
    assert done.returncode == 0, done.stderr
    assert f"not in {state / 'bundles'}: No such file or directory" in done.stdout
    found = inside(done.stdout)
    assert SECRET not in "".join(found.values())
    assert "is not TOML at line 11" in found["check.txt"]
    assert len(found["journal/events.jsonl"].splitlines()) > 40
    assert "digests are those of the whole" in found[CONTENTS]
    assert [json.loads(line)["position"] for line in found["journal/audit.jsonl"].splitlines()] == [1, 2]
    assert {json.loads(line)["letter"] for line in found["journal/alarms.jsonl"].splitlines()} == {"B", "C", "H"}
    assert found["selftest/2026-11-21T2210Z.json"] == '{"failed": 1}'
    assert {"summary.txt", "machine.txt", "versions.txt", "files.txt", "station.toml"} <= set(found)
    assert "daemon/status.json: no daemon answers" in found[CONTENTS]
    assert found[CONTENTS].strip() in done.stdout


async def test_the_bundle_goes_where_the_daemon_keeps_its_own(tmp_path: Path) -> None:
    (tmp_path / "state" / "bundles").mkdir(parents=True)
    done = stationd(tmp_path, "bundle", "--since", "1h", "--config", station(tmp_path, tmp_path / "state"))
    (line,) = [line for line in done.stdout.splitlines() if line.startswith("path ")]
    assert f"{tmp_path}/state/bundles/support-aktau-" in line or "MB are free" in done.stdout


def test_with_a_living_daemon_its_documents_are_in_the_bundle(tmp_path: Path) -> None:
    (tmp_path / "state").mkdir()
    file = read(station(tmp_path, tmp_path / "state"))
    with scripted(file.socket) as daemon:
        daemon.answers["GetStatus"] = lambda _: ("", {"status": {"station": "aktau", "t": "2026-11-22T22:04:12.000Z"}})
        daemon.answers["GetConfig"] = lambda _: ("", {"config": {"url": f"mqtt://u:{SECRET}@b", "password": SECRET, "key": "a/B"}})
        daemon.answers["Statistics"] = lambda _: ("org.varlink.service.InterfaceNotFound", {"interface": "io.stationd.Alarm"})
        parts, missing = collected(Wanted(file, file.state, file.socket, 0.0))
        called = {method for method, _ in daemon.calls}
    found = {part.name: part.data.decode() for part in parts}
    assert json.loads(found["daemon/status.json"])["status"]["station"] == "aktau"
    assert json.loads(found["daemon/config.json"])["config"]["key"] == "a/B"
    assert SECRET not in "".join(found.values())
    assert "C daemon answers" in found["summary.txt"]
    assert "somebody listens" in found["summary-without-daemon.txt"]
    assert "daemon/alarm-statistics.json" in {each.name for each in missing}
    assert not {name for name in called if name.rpartition(".")[2] not in READS}, "something was called that does not only read"


@pytest.fixture
def never_answers(tmp_path: Path) -> Iterator[Path]:
    """A state directory whose journal, and a station file that, can be opened and never answers: as on a disk that hangs."""
    (tmp_path / "state").mkdir()
    pipes = [tmp_path / "state" / NAME, tmp_path / "hangs.toml"]
    for pipe in pipes:
        os.mkfifo(pipe)
    yield tmp_path
    for pipe in pipes:  # lets go of who still waits
        with contextlib.suppress(OSError):
            os.close(os.open(pipe, os.O_WRONLY | os.O_NONBLOCK))


def test_a_disk_that_hangs_is_left_alone_and_the_rest_comes_about(never_answers: Path) -> None:
    state = never_answers / "state"
    page_is_sound(summary(never_answers / "hangs.toml", state, limit_s=0.5))
    _, missing = collected(Wanted(read(station(never_answers, state)), state, state / "sock", 0.0, Deadline(1.0)))
    assert any("no answer within" in each.why for each in missing)
    assert any("are over" in each.why for each in missing)


READS = {
    "GetStatus", "List", "Holds", "Authority", "Statistics", "History", "Interlocks", "Diff", "Head", "GetLine", "GetBaseline",
    "ListFaults", "GetFault", "GetHealth", "GetLog", "GetConfig", "GetClock", "GetVersion", "GetHandover",
}  # fmt: skip


@pytest.fixture
def open_room() -> Iterator[Path]:
    """A directory that everybody may enter, which those of pytest are not."""
    room = Path(tempfile.mkdtemp(prefix="support"))
    room.chmod(0o755)
    yield room
    shutil.rmtree(room)


def as_nobody(home: Path, words: list[str]) -> tuple[int, str]:
    """Run the command as a user who owns nothing, in a process that has loaded the program already."""
    import stationd.app  # noqa: F401 - afterwards its files may be out of reach

    output = home / "printed"
    child = os.fork()
    if child == 0:
        code = 99
        with contextlib.suppress(BaseException):
            os.environ["HOME"] = str(home)
            os.dup2(os.open(output, os.O_WRONLY | os.O_CREAT, 0o666), 1)
            os.setresgid(65534, 65534, 65534)
            os.setgroups([])
            os.setresuid(65534, 65534, 65534)
            sys.stdout = open(1, "w", closefd=False)  # noqa: SIM115 - of the file that stands at 1 now
            code = main(words)
            sys.stdout.flush()
        os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), output.read_text()


@pytest.mark.skipif(os.geteuid() != 0, reason="to be another user one has to be root")
async def test_who_may_not_read_the_state_gets_the_rest_and_the_reason(open_room: Path) -> None:
    state, home = open_room / "state", open_room / "home"
    state.mkdir()
    home.mkdir()
    async with journal(state):
        state.chmod(0o700)
        os.chown(home, 65534, 65534)
        file = station(open_room, state)
        file.chmod(0o644)
        code, printed = await asyncio.to_thread(as_nobody, home, ["bundle", "--config", str(file)])
    assert code == 0, printed
    found = inside(printed)
    assert "journal/events.jsonl: this user may not read" in found[CONTENTS]
    assert "this user may not read the journal" in found["summary.txt"]
    assert {"check.txt", "machine.txt", "station.toml"} <= set(found)


@pytest.mark.parametrize("words", ["bundle since", "bundle since 24", "bundle --since x", "summary since 1h", "frobnicate", ""])
def test_words_that_are_none_end_with_2(words: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(words.split()) == 2
    assert capsys.readouterr().err
