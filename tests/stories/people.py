"""The persons of the stories, and how a process says which of them it is and where he sits."""

from __future__ import annotations

import re
from enum import Enum
from typing import NamedTuple

USER, PLACE = "STATIOND_STORY_USER", "STATIOND_STORY_PLACE"


class Place(Enum):
    """Where a person sits: at the console of the station, or far away."""

    CONSOLE = "console"
    SSH = "ssh"


class Person(NamedTuple):
    """A user of the machine; `role` is that of one of the groups stationd-view, -operate, -power."""

    name: str
    uid: int
    role: str

    @property
    def called(self) -> str:
        """How a station calls him, as a pattern: by his name, or by his number where it asks the machine, which does not know him."""
        return rf"(?:{re.escape(self.name)}|uid {self.uid})"


BEKOV = Person("a.bekov", 2_000_000_001, "power")
ALIYEVA = Person("n.aliyeva", 2_000_000_002, "power")
SMITH = Person("j.smith", 2_000_000_003, "operate")
CRON = Person("nagios", 2_000_000_004, "view")
_ALL = {person.name: person for person in (BEKOV, ALIYEVA, SMITH, CRON)}


def person_called(name: str) -> Person | None:
    """Return the person of that name, None when there is none."""
    return _ALL.get(name)
