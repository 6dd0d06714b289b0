"""Nothing is left of a program that a proof has begun."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.reliability.group import ROOT, Group

# It writes its directory for temporary files, begins a child that only SIGKILL ends, says its number, and waits.
PARENT = """
import pathlib, subprocess, sys, tempfile, time
from tests.reliability.group import end_in_peace
end_in_peace()
child = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('ready', flush=True); time.sleep(600)"
running = subprocess.Popen([sys.executable, "-c", child], stdout=subprocess.PIPE)
running.stdout.readline()
pathlib.Path(sys.argv[1]).write_text(f"{running.pid} {tempfile.mkdtemp()}\\n")
time.sleep(float(sys.argv[2]))
"""
# It begins such a program in a group of its own and is killed.
BEGINNER = """
import os, pathlib, signal, sys, time
from tests.reliability.group import ROOT, Group
Group([sys.executable, "-c", {words!r}, sys.argv[1]], ROOT, sys.stdout)
while not pathlib.Path(sys.argv[1]).exists():
    time.sleep(0.01)
os.kill(os.getpid(), signal.SIGKILL)
"""
ENDS_ITS_GROUP = """
import os, pathlib, signal, sys, tempfile, time
from tests.reliability.group import end_group, end_in_peace
end_in_peace(15.0)
if os.fork() == 0:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    pathlib.Path(sys.argv[1]).write_text(f"{os.getpid()} {os.getpid()}\\n")
try:
    time.sleep(600)
except SystemExit:
    end_group()
"""


def said(file: Path) -> tuple[int, Path]:
    """Wait for what the program writes."""
    while not (file.exists() and file.read_text().endswith("\n")):
        time.sleep(0.01)
    number, place = file.read_text().split()
    return int(number), Path(place)


def runs(number: int) -> bool:
    status = Path(f"/proc/{number}/stat")
    try:
        return status.read_text().rpartition(")")[2].split()[0] != "Z"  # nobody may be there to collect it
    except (FileNotFoundError, ProcessLookupError):
        return False


@pytest.mark.parametrize("lasts_s", ["0", "600"], ids=["it ends by itself", "it is ended"])
def test_no_child_and_no_file_is_left_of_a_program(tmp_path: Path, lasts_s: str) -> None:
    file = tmp_path / "said"
    with (tmp_path / "output").open("w") as output:
        group = Group([sys.executable, "-c", PARENT, str(file), lasts_s], ROOT, output)
    child, place = said(file)
    assert runs(child)
    if lasts_s == "0":
        assert group.wait(60.0) == 0
    group.end()
    group.end()
    assert not place.exists()
    while runs(child):
        time.sleep(0.01)


def test_a_group_ends_itself_when_whoever_began_it_is_killed(tmp_path: Path) -> None:
    file = tmp_path / "said"
    words = [sys.executable, "-c", BEGINNER.format(words=ENDS_ITS_GROUP), str(file)]
    assert subprocess.run(words, cwd=ROOT, check=False).returncode == -signal.SIGKILL
    child, place = said(file)
    while runs(child) or place.exists():
        time.sleep(0.01)
