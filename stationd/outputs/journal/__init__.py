"""The journal: alarm states, events, commands, the chain of the audit, messages that wait for the broker, and the history.

    event loop                     one thread                        threads that only read
    append(record) ----> lanes --> writer --> store  --> journal.sqlite <-- outbox.next
    record_readings(..) ->  bounded    |  '--> frames --> shelf ..........<-- trace, entries, verify_audit
    future, on_change <----------------'       housekeeping: trimming, <-- packing

A record, the snapshots of the alarms that it changes and its messages are one transaction (a transactional outbox). Alarms,
commands and audit are committed at once, everything else in groups. Nothing here waits for the disk in the event loop, and nothing
throws into it: a disk that fails is a Health, and it is tried again.

It is no archive and no message broker, and it does not know what an alarm is: snapshots and bodies are opaque JSON.
"""

from stationd.outputs.journal.audit import Head, Verified
from stationd.outputs.journal.entries import Found, KeptRecord, Query
from stationd.outputs.journal.frames import Tier
from stationd.outputs.journal.health import Health, JournalStatistics, State
from stationd.outputs.journal.journal import Journal, Restored
from stationd.outputs.journal.outbox import Outbox, Undelivered
from stationd.outputs.journal.place import StateDirectoryHeld
from stationd.outputs.journal.record import HistorySettings, JournalSettings, Kept, Message, Moment, Record, RecordClass, Stamp
from stationd.outputs.journal.traces import Sample, Trace, Wanted
from stationd.outputs.journal.wall import SystemClock

__all__ = [
    "Found",
    "Head",
    "Health",
    "HistorySettings",
    "Journal",
    "JournalSettings",
    "JournalStatistics",
    "Kept",
    "KeptRecord",
    "Message",
    "Moment",
    "Outbox",
    "Query",
    "Record",
    "RecordClass",
    "Restored",
    "Sample",
    "Stamp",
    "State",
    "StateDirectoryHeld",
    "SystemClock",
    "Tier",
    "Trace",
    "Undelivered",
    "Verified",
    "Wanted",
]
