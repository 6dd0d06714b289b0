"""The record of a reload: which file was in force, which is now, and what of the daemon that has changed. Pure.

It stands in the chain of the audit: what the station measures, watches and allows is what its file says. In the same transaction the
states of alarms go that the station has no more, so that no later file finds them as they once were.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from stationd.core.alarm.type import AlarmKey
from stationd.outputs.clock import Clock
from stationd.outputs.document import Document, Identity, encode
from stationd.outputs.journal import Journal, Record, RecordClass

KIND = "reload"
STATION = "station"


def reload_record(
    journal: Journal, identity: Identity, file: str, before: str, now: str, changed: Sequence[str], gone: Iterable[AlarmKey]
) -> Record:
    """Return the record; `before` and `now` are SHA-256 of the files, "" where a configuration came from none."""
    stamp, clock = journal.stamp(), Clock.read()
    document: Document = {
        "id": f"{identity.name}-{stamp.id}", "boot": stamp.run, "sequence": stamp.sequence, "synchronised": stamp.moment.synchronised,
        "station": identity.name, "mode": identity.mode.value, "kind": KIND, "subject": STATION, "t": clock.written(clock.now, 6),
        "who": "the service manager", "document": {"file": file, "before": before, "now": now, "changed": list(changed)},
    }  # fmt: skip
    states = dict.fromkeys(map(str, gone))
    return Record(stamp, RecordClass.COMMAND, KIND, encode(document).decode(), STATION, states=states, audited=True)
