"""The n-th call to the disk fails, for all n of a short life of a journal: once, and for ever until the disk is repaired.

With a damaged file only each STATIOND_FAULT_STEP-th n is tried, beginning somewhere else each time; a release takes 1.
"""

from __future__ import annotations

import errno
import os
import random
import subprocess
import sys
from pathlib import Path

import pytest

from stationd.bench.journal_faults import WATCHED, environment, play
from tests.conftest import program

STEP = int(os.environ.get("STATIOND_FAULT_STEP", "10"))


@pytest.mark.parametrize("error", [errno.EIO, errno.ENOSPC], ids=["EIO", "ENOSPC"])
@pytest.mark.parametrize("mode", ["once", "ever"])
def test_whichever_call_fails_nothing_is_lost_and_it_recovers_by_itself(tmp_path: Path, error: int, mode: str) -> None:
    program("gcc")
    outcomes = list(play(tmp_path, error, mode, first=1))
    assert [outcome for outcome in outcomes if outcome.broken] == []
    assert outcomes[-1].calls < outcomes[-1].n, "the last life went beyond the last call, so that every call was tried"
    assert len(outcomes) > 50
    assert sum(outcome.failures for outcome in outcomes) > len(outcomes) // 2
    assert not any(outcome.set_asides for outcome in outcomes), "a failing disk is no damaged file"


def test_whichever_call_fails_while_a_damaged_file_is_set_aside_every_state_in_it_is_saved(tmp_path: Path) -> None:
    program("gcc")
    outcomes = list(play(tmp_path, errno.EIO, "damaged", first=random.randint(1, STEP), step=STEP))
    assert [outcome for outcome in outcomes if outcome.broken] == []
    assert outcomes[-1].calls < outcomes[-1].n
    assert min(outcome.told for outcome in outcomes) >= 1
    assert max(outcome.set_asides for outcome in outcomes) == 1


RENAMES = """
import sys
from pathlib import Path
from stationd.bench.journal_faults import Disk
from stationd.outputs.journal import schema
path, disk = Path(sys.argv[1]) / "journal.sqlite", Disk()
path.touch()
schema.new_name(path).touch()
schema.set_aside(path, 0.0)
print(disk.directory_syncs)
schema.adopt(schema.new_name(path), path)
print(disk.directory_syncs)
"""


def test_each_rename_of_a_journal_is_written_through_before_anything_follows(tmp_path: Path) -> None:
    program("gcc")
    (tmp_path / WATCHED).mkdir()
    command = [sys.executable, "-c", RENAMES, str(tmp_path / WATCHED)]
    said = subprocess.run(command, env=environment(tmp_path), capture_output=True, text=True, check=True)
    assert said.stdout.split() == ["1", "2"]


def test_a_sync_that_hangs_holds_up_neither_the_loop_nor_the_delivery_of_alarms(tmp_path: Path) -> None:
    program("gcc")
    (outcome,) = play(tmp_path, errno.EIO, "hang", first=1)
    assert outcome.broken == ""
