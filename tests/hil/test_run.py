"""A run: which program is tested, how it is played again, where labgrid says that a port is."""

from __future__ import annotations

import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from hil.acts import RigFailed
from hil.labgrid_parts import located
from hil.rigfile import RIGS, PortSection, load
from hil.run import Run, Wanted, program_of

ROOT = Path(__file__).resolve().parents[2]


def test_the_program_is_as_asked_else_as_the_rig_says_else_of_this_environment() -> None:
    assert program_of("/opt/a b/stationd --x", ("/usr/bin/stationd",)) == ("/opt/a", "b/stationd", "--x")
    assert program_of("", ("/usr/bin/stationd",)) == ("/usr/bin/stationd",)
    assert program_of("", ()) == (sys.executable, "-m", "stationd")


def test_one_command_plays_a_scenario_again_with_its_rig_seed_and_words() -> None:
    run = Run(Wanted("rack", 7, "A. Bekov", Path("/tmp"), "", ("--person", "A. Bekov")), load(RIGS / "rack.toml"))
    command = run.replay("hil/scenarios/test_broker.py::test_x[broker.stop]")
    assert shlex.split(command) == [
        "python", "-m", "pytest", "hil/scenarios/test_broker.py::test_x[broker.stop]",
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
