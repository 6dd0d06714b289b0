"""How a command is to be carried out, and what it has come to. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, NamedTuple

from stationd.shell.exits import Exit

Form = Mapping[str, Any]


class Asked(NamedTuple):
    """What goes with a command: for scripts or for people, how many rows they have, and how it was typed."""

    command: str = ""
    json: bool = False
    plain: bool = False
    strict: bool = False
    rows: int | None = None
    language: str = "en"
    utf8: bool = False


class Told(NamedTuple):
    """What a command has come to: lines for standard output, or the document of them; `beside` goes to standard error."""

    lines: Sequence[str]
    data: object = None
    code: Exit = Exit.DONE
    beside: Sequence[str] = ()
    status: Form = MappingProxyType({})
    as_of: str = ""

    @property
    def document(self) -> Form:
        """The answer as a document, the same for every command."""
        as_of = self.as_of or self.status.get("t")
        return {"asOf": as_of, "station": self.status.get("station"), "mode": self.status.get("mode"), "data": self.data}
