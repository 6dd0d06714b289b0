"""What the arrow keys bring back: lines that only look, in a file of the user alone."""

from __future__ import annotations

import stat
import time
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from stationd.shell.carrying import is_at_most
from stationd.shell.exits import Exit
from stationd.shell.grammar.command import Class
from stationd.shell.remembered import MOST_LINES, Remembered, place
from stationd.shell.typing_in import READ_S
from tests.shell.scripted import Scripted, scripted
from tests.shell.shelling import at_shell, furnish, history

READS = ("show pfe", "sh pf", "show alarms | count", 'show log | match "B!"', "watch show pfe every 2s", "plain off", "explain PFE-TRIP")
ACTS = (
    'note "seen"', "ack all-visible", 'shelve line/LINE-DOWN for 8h reason "sensor wet"', "hold-ramp", "show pfe | save tonight.txt",
    "set amp oa-3 gain 35.1 dB", 'apply reason "drift of OA-3"', "discard", "confirm", "rollback 1", "approve OP-42", "execute OP-42",
    'arm pfe a energise to 1000 mA rate 20 mA/s reason "repair done"', "resume OP-42", "back OP-42", "EMERGENCY-OFF all", "disarm OP-42",
)  # fmt: skip
NOTHING = ("frobnicate", "show", "ar pfe", "", "   ", 'show "', "show pfe \x1b[2J")


def only_reads(line: str) -> bool:
    return is_at_most(line, Class.READ)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state" / "stationctl" / "history"


@pytest.mark.parametrize("line", READS)
def test_what_looks_is_remembered_over_a_new_start(path: Path, line: str) -> None:
    assert Remembered(path, only_reads).keep(line)
    assert Remembered(path, only_reads).lines == [line]


@pytest.mark.parametrize("line", [*ACTS, *NOTHING])
def test_what_acts_notes_or_is_no_command_is_never_written_down(path: Path, line: str) -> None:
    remembered = Remembered(path, only_reads)
    assert not remembered.keep(line)
    assert remembered.lines == []
    assert not path.exists()


def test_what_acts_and_was_put_into_the_file_does_not_come_up_and_is_gone_from_it(path: Path) -> None:
    path.parent.mkdir(parents=True)
    path.write_text("show pfe\nEMERGENCY-OFF all\nshow line\n")
    assert Remembered(path, only_reads).lines == ["show pfe", "show line"]
    assert path.read_text() == "show pfe\nshow line\n"


def test_nobody_else_reads_the_file(path: Path) -> None:
    path.parent.mkdir(parents=True)
    path.touch(0o644)
    path.chmod(0o644)
    Remembered(path, only_reads).keep("show pfe")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_the_file_never_grows_beyond_its_bound(path: Path) -> None:
    path.parent.mkdir(parents=True)
    path.write_text("".join(f"show audit last {1 + number % 200}\n" for number in range(MOST_LINES + 50)))
    assert len(Remembered(path, only_reads).lines) == MOST_LINES
    assert len(path.read_text().splitlines()) == MOST_LINES


@pytest.mark.parametrize("where", ["/proc/1/nowhere/history", "/dev/full", "/dev/null/history"])
def test_a_disk_that_takes_nothing_is_no_news(where: str) -> None:
    remembered = Remembered(Path(where), only_reads)
    remembered.keep("show pfe")
    assert remembered.lines == ["show pfe"]


def test_a_user_without_a_home_has_no_file() -> None:
    assert place({}) is None
    assert place({"XDG_STATE_HOME": "relative", "HOME": "/home/a"}) == Path("/home/a/.local/state/stationctl/history")
    assert place({"XDG_STATE_HOME": "/var/x", "HOME": "/home/a"}) == Path("/var/x/stationctl/history")


@pytest.fixture
def daemon() -> Iterator[Scripted]:
    with TemporaryDirectory(prefix="shell") as name, scripted(Path(name) / "s") as served:
        furnish(served)
        yield served


def test_the_arrow_key_brings_back_what_looks_and_passes_over_what_acts(daemon: Scripted) -> None:
    with at_shell(daemon) as person:
        person.types("show pfe\r")
        person.sees("Next:  show pfe")
        person.prompted()
        person.orders("discard")
        daemon.wait_for(lambda: daemon.called("Discard") != [])
        person.prompted()
        person.types("hold-ramp\r")
        daemon.wait_for(lambda: daemon.called("Hold") != [])
        person.prompted()
        person.types("\x1b[A")
        person.sees("show pfe")
        person.types("\r")
        person.sees("Next:  show pfe")
        person.prompted()
        person.types("quit\r")
        assert person.seat.ended() == Exit.DONE
    assert history(daemon.path.parent) == ["show pfe"]


def test_no_key_carries_a_line_into_the_history_by_another_way(daemon: Scripted) -> None:
    with at_shell(daemon) as person:
        person.types("confirm\r")
        person.sees("then press Enter")
        time.sleep(1.5 * READ_S)
        person.types("\x1b\r")  # Meta-Enter, which ends a line too
        daemon.wait_for(lambda: daemon.called("Confirm") != [])
        person.prompted()
        person.types("discard\r")
        person.sees("then press Enter")
        time.sleep(1.5 * READ_S)
        person.types("\x0f")  # Ctrl-O: end the line and bring up the next one
        daemon.wait_for(lambda: daemon.called("Discard") != [])
        person.prompted()
        person.types("\x1b[A@")
        person.sees("@")
        assert "confirm@" not in person.read
        assert "discard@" not in person.read
