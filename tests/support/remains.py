"""What a daemon has left: a real journal with alarms, a verdict and an order, and a station file that goes with it."""

from __future__ import annotations

import contextlib
import json
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

from stationd.core.alarm.memory import Row, as_plain
from stationd.outputs.journal import Journal, Record, RecordClass
from tests.outputs.journal.files import SetClock, opened

NOW_UTC_S = 1_795_000_000.0
SECRET = "hunter2-do-not-tell"
VERDICT = {
    "kind": "cable-cut", "ours": "no", "confidence": "high", "sentence": "LINE DOWN: cable cut, 118.4 km from Aktau", "where": "sea cable",
    "since": "2026-11-18T05:06:39.000Z", "one_end": False,
}  # fmt: skip
ALARMS = (
    Row("line/LINE-BREAK", "a-----", "critical", "critical", 1, 1, 900.0),
    Row("fp1-booster/LOW-OUTPUT", "ac----", "minor", "minor", 3, 3, 800.0),
    Row("fp2-booster/LOW-OUTPUT", "a---h-", "major", "major", 1, 1, 950.0),
    Row("pfe-a/PFE-TRIP", "-c----", "critical", "critical", 2, 2, 100.0),
)
HOLD = {"name": "H-1", "object": "pfe-a", "who": "j.smith", "uid": 1, "reason": "ship on cable", "age_s": 1.0}
EVENTS = 40


@contextlib.asynccontextmanager
async def journal(directory: Path, events: int = EVENTS) -> AsyncIterator[Journal]:
    """Keep a journal open that holds all of it."""
    clock = SetClock(NOW_UTC_S, 1000.0)
    async with opened(directory, clock=clock, station="aktau") as kept:
        for number in range(events):
            kept.append(Record(kept.stamp(), RecordClass.EVENT, "test", json.dumps({"n": number}), "aktau"))
            clock.go(1.0)
        document = json.dumps({"kind": "verdict", "verdict": VERDICT})
        await kept.append(Record(kept.stamp(), RecordClass.ALARM, "verdict", document, "line"))
        states = {row.key: json.dumps(as_plain(row)) for row in ALARMS}
        desk = {"t": 1000.0, "utc_s": NOW_UTC_S, "synchronised": True, "number": 1, "counts": {}}
        values = {"desk": json.dumps(desk), "operations": json.dumps({"desk": {"opened": [], "holds": {"holds": [HOLD]}}})}
        order = Record(kept.stamp(), RecordClass.COMMAND, "Acknowledge", '{"who": "a.bekov"}', "line/LINE-BREAK", states, values)
        await kept.append(replace(order, audited=True))
        yield kept


def station(directory: Path, state: Path, more: str = "") -> Path:
    """Write a station file."""
    file = directory / "station.toml"
    file.write_text(f'[station]\nname = "aktau"\noperator = "Kazakhtelecom"\nstate = "{state}"\n[control]\nsocket = "{state}/sock"\n{more}')
    return file
