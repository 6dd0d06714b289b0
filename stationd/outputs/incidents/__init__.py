"""Incidents: whenever the verdict leaves "healthy", what both ends measured from 60 s before to 10 min after, kept for a year.

    VerdictChanged --> course --> ID.open.json            at once, and with every change of the verdict
                          |                               after 10 min 15 s, or at the next start:
    journal: readings, events --> window, record --> ID.jsonl.gz --> bundle ID.zip: CSV, JSON, SVG, index.html, SHA256SUMS

`course` decides and is pure; `files` is the only module that touches the directory; `incidents` is the task that has it done in
threads. A disk that is full or fails stops nothing: what is known stays in memory, is tried again, and is counted.

It is no second history: it copies what the journal still has, and says what was torn. The window is that of the times of day that
the journal wrote beside each reading; a clock that is set within it shifts those readings, and the record says whether the clock
was synchronised.
"""

from stationd.outputs.incidents.course import Incident, Settings
from stationd.outputs.incidents.files import Statistics
from stationd.outputs.incidents.incidents import Incidents, NoSuchIncident, NotWritten, Written
from stationd.outputs.incidents.subject import Subject, line_facts, subject_of
from stationd.outputs.incidents.window import JournalPast

__all__ = [
    "Incident",
    "Incidents",
    "JournalPast",
    "NoSuchIncident",
    "NotWritten",
    "Settings",
    "Statistics",
    "Subject",
    "Written",
    "line_facts",
    "subject_of",
]
