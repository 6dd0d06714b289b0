"""The table of exit codes that scripts rely on: one test for each row, one-shot, in a process of its own, with standard input closed."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from stationd.shell.exits import Exit
from tests.console.desk import STATUS, value
from tests.shell.scripted import OPERATION, STAMP, Answer, Scripted, refused, scripted, view

ROOT = Path(__file__).resolve().parents[2]
CLOSED = "import os, sys; os.close(0); from stationd.shell.client import main; sys.exit(main())"


@pytest.fixture
def daemon(tmp_path: Path) -> Iterator[Scripted]:
    with scripted(tmp_path / "s") as made:
        made.answers["GetStatus"] = lambda _: ("", {"status": STATUS})
        yield made


def ends(daemon: Scripted | Path, *words: str) -> tuple[int, str, str]:
    """Run one command without a standard input; return its code and what it says."""
    socket = daemon if isinstance(daemon, Path) else daemon.path
    program = [sys.executable, "-c", CLOSED, "--socket", str(socket), *words]
    done = subprocess.run(program, capture_output=True, text=True, cwd=ROOT, timeout=60)
    assert "Traceback" not in done.stderr
    assert "\x1b" not in done.stdout + done.stderr
    return done.returncode, done.stdout, done.stderr


def says(daemon: Scripted, method: str, error: str = "", **parameters: Any) -> None:
    answer: Answer = (error, parameters)
    daemon.answers[method] = lambda _: answer


@pytest.mark.parametrize("words", ["show holds", "hold-ramp", "wait operation OP-42", "--json show holds"])
def test_0_it_is_done(daemon: Scripted, words: str) -> None:
    says(daemon, "Holds", holds=[])
    daemon.view = view("closed", ending="reached")
    code, out, err = ends(daemon, *words.split())
    assert (code, err) == (0, "")
    assert out


@pytest.mark.parametrize("words", ["wait operation OP-42", "show audit verify"])
def test_1_it_ran_and_failed(daemon: Scripted, words: str) -> None:
    daemon.view = view("closed", ending="deviated")
    says(daemon, "Verify", intact=False, position=9, digest="c4", brokenAt=10, why="a gap")
    assert ends(daemon, *words.split())[0] == 1


def test_1_an_emergency_off_that_was_not_confirmed(daemon: Scripted) -> None:
    device = {"device": "pfe-a", "who": "a.bekov", "since": STAMP, "confirmed": False, "detail": "no answer"}
    says(daemon, "EmergencyOff", devices=[device], allConfirmed=False, durable=True)
    assert ends(daemon, "EMERGENCY-OFF", "pfe", "pfe-a")[0] == 1


@pytest.mark.parametrize(
    "words",
    [["frobnicate"], ["show", "x"], ["ac", "a/B"], ["shelve", "a/B", "2", "reason", "a sensor is wet"], ["--nonsense"], [], ["show", "a"]],
    ids=" ".join,
)
def test_2_nobody_understands_it(daemon: Scripted, words: list[str]) -> None:
    code, out, err = ends(daemon, *words)
    assert (code, out) == (2, "")
    assert err
    assert daemon.calls == []


@pytest.mark.parametrize("words", ["show status", "ack a/B", "wait line up", "hold-ramp", "EMERGENCY-OFF all"])
def test_3_no_daemon_can_be_reached(tmp_path: Path, words: str) -> None:
    code, out, err = ends(tmp_path / "none", *words.split())
    assert (code, out) == (3, "")
    assert err


@pytest.mark.parametrize(
    "words",
    [
        ["arm", "pfe", "pfe-a", "energise", "to", "1000", "mA", "rate", "10", "mA/s", "reason", "repair done WO 4711"],
        ["approve", "OP-42"], ["execute", "OP-42"], ["resume", "OP-42"], ["back", "OP-42"],
        ["arm", "alarm", "pfe-a/PFE-TRIP", "out-of-service", "until", "2026-11-30", "reason", "being repaired"],
    ],
    ids=" ".join,
)  # fmt: skip
def test_4_what_can_kill_wants_a_person_at_a_terminal(daemon: Scripted, tmp_path: Path, words: list[str]) -> None:
    code, _, err = ends(daemon, *words)
    assert code == 4
    assert "no-access-authority" in err
    assert (daemon.calls, daemon.opened) == ([], 0)
    assert ends(tmp_path / "none", *words)[0] == 4, "whether or not a daemon answers"
    assert ends(daemon, "--json", *words)[0] == ends(daemon, "--plain", *words)[0] == ends(daemon, *words, "|", "count")[0] == 2


@pytest.mark.parametrize("cause", ["no-access-authority", "blocked-by-switching-hierarchy", "second-person-missing"])
def test_4_this_person_may_not(daemon: Scripted, cause: str) -> None:
    daemon.answers["Hold"] = lambda _: refused(cause, "you may not")
    assert ends(daemon, "hold-ramp")[0] == 4


@pytest.mark.parametrize("cause", ["blocked-by-interlocking", "blocked-by-hold", "step-limit", "object-not-selected", "time-limit-over"])
def test_5_safety_refuses_it(daemon: Scripted, cause: str) -> None:
    daemon.answers["Hold"] = lambda _: refused(cause, "it is not safe")
    code, out, err = ends(daemon, "hold-ramp")
    assert (code, out) == (5, "")
    assert cause in err


@pytest.mark.parametrize("words", [["hold-ramp"], ["hold", "add", "pfe", "pfe-a", "reason", "ship on cable"]], ids=" ".join)
def test_6_nobody_knows_what_became_of_it(daemon: Scripted, words: list[str]) -> None:
    def hangs_up(_: Any) -> Any:
        raise ConnectionResetError

    daemon.answers["Hold"] = daemon.answers["AddHold"] = hangs_up
    code, _, err = ends(daemon, *words)
    assert code == 6
    assert "unknown" in err.lower()


def test_6_an_order_that_is_not_on_the_disk(daemon: Scripted) -> None:
    says(daemon, "Hold", names=["OP-42"], detail="", durable=False)
    assert ends(daemon, "hold-ramp")[0] == 6


def test_7_there_is_no_such_thing(daemon: Scripted) -> None:
    says(daemon, "Get", f"{OPERATION}.NoSuchOperation", operation="OP-7", detail="x", hint="y")
    says(daemon, "Reset", "io.stationd.Alarm.NoSuchAlarm", key="a/B")
    assert ends(daemon, "wait", "operation", "OP-7")[0] == 7
    assert ends(daemon, "show", "operations", "OP-7")[0] == 7
    assert ends(daemon, "reset", "a/B", "looked at it")[0] == 7


def test_8_some_value_is_stale_or_bad_and_that_was_asked_for(daemon: Scripted) -> None:
    closed = value(None, "", "stale", last=True)
    says(daemon, "Interlocks", interlocks=[{"name": "io1.door", "feeds": ["pfe-a"], "closed": closed, "bypassedUntil": None}])
    assert ends(daemon, "show", "interlocks")[0] == 0
    assert ends(daemon, "--strict", "show", "interlocks")[0] == 8


@pytest.mark.parametrize("cause", ["object-already-selected", "locked-by-other-client", "1-of-n-control", "command-already-in-execution"])
def test_9_somebody_else_was_first(daemon: Scripted, cause: str) -> None:
    daemon.answers["Hold"] = lambda _: refused(cause, "n.aliyeva was first")
    assert ends(daemon, "hold-ramp")[0] == 9


@pytest.mark.parametrize(
    ("words", "method", "error", "cause", "code"),
    [
        ("silence 99h", "Silence", "Refused", "step-limit", 5), ("handover write x", "WriteHandover", "Refused", "no-access-authority", 4),
        ("handover take", "TakeHandover", "Refused", "second-person-missing", 4),
        ("message aliya hi", "Message", "NobodyThere", "object-not-selected", 7),
        ("note x", "Note", "NotAllowed", "no-access-authority", 4),
        ("note x", "Note", "OutcomeUnknown", "", 6),
    ],
)  # fmt: skip
def test_refusals_of_what_is_between_people_have_the_same_codes(
    daemon: Scripted, words: str, method: str, error: str, cause: str, code: int
) -> None:
    says(daemon, method, f"io.stationd.Session.{error}", cause=cause, detail="why it is", hint="")
    assert ends(daemon, *words.split())[0] == code


def test_130_it_was_interrupted(daemon: Scripted) -> None:
    daemon.view = view("held")
    program = [sys.executable, "-c", CLOSED, "--socket", str(daemon.path), "wait", "operation", "OP-42"]
    with subprocess.Popen(program, stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=ROOT, start_new_session=True) as running:
        daemon.wait_for(lambda: len(daemon.called("Get")) > 0)
        os.kill(running.pid, signal.SIGINT)
        assert running.wait(20) == 130


@pytest.mark.parametrize(("quality", "letter", "code"), [("good", "A", 0), ("stale", "A", 1), ("good", "B", 2)])
def test_check_alone_has_the_codes_of_a_monitoring_plugin(daemon: Scripted, quality: str, letter: str, code: int) -> None:
    counts = {"good": 1, "stale": int(quality == "stale"), "bad": 0}
    says(daemon, "GetStatus", status={"station": "aktau", "t": STATUS["t"], "quality": counts})
    alarm = {"key": "pfe-a/PFE-TRIP", "severity": "critical", "letter": letter, "active": True, "unknown": False, "since": None}
    says(daemon, "List", alarms=[alarm])
    found, out, err = ends(daemon, "check")
    assert (found, err) == (code, "")
    assert out.count("\n") == 1


def test_check_without_a_daemon_is_3(tmp_path: Path) -> None:
    code, out, err = ends(tmp_path / "none", "check")
    assert (code, err) == (3, "")
    assert out.startswith("UNKNOWN ")


def test_a_failure_in_json_says_its_code(daemon: Scripted) -> None:
    daemon.answers["Hold"] = lambda _: refused("blocked-by-hold", "ship on cable")
    code, _, err = ends(daemon, "--json", "hold-ramp")
    assert json.loads(err)["exit"] == code == 5


def test_the_table_has_no_other_code() -> None:
    assert [int(code) for code in Exit] == [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 130]
