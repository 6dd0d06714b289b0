"""What a command asks of the daemon, or of the client itself, and the small parts that all commands are read with. Pure.

The commands are rows of stationd.shell.grammar. Named tuples here and in the client's other modules, because dataclasses alone take a
fifth of its start.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from enum import Enum
from typing import NamedTuple

SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86_400}


class Usage(Exception):
    """What was typed is no command. The text is one sentence for the person."""


class Ago(NamedTuple):
    """A time that is meant as so many seconds before the command is carried out."""

    seconds: int


class Kind(Enum):
    """How the answer is shown, or, from ORDER on, how the command is carried out."""

    STATUS = "status"
    ALARMS = "alarms"
    ALARM_HISTORY = "alarm history"
    ALARM_STATISTICS = "alarm statistics"
    LINE = "line"
    FAULT = "fault"
    FAULTS = "faults"
    BASELINE = "baseline"
    BUNDLE = "bundle"
    FEEDS = "feeds"
    FEED = "feed"
    FEED_LIMITS = "feed limits"
    EVENTS = "events"
    AMPLIFIERS = "amplifiers"
    AMPLIFIER = "amplifier"
    OPTICAL = "optical"
    TAP = "tap"
    OPERATIONS = "operations"
    OPERATION = "operation"
    HOLDS = "holds"
    INTERLOCKS = "interlocks"
    AUTHORITY = "authority"
    DIFF = "diff"
    APPLIED = "applied"
    AUDIT = "audit"
    VERIFY = "verify"
    SESSIONS = "sessions"
    HANDOVER = "handover"
    CLOCK = "clock"
    HEALTH = "health"
    VERSION = "version"
    CONFIG = "config"
    LOG = "log"
    POINTS = "points"
    PLOT = "plot"
    REPORT = "report"
    # What the client does by itself, or with more than one question.
    ALARM_TYPES = "alarm types"
    WATCH = "watch"
    EXPLAIN = "explain"
    CHECK = "check"
    WAIT_ALARM = "wait alarm"
    WAIT_OPERATION = "wait operation"
    WAIT_LINE = "wait line"
    LAMP = "lamp"
    SUPPORT = "support"
    HELP = "help"
    # What only the shell has.
    SETTING = "setting"
    QUIT = "quit"
    # What changes something.
    ORDER = "order"
    TAKE = "take"
    ACT = "act"
    SAY = "say"
    EMERGENCY = "emergency"
    APPROVE = "approve"
    ARM = "arm"
    GO_ON = "go on"
    EXECUTE = "execute"
    OUT_OF_SERVICE = "out of service"


FACE_TO_FACE = frozenset({Kind.APPROVE, Kind.ARM, Kind.GO_ON, Kind.EXECUTE, Kind.OUT_OF_SERVICE})
ACTING = frozenset({Kind.ORDER, Kind.TAKE, Kind.ACT, Kind.SAY, Kind.EMERGENCY}) | FACE_TO_FACE
ACT_SHOWN = frozenset(
    {Kind.OPERATIONS, Kind.OPERATION, Kind.HOLDS, Kind.INTERLOCKS, Kind.AUTHORITY, Kind.DIFF, Kind.APPLIED, Kind.AUDIT, Kind.VERIFY}
)
BY_ITSELF = frozenset(
    {Kind.ALARM_TYPES, Kind.WATCH, Kind.EXPLAIN, Kind.CHECK, Kind.WAIT_ALARM, Kind.WAIT_OPERATION, Kind.WAIT_LINE, Kind.LAMP,
     Kind.SUPPORT, Kind.HELP}
)  # fmt: skip
OF_SHELL = frozenset({Kind.SETTING, Kind.QUIT})


class Wish(NamedTuple):
    """One call. `keys` are as typed; in the call they stand under `parameter`, as a list where `several`."""

    kind: Kind
    method: str
    parameters: Mapping[str, object]
    keys: tuple[str, ...] = ()
    parameter: str = ""
    done: str = ""

    @property
    def acts(self) -> bool:
        """True when it changes something: then a lost answer means that nobody knows what is."""
        return self.kind in ACTING

    @property
    def several(self) -> bool:
        """True for the one order that names many alarms."""
        return self.parameter == "keys"


def seconds_in(text: str) -> int:
    """Return the seconds of a duration such as 90s, 30m, 8h or 1h30m. Usage for anything else: a bare number has no unit."""
    if re.fullmatch(r"(\d{1,6}[smhd])+", text, re.ASCII) is None:
        raise Usage(f"{text} is no duration; write it with its unit, for example 30m, 8h or 1h30m")
    return sum(int(number) * SECONDS[unit] for number, unit in re.findall(r"(\d+)([smhd])", text))
