"""A run: which program is tested, how it is played again, where labgrid says that a port is."""

from __future__ import annotations

import contextlib
import json
import os
import shlex
import signal
import subprocess
import sys
import time
import tty
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import cast

import pytest

from hil.acts import Hands, RigFailed
from hil.atwork import RigAtWork
from hil.benchrig import features_of
from hil.calibration import overdue_of
from hil.house import House
from hil.labgrid_parts import located
from hil.lock import Latched, Rack
from hil.presence import WORD_S, Presence
from hil.record import Outcome
from hil.rigfile import RIGS, PortSection, load
from hil.run import UPGRADE, Run, Wanted, program_of, versions
from hil.verbs import Verbs

ROOT = Path(__file__).resolve().parents[2]


def test_the_program_is_as_asked_else_as_the_rig_says_else_of_this_environment() -> None:
    assert program_of("/opt/a b/stationd --x", ("/usr/bin/stationd",)) == ("/opt/a", "b/stationd", "--x")
    assert program_of("", ("/usr/bin/stationd",)) == ("/usr/bin/stationd",)
    assert program_of("", ()) == (sys.executable, "-m", "stationd")


def test_one_command_plays_a_scenario_again_with_its_rig_seed_and_words() -> None:
    run = Run(Wanted("rack", 7, "A. Bekov", Path("/tmp"), "", ("--person", "A. Bekov")), load(RIGS / "rack.toml"))
    command = run.replay("hil/scenarios/test_broker.py::test_x[broker.stop]")
    assert shlex.split(command) == [
        sys.executable, "-m", "pytest", "hil/scenarios/test_broker.py::test_x[broker.stop]",
        "--rig", "rack", "--seed", "7", "--person", "A. Bekov",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("resource", "port"),
    [
        ({"port": "/dev/ttyUSB3", "speed": 19200}, PortSection(path="/dev/ttyUSB3", speed=19200, protocol="text")),
        ({"host": "lab", "port": 7017, "protocol": "raw"}, PortSection(address="socket://lab:7017", protocol="text")),
    ],
)
def test_a_resource_of_labgrid_is_a_path_or_a_raw_port(resource: dict[str, object], port: PortSection) -> None:
    assert located(PortSection(resource="pfe", protocol="text"), resource) == port


def test_a_resource_that_does_not_carry_raw_bytes_is_refused_with_what_would_be_right() -> None:
    with pytest.raises(RigFailed, match="raw TCP, not rfc2217"):
        located(PortSection(resource="pfe", protocol="text"), {"host": "lab", "port": 7017, "protocol": "rfc2217"})


@pytest.mark.parametrize(("rig", "said"), [("simm", 'did you mean "sim"'), ("/nowhere/x.toml", "there is no rig")])
def test_a_rig_that_there_is_not_ends_the_run_before_it_begins(rig: str, said: str) -> None:
    words = [sys.executable, "-m", "pytest", "-q", "hil", "--rig", rig]
    found = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, timeout=100)
    assert found.returncode == pytest.ExitCode.USAGE_ERROR
    assert said in found.stderr


def test_a_replay_names_the_other_program_of_an_upgrade(tmp_path: Path) -> None:
    script = "from pathlib import Path; from hil.rigfile import RIGS, load; from hil.run import Run, Wanted; "
    script += "print(Run(Wanted('rack', 7, '', Path('/tmp'), ''), load(RIGS / 'rack.toml')).replay('x'))"
    around = {**os.environ, UPGRADE: "/opt/new stationd"}
    said = subprocess.run([sys.executable, "-c", script], cwd=ROOT, env=around, capture_output=True, text=True, timeout=60, check=True)
    assert shlex.split(said.stdout)[:2] == ["env", f"{UPGRADE}=/opt/new stationd"]


def test_stations_of_several_versions_are_told_each() -> None:
    assert versions({"aktau": "0.1.0", "siyazan": "0.1.0"}) == "0.1.0"
    assert versions({"aktau": "0.1.0", "siyazan": "0.2.0"}) == "aktau 0.1.0, siyazan 0.2.0"


@pytest.mark.parametrize("name", ["rack", "two-stations"])
def test_the_shipped_benches_have_all_that_the_scenarios_of_class_4_need(name: str) -> None:
    own = features_of(load(RIGS / f"{name}.toml"), Presence("A. Bekov", asked=True))
    for needed in ("feed", "repair", "power", "meter:a.current_ma", "meter:a.voltage_v", "attenuate", "contact", "shunt"):
        assert own[needed] == "", needed


def test_nobody_energises_a_real_bench_whose_instruments_are_overdue() -> None:
    file = load(RIGS / "rack.toml")
    assert overdue_of(file, date(2026, 6, 1)) == []
    (said,) = overdue_of(file, date(2026, 12, 1))
    assert "attenuator: calibrated on 2025-11-03, 393 days ago; 365 are allowed" in said
    old = replace(file, calibrated={"attenuator": date(2001, 1, 1)})
    assert "attenuator: calibrated on 2001-01-01" in features_of(old, Presence("A. Bekov", asked=True))["acts"]
    assert "names no instrument" in features_of(replace(file, calibrated={}), Presence("A. Bekov", asked=True))["acts"]


def test_a_port_that_is_not_there_is_a_rig_that_failed_and_not_a_pass(tmp_path: Path) -> None:
    rig = tmp_path / "rig.toml"
    rig.write_text((RIGS / "sim.toml").read_text().replace("../stations", str(RIGS.parent / "stations")))
    report = tmp_path / "report"
    words = [sys.executable, "-m", "pytest", "-q", "hil", "--rig", str(rig), "--stationd", "/nowhere/stationd", "--hil-report", str(report)]
    said = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, timeout=100)
    assert said.returncode == pytest.ExitCode.INTERRUPTED
    assert "rig rig: ERROR" in said.stdout
    assert json.loads((report / "record.json").read_text())["outcome"] == "ERROR"


def typed(presence: Presence, *lines: bytes, patience_s: float = 5.0) -> str:
    """Confirm at a terminal where somebody types these lines."""
    ours, theirs = os.openpty()
    tty.setraw(theirs)
    presence.terminal = os.ttyname(theirs)
    os.write(ours, b"".join(lines))
    try:
        return presence.confirm("rack", "ramp", patience_s)
    finally:
        os.close(ours)
        os.close(theirs)


def test_who_is_present_says_so_at_the_terminal_and_again_when_his_word_is_old() -> None:
    now = [1000.0]
    presence = Presence("A. Bekov", asked=True, now=lambda: now[0])
    assert "did not confirm" in typed(presence, patience_s=0.05)
    assert "somebody typed 'yes'" in typed(presence, b"yes\n")
    assert typed(presence, b"A. Bekov\n") == ""
    now[0] += WORD_S - 1.0
    assert typed(presence, patience_s=0.05) == ""
    now[0] += 2.0
    assert "did not confirm" in typed(presence, patience_s=0.05)


def test_without_a_terminal_nobody_is_present_and_simulated_equipment_asks_nobody(tmp_path: Path) -> None:
    assert "there is no terminal" in Presence("A. Bekov", asked=True, terminal=str(tmp_path / "none")).confirm("rack", "ramp")
    assert Presence("A. Bekov", asked=False, terminal=str(tmp_path / "none")).confirm("bench-sim", "ramp") == ""
    assert Presence("", asked=False).confirm("sim", "ramp") == ""
    assert "nobody is named" in Presence("", asked=True).confirm("rack", "ramp")


def bench_run(tmp_path: Path, stack: contextlib.ExitStack | None = None) -> Run:
    """A run on the rack that has opened nothing yet."""
    wanted = Wanted("rack", 7, "A. Bekov", tmp_path / "report", "")
    rack, present = Rack(tmp_path / "locks"), Presence("A. Bekov", asked=False)
    return Run(wanted, load(RIGS / "rack.toml"), "f00d", rack=rack, present=present, _stack=stack or contextlib.ExitStack())


def test_class_4_is_latched_while_it_is_under_way_and_free_when_the_voltage_was_seen_to_go(tmp_path: Path) -> None:
    run = bench_run(tmp_path)
    assert run.energising("ramp") == ""
    with pytest.raises(Latched, match="class 4, ramp, was under way and never ended"):
        Rack(tmp_path / "locks").check("rack")
    run.close()
    Rack(tmp_path / "locks").check("rack")


def test_a_voltage_that_was_not_seen_to_go_is_latched_told_and_in_the_report(tmp_path: Path) -> None:
    stack = contextlib.ExitStack()
    run = bench_run(tmp_path, stack)
    run.energising("ramp")

    def off() -> None:
        raise RigFailed("a.voltage_v still shows 612 V")

    stack.callback(off)
    with pytest.raises(RigFailed, match=r"VOLTAGE WAS NOT SEEN TO BE GONE: a\.voltage_v still shows 612 V"):
        run.close()
    with pytest.raises(Latched, match="612 V"):
        Rack(tmp_path / "locks").check("rack")
    written = json.loads((tmp_path / "report" / "record.json").read_text())
    assert (written["outcome"], "612 V" in written["metadata"]["trouble"]) == ("ERROR", True)


@pytest.mark.parametrize("still", ["", "a.voltage_v still shows 612 V"])
def test_a_scenario_of_class_4_that_fails_switches_off_and_ends_the_run(tmp_path: Path, still: str) -> None:
    run, offs = bench_run(tmp_path), list[int]()

    def off() -> None:
        offs.append(1)
        if still:
            raise RigFailed(still)

    verbs = Verbs(run.file, Hands(), {}, {})
    run.rig = RigAtWork(run.file, cast("House", None), verbs, {}, contextlib.ExitStack(), off)
    run.energised_failed("ramp: the current goes above its profile")
    assert offs == [1]
    assert "above its profile" in run.broken
    assert still in run.broken
    assert run.outcome is Outcome.ERROR
    with pytest.raises(Latched, match="above its profile"):
        Rack(tmp_path / "locks").check("rack")


def test_a_run_that_is_killed_leaves_no_process_not_even_a_stopped_one(tmp_path: Path) -> None:
    script = "import subprocess, sys, time; from hil.tether import SHORT_TETHER; "
    script += "p = subprocess.Popen([*SHORT_TETHER, 'sleep', '600']); print(p.pid, flush=True); time.sleep(600)"
    with subprocess.Popen([sys.executable, "-c", script], cwd=ROOT, stdout=subprocess.PIPE, text=True) as run:
        assert run.stdout is not None
        left = int(run.stdout.readline())
        until = time.monotonic() + 20.0
        while Path(f"/proc/{left}/comm").read_text() != "sleep\n" and time.monotonic() < until:
            time.sleep(0.01)
        os.kill(left, signal.SIGSTOP)
        run.kill()
    status = Path(f"/proc/{left}/status")
    while status.exists() and "Z (zombie)" not in status.read_text() and time.monotonic() < until:
        time.sleep(0.01)
    assert not status.exists() or "Z (zombie)" in status.read_text()
