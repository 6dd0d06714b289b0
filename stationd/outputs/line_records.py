"""The line watch on its way to the journal: changes of the verdict as events, and what the watch must know after a restart.

It is the part of stationd.outputs.records that is about the line. What it saves is one small value of the journal, written with
every change of the verdict and every baseline, and now and then, because what is learnt moves slowly.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import structlog

from stationd.core.verdict.told import BaselineOutcome, BaselineTaken, VerdictChanged
from stationd.core.watch.line_watch import LineWatch
from stationd.outputs.clock import Clock
from stationd.outputs.document import Document, Identity
from stationd.outputs.verdict_document import VerdictDocuments

log = structlog.get_logger()

LINE = "line"  # the small value of the journal
KIND = "verdict"
EVERY_S = 300.0  # what is learnt is saved so often: a kill costs no more of it (assumption: it moves in days)


class LineRecords:
    """Makes records of one line watch. Times are of the monotonic clock."""

    def __init__(self, watch: LineWatch, documents: VerdictDocuments, identity: Identity) -> None:
        self._watch = watch
        self._documents = documents
        self._identity = identity
        self._saved_t: float | None = None

    def happened(self, change: VerdictChanged, clock: Clock) -> Document:
        """Return a change of the verdict as an event; `id` and the order of events are added by whoever keeps it."""
        verdict = self._documents.verdict(change.verdict, clock)
        log.warning("verdict", kind=change.verdict.kind.value, ours=change.verdict.ours.value, sentence=change.verdict.sentence)
        return {
            "station": self._identity.name,
            "mode": self._identity.mode.value,
            "kind": KIND,
            "t": clock.written(change.t, 6),
            "before": change.before.kind.value,
            "verdict": verdict,
        }

    def values(self, now: float, place: Mapping[str, object], *, pressing: bool) -> dict[str, str]:
        """Return what is to be saved, or nothing while it does not press. `place` says which clock the ages count by."""
        if not pressing and self._saved_t is not None and now < self._saved_t + EVERY_S:
            return {}
        self._saved_t = now
        return {LINE: json.dumps({**self._watch.saved(now), **place}, separators=(",", ":"))}

    def put_back(self, saved: Mapping[str, Any], now: float, elapsed_s: float, *, late: bool) -> None:
        """Put back what was saved `elapsed_s` ago. `late`: the watch has judged since, and only what people did is taken up."""
        parts = {"version", "baseline", "learnt"} if late else set(saved)
        if late and self._watch.light.baseline is not None:
            return
        for failed in self._watch.restore({name: saved[name] for name in parts & set(saved)}, now, elapsed_s):
            log.warning("what the journal remembers of the line cannot be read; it is found anew", part=failed)


def baseline_outcome(outcome: BaselineOutcome) -> Document:
    """Return what became of the order to take a baseline."""
    if isinstance(outcome, BaselineTaken):
        return {"done": True, "figures": len(outcome.baseline.values), "note": outcome.baseline.note}
    return {"done": False, "cause": outcome.cause, "missing": list(outcome.missing)}
