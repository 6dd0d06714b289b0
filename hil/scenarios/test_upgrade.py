"""Upgrade: another copy of the program takes over a station in service. It keeps what it knew, and the plant does not notice.

The copy is the one named by STATIOND_HIL_UPGRADE, else this tree, copied to another place: then what is shown is that state and plant
outlast the change of the program, not that another version can read the state.
"""

from __future__ import annotations

import os
import shlex
import shutil
import sys
import time
from pathlib import Path

import pytest

from hil import alarms
from hil.rig import Rig
from hil.sheet import Sheet
from hil.station import Station

ROOT = Path(__file__).resolve().parents[2]
KEY = "io/MAINS-FAIL/di6"
WITHOUT_MOST_S, WITHOUT_MARGINAL_S = 15.0, 8.0


@pytest.mark.rig(needs=["persons", "contact", "repair"])
def test_another_copy_goes_on_where_the_first_one_ended(rig: Rig, aktau: Station, measure: Sheet, tmp_path: Path) -> None:
    """Stop, start the other copy on the same state, and go back."""
    alarms.rest(aktau, "io")
    rig.contact(aktau.name, "mains", False)
    alarms.wait_up(aktau, KEY, 20.0)
    alarms.acknowledge_all(aktau)
    before = {key: letter for key, letter in alarms.letters(aktau).items() if key.startswith("io/")}
    sent = len(rig.written()) if not rig.features["written"] else 0
    current_ma = rig.measure("a.current_ma") if not rig.features.get("meter:a.current_ma", "none") else None
    began = time.monotonic()
    aktau.stop()
    aktau.program, aktau.environment = _another(tmp_path)
    try:
        aktau.start()
        aktau.wait_ready()
        without_s = time.monotonic() - began
        after = {key: letter for key, letter in alarms.letters(aktau).items() if key.startswith("io/")}
    finally:
        aktau.stop()
        aktau.program, aktau.environment = (), {}
    measure("letters_changed", len({key for key in before.keys() | after.keys() if before.get(key) != after.get(key)}), "", hi=0)
    measure("alarms_kept", len(before), "", lo=1)
    measure("without_readings", without_s, "s", lo=0.0, hi=WITHOUT_MOST_S, marginal_hi=WITHOUT_MARGINAL_S)
    if not rig.features["written"]:
        measure("commands_sent", len(rig.written()) - sent, "", hi=0)
    if current_ma is not None:
        measure("current_moves", abs(rig.measure("a.current_ma") - current_ma), "mA", lo=0.0, hi=0.5)


def _another(folder: Path) -> tuple[tuple[str, ...], dict[str, str]]:
    """Return another copy of the program, and what its process needs around it."""
    named = os.environ.get("STATIOND_HIL_UPGRADE")
    if named:
        return tuple(shlex.split(named)), {}
    if not (ROOT / "stationd" / "_sampler.abi3.so").exists():
        pytest.skip("no program to upgrade to: set STATIOND_HIL_UPGRADE")
    for package in ("stationd", "drivers"):
        shutil.copytree(ROOT / package, folder / package, ignore=shutil.ignore_patterns("__pycache__"))
    start = f"import sys; sys.path.insert(0, {str(folder)!r}); from stationd.__main__ import main; sys.exit(main())"
    return (sys.executable, "-P", "-c", start), {}
