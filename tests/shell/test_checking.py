"""`check`: one line and one code for a monitoring system, from what the daemon knows or from its silence."""

from __future__ import annotations

import copy
import re
import socket
import subprocess
import sys
import time
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stationd.shell.checking import Code, judged, looked
from stationd.shell.client import main
from tests.console.desk import CRITICAL, STATUS, serving, value
from tests.shell.scripted import scripted

ROOT = Path(__file__).resolve().parents[2]
NOW = STATUS["t"]
LINE = re.compile(r"(OK|WARNING|CRITICAL|UNKNOWN) [ -{}~]+( \| (\w+=[\d.]+ ?)+)?")


def status(kind: str | None = "healthy", stale: int = 0, **more: Any) -> dict[str, Any]:
    made = copy.deepcopy(STATUS)
    made["quality"] = {"good": 800, "stale": stale, "bad": 0}
    for feed in made["power_feeds"].values():
        feed["output_current"] = value(1000.0, "mA", t="2026-11-22T22:04:11.400Z")
    if kind is not None:
        made["verdict"] = {"kind": kind, "sentence": f"It is {kind}", "since": "2026-11-22T22:01:12.000Z"}
    return {**made, **more}


def alarm(key: str = "pfe-a/PFE-TRIP", severity: str = "critical", letter: str = "B", **more: Any) -> dict[str, Any]:
    since = {"t": "2026-11-22T22:01:07.000Z"}
    return {"key": key, "severity": severity, "letter": letter, "active": letter in "BCH", "unknown": False, "since": since, **more}


def listing(*alarms: dict[str, Any]) -> dict[str, Any]:
    return {"alarms": list(alarms), "asOf": {"t": NOW}}


def test_a_cable_that_is_cut_says_how_long_and_of_what_cause() -> None:
    code, line = judged(status("cable-cut"), listing(alarm("line/LINE-BREAK")))
    assert code == Code.CRITICAL
    assert line.startswith("CRITICAL AKTAU down 3m05s, cause line/LINE-BREAK | alarms_critical=1 ")
    assert "traffic" not in line


@pytest.mark.parametrize(("letter", "waits"), [("D", "not acknowledged"), ("E", "not acknowledged"), ("F", "not reset")])
def test_a_line_that_is_back_is_not_down_though_nobody_has_seen_its_alarm(letter: str, waits: str) -> None:
    code, line = judged(status(), listing(alarm("line/LINE-BREAK", letter=letter)))
    assert code == Code.CRITICAL
    assert line.startswith(f"CRITICAL AKTAU was down, back since 22:01:12Z (3m00s), {waits}: line/LINE-BREAK | ")


def test_a_line_that_cannot_be_judged_is_not_said_to_be_back() -> None:
    assert judged(status("cannot-tell"), listing(alarm("line/LINE-BREAK", letter="E")))[1].startswith(
        "CRITICAL AKTAU was down, not acknowledged: line/LINE-BREAK | "
    )


def test_an_alarm_of_the_line_of_which_nothing_is_known_any_more_has_not_ended() -> None:
    gone = alarm("line/LINE-DOWN", letter="D", unknown=True)
    assert judged(status("cannot-tell"), listing(gone))[1].startswith("CRITICAL AKTAU down 3m05s, cause line/LINE-DOWN")


def test_the_verdict_alone_is_enough() -> None:
    assert judged(status("cable-cut"), listing())[1].startswith("CRITICAL AKTAU down 3m00s, It is cable-cut | ")


@pytest.mark.parametrize("letter", "BCDEF")
def test_a_critical_alarm_counts_until_it_is_gone_and_seen(letter: str) -> None:
    assert judged(status(), listing(alarm(letter=letter)))[0] == Code.CRITICAL


@pytest.mark.parametrize("letter", "AGHI")
def test_what_is_shelved_suppressed_or_out_of_service_does_not_count(letter: str) -> None:
    code, line = judged(status(), listing(alarm(letter=letter), alarm("line/LINE-DOWN", letter=letter)))
    assert code == Code.OK
    assert "alarms_critical=0" in line


@pytest.mark.parametrize(
    ("made", "alarms"),
    [
        (status("cannot-tell"), []), (status("feed-switched-off"), []), (status("shunt"), []), (status("operation"), []),
        (status(stale=3), []), (status(), [alarm(severity="major")]), (status(), [alarm(severity="minor", unknown=True)]),
        (status(power_feeds={"pfe-a": {"up": False}}), []),
    ],
)  # fmt: skip
def test_what_somebody_should_look_at_is_a_warning(made: dict[str, Any], alarms: list[dict[str, Any]]) -> None:
    assert judged(made, listing(*alarms))[0] == Code.WARNING


def test_minor_alarms_are_no_reason_to_call_anybody() -> None:
    assert judged(status(), listing(alarm(severity="minor"), alarm(severity="warning")))[0] == Code.OK


def test_the_figures_are_counts_and_the_age_of_the_oldest_fresh_value() -> None:
    feed = {"up": True, "output_current": value(1.0, "mA", t="2026-11-22T22:04:11.400Z")}
    made = status(taps={}, amplifiers={}, power_feeds={"pfe-a": feed}, line={"name": "s1"})
    line = judged({**made, "t": "2026-11-22T22:04:12.000Z"}, None)[1]
    assert line == (
        "OK S1 It is healthy | alarms_critical=0 alarms_major=0 alarms_minor=0 alarms_warning=0 values_stale=0 values_bad=0 age_s=0.6"
    )


@given(st.text(max_size=30), st.text(max_size=30), st.sampled_from(["healthy", "cable-cut", "cannot-tell", "x"]))
def test_whatever_stands_in_it_it_is_one_line_with_one_bar(sentence: str, key: str, kind: str) -> None:
    made = status(kind)
    made["verdict"]["sentence"] = sentence or "x"
    code, line = judged(made, listing(alarm(key or "x")))
    assert LINE.fullmatch(line), line
    assert line.startswith(code.name)


# Nobody answers.


def test_without_a_daemon_it_is_unknown(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--socket", str(tmp_path / "none"), "check"]) == 3
    out, err = capsys.readouterr()
    assert out.startswith("UNKNOWN no daemon answers")
    assert out.count("\n") == 1
    assert err == ""


def test_a_daemon_that_says_nothing_is_unknown_in_the_time_that_is_given(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "s"))
        listener.listen()
        began = time.monotonic()
        code, line = looked(str(tmp_path / "s"), 0.2)
        assert (code, line) == (Code.UNKNOWN, "UNKNOWN the daemon did not answer in time")
        assert time.monotonic() - began < 10


def test_an_answer_that_is_not_understood_is_unknown(tmp_path: Path) -> None:
    with scripted(tmp_path / "s") as daemon:
        answers: list[dict[str, Any]] = [{}, {"status": None}, {"status": []}, {"status": {"quality": {}}}]
        for answer in answers:
            daemon.answers["GetStatus"] = partial(lambda answer, _: ("", answer), answer)
            daemon.answers["List"] = lambda _: ("", {"alarms": [{}]})
            assert looked(str(tmp_path / "s"))[0] == Code.UNKNOWN


def test_a_daemon_that_refuses_is_unknown(tmp_path: Path) -> None:
    with scripted(tmp_path / "s") as daemon:
        daemon.answers["GetStatus"] = lambda _: ("io.stationd.Status.NotAdmitted", {"cause": "x"})
        assert looked(str(tmp_path / "s"))[0] == Code.UNKNOWN


async def test_from_a_real_socket_with_nobody_at_the_keyboard() -> None:
    import asyncio

    async with serving() as served:
        served.desk.signal(CRITICAL, True)
        program = [sys.executable, "-m", "stationd.shell.client", "--socket", str(served.path), "check"]
        done = await asyncio.to_thread(subprocess.run, program, capture_output=True, text=True, cwd=ROOT, stdin=subprocess.DEVNULL)
    assert done.returncode == 2, done
    assert done.stdout.startswith(f"CRITICAL AKTAU critical: {CRITICAL} | ")
    assert done.stdout.count("\n") == 1
    assert (done.stderr, "\x1b" in done.stdout) == ("", False)
