"""The files of a bundle: where their values come from, and what each row of events says."""

from __future__ import annotations

import csv
import io
import zipfile
from array import array
from typing import Any

import pytest

from stationd.core.verdict.words import Kind
from stationd.outputs.clock import Clock
from stationd.outputs.incidents.bundle import pour
from stationd.outputs.incidents.record import Series
from stationd.outputs.incidents.subject import Quantity
from tests.outputs.incidents.scene import DOCUMENTS, cut, verdict

BEGIN = 1_795_000_000.0
CLOCK = Clock(BEGIN, 100.0)
TIMES = array("q", [0, 1000])
FEED = Series(Quantity("pfe-a.output_voltage", "V", "PowerFeed", "pfe", None, False), TIMES, [1.0, None], {1: ("stale", "timeout")})
LIGHT = Series(Quantity("fp1-rx.power", "dBm", "Tap", "", 1, False), TIMES, [-18.0, -18.1], {})


def head(mode: str, *events: dict[str, Any]) -> dict[str, Any]:
    return {
        "id": "F-1", "opened": "2026-11-18T11:06:40.000Z", "opened_utc_s": BEGIN, "synchronised": True, "complete": True,
        "verdicts": [dict(DOCUMENTS.verdict(cut(100.0), CLOCK))], "line": {}, "events": list(events), "mode": mode, "station": "s1",
        "window_s": [-60.0, 600.0],
    }  # fmt: skip


def bundle(mode: str, *events: dict[str, Any]) -> dict[str, str]:
    file = io.BytesIO()
    pour(file, head(mode, *events), [FEED, LIGHT])
    with zipfile.ZipFile(file) as archive:
        return {name: archive.read(name).decode() for name in archive.namelist()}


def qualities(text: str) -> list[str]:
    return [row["quality"] for row in csv.DictReader(io.StringIO(text))]


@pytest.mark.parametrize(("mode", "word", "said"), [("live", "good", None), ("sim", "sim", "SIMULATED"), ("hil", "sim", "TEST BENCH")])
def test_what_was_not_measured_on_a_plant_says_so_in_every_file(mode: str, word: str, said: str | None) -> None:
    files = bundle(mode)
    assert qualities(files["csv/output_voltage.csv"]) == [word, "stale"]
    assert qualities(files["csv/power.csv"]) == [word, word]
    shown = [text for name, text in files.items() if name.endswith((".svg", ".html"))]
    assert len(shown) == 4
    for text in shown:
        assert [each in text for each in ("SIMULATED", "TEST BENCH")] == [said == "SIMULATED", said == "TEST BENCH"]
    assert (f"<strong>{said}: " in files["index.html"]) is (said is not None)


def test_a_verdict_among_the_events_says_what_it_said() -> None:
    body = {"kind": "verdict", "before": "healthy", "verdict": dict(DOCUMENTS.verdict(verdict(Kind.SHUNT, 100.0), CLOCK))}
    event = {"ms": 0, "id": "r-1", "what": "verdict", "subject": "line", "body": body}
    (row,) = csv.DictReader(io.StringIO(bundle("sim", event)["events.csv"]))
    assert (row["event"], row["severity"]) == ("shunt", "confidence high")
    assert row["text"] == "shunt it is; Sea cable, 118.4 km from Aktau; ours: no"
