"""Upgrade: another copy of the program takes over a station in service, is killed in the middle of it, and the first one comes back.

It keeps what it knew, and the plant does not notice. The copy is the program named by STATIOND_HIL_UPGRADE, run as it stands; else this
tree, copied to another place and run by the interpreter of the stations: then both copies are the same code, and what is shown is that
state and plant outlast the change of the program in both directions, not that another version can read the state.
"""

from __future__ import annotations

import os
import shlex
import shutil
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from hil import alarms
from hil.rig import Rig
from hil.run import UPGRADE
from hil.sheet import Sheet
from hil.station import Station

ROOT = Path(__file__).resolve().parents[2]
KEY = "io/MAINS-FAIL/di6"
WITHOUT_MOST_S, WITHOUT_MARGINAL_S = 15.0, 8.0


@pytest.mark.rig(needs=["persons", "contact", "repair"])
def test_another_copy_goes_on_where_the_first_one_ended_and_back_again(rig: Rig, aktau: Station, measure: Sheet, tmp_path: Path) -> None:
    """Stop, start the other copy on the same state, kill that while it starts, start it again, and go back to the first."""
    other = _another(aktau, tmp_path)
    alarms.rest(aktau, "io")
    rig.contact(aktau.name, "mains", False)
    alarms.wait_up(aktau, KEY, 20.0)
    alarms.acknowledge_all(aktau)
    before = _letters(aktau)
    sent = len(rig.written()) if not rig.features["written"] else 0
    current_ma = rig.measure("a.current_ma") if not rig.features.get("meter:a.current_ma", "none") else None
    try:
        without_s = _replaced(aktau, other, aktau.stop, measure, "upgraded", before)
        measure("without_readings", without_s, "s", lo=0.0, hi=WITHOUT_MOST_S, marginal_hi=WITHOUT_MARGINAL_S)
        _killed_while_it_starts(aktau)
        _replaced(aktau, other, aktau.kill, measure, "killed", before)
    finally:
        back_s = _replaced(aktau, (), aktau.stop, measure, "back_again", before)
    measure("without_readings_back_again", back_s, "s", lo=0.0, hi=WITHOUT_MOST_S, marginal_hi=WITHOUT_MARGINAL_S)
    measure("alarms_kept", len(before), "", lo=1)
    if rig.features["written"]:
        measure.leave_out("commands_sent", rig.features["written"])
    else:
        measure("commands_sent", len(rig.written()) - sent, "", hi=0)
    if current_ma is not None:
        measure("current_moves", abs(rig.measure("a.current_ma") - current_ma), "mA", lo=0.0, hi=0.5)


def _replaced(
    station: Station, program: tuple[str, ...], end: Callable[[], None], measure: Sheet, name: str, before: Mapping[str, str]
) -> float:
    """End a station and start a program on its state; measure whose alarms changed; return how long nothing was read, in s."""
    began = time.monotonic()
    end()
    station.program = program
    station.start()
    station.wait_ready()
    without_s = time.monotonic() - began
    after = _letters(station)
    measure(f"letters_changed_{name}", len({key for key in before.keys() | after.keys() if before.get(key) != after.get(key)}), "", hi=0)
    return without_s


def _killed_while_it_starts(station: Station) -> None:
    """Start it anew, and let `kill -9` come as soon as its control socket is there: it has opened its state, and read no unit yet."""
    station.stop()
    station.socket.unlink(missing_ok=True)
    station.start()
    until = time.monotonic() + WITHOUT_MOST_S
    while not station.socket.exists() and station.running and time.monotonic() < until:
        time.sleep(0.005)
    station.kill()


def _letters(station: Station) -> dict[str, str]:
    return {key: letter for key, letter in alarms.letters(station).items() if key.startswith("io/")}


def _another(station: Station, folder: Path) -> tuple[str, ...]:
    """Return another copy of the program. Skips where there is none, or no interpreter that is known to have what it needs."""
    named = os.environ.get(UPGRADE)
    if named:
        return tuple(shlex.split(named))
    interpreter = station.interpreter()
    if not interpreter or not (ROOT / "stationd" / "_sampler.abi3.so").exists():
        pytest.skip(f"no program to upgrade to: set {UPGRADE}")
    for package in ("stationd", "drivers"):
        shutil.copytree(ROOT / package, folder / package, ignore=shutil.ignore_patterns("__pycache__"))
    start = f"import sys; sys.path.insert(0, {str(folder)!r}); from stationd.__main__ import main; sys.exit(main())"
    return (*interpreter, "-P", "-c", start)
