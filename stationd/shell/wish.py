"""What a command asks of the daemon, and the small parts that all commands are read with. Pure.

The commands themselves are in stationd.shell.words and stationd.shell.act_words. Named tuples here and in the client's other
modules, because dataclasses alone take a fifth of its start.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from enum import Enum
from typing import NamedTuple

SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86_400}


class Usage(Exception):
    """What was typed is no command. The text is one sentence for the person."""


class Kind(Enum):
    """How the answer is shown, or, from ORDER on, how the command is carried out."""

    STATUS = "status"
    ALARMS = "alarms"
    LINE = "line"
    FAULT = "fault"
    FAULTS = "faults"
    BASELINE = "baseline"
    BUNDLE = "bundle"
    OPERATIONS = "operations"
    OPERATION = "operation"
    HOLDS = "holds"
    INTERLOCKS = "interlocks"
    AUTHORITY = "authority"
    DIFF = "diff"
    APPLIED = "applied"
    AUDIT = "audit"
    VERIFY = "verify"
    ORDER = "order"
    TAKE = "take"
    ACT = "act"
    EMERGENCY = "emergency"
    APPROVE = "approve"
    ARM = "arm"
    GO_ON = "go on"
    EXECUTE = "execute"


ACTING = frozenset({Kind.ORDER, Kind.TAKE, Kind.ACT, Kind.EMERGENCY, Kind.APPROVE, Kind.ARM, Kind.GO_ON, Kind.EXECUTE})
ACT_SHOWN = frozenset(
    {Kind.OPERATIONS, Kind.OPERATION, Kind.HOLDS, Kind.INTERLOCKS, Kind.AUTHORITY, Kind.DIFF, Kind.APPLIED, Kind.AUDIT, Kind.VERIFY}
)
FACE_TO_FACE = frozenset({Kind.APPROVE, Kind.ARM, Kind.GO_ON, Kind.EXECUTE})


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


def full_word(typed: str, words: Sequence[str]) -> str:
    """Return the one word that begins like this. Usage, with the candidates, when there is none or more than one."""
    if typed in words:
        return typed
    found = [word for word in words if typed and word.startswith(typed)]
    if len(found) == 1:
        return found[0]
    if found:
        raise Usage(f"{typed} may be {' or '.join(found)}")
    raise Usage(f"{typed} is none of: {', '.join(words)}")
