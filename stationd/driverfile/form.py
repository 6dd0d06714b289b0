"""The form of a driver file: which keys its tables have, and of what type.

A table is read against its model strictly (no unknown key, no number written as a string) and all its mistakes are returned
at once; what is broken is replaced by the model's default, so that the rest can still be checked. What the words mean is
found out in stationd.driverfile.row and stationd.driverfile.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Annotated, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic_core import ErrorDetails

from stationd.wire.exchange import WireFault

Path = tuple[str | int, ...]
_STRICT = ConfigDict(extra="forbid", strict=True, frozen=True, allow_inf_nan=False)
_Table = TypeVar("_Table", bound=BaseModel)
_Pair = Annotated[list[float], Field(min_length=2, max_length=2)]
_Whole = Annotated[list[int], Field(min_length=2, max_length=2)]


@dataclass(frozen=True, slots=True)
class Note:
    """A mistake at a place of the file; entries of a list are counted from 1."""

    path: Path
    reason: str
    hint: str = ""


class Head(BaseModel):
    """The keys above the points."""

    model_config = _STRICT
    model: str = ""
    kind: Literal["pfe", "amplifier", "io"] = "io"
    protocol: Literal["modbus", "text"] = "modbus"
    manual: str = ""
    max_block: int = 125
    max_gap: int = 8
    gap_s: float = 0.0
    answer_s: float = 0.3
    late_s: float = 1.0
    settle_s: float = 0.5
    channels: int = 1
    addresses: _Whole | None = None
    ratings: dict[str, float | Literal["required"]] = {}


class Refused(BaseModel):
    """One way in which a unit says no."""

    model_config = _STRICT
    pattern: str
    fault: Annotated[WireFault, Field(strict=False)] = WireFault.REFUSED


class DialectTable(BaseModel):
    """The keys of [dialect]."""

    model_config = _STRICT
    terminator: str = ""
    reply_terminator: str = ""
    prefix: str = ""
    check_sum: Literal["none", "dollar-hex", "spellman"] = "none"
    done: str = ""
    refusals: list[Refused] = []
    unasked: str = ""
    select: str = ""
    selected: str = "OK"


class Row(BaseModel):
    """The keys of one [[point]]."""

    model_config = _STRICT
    name: str = ""
    at: str = ""
    missing: str = ""
    format: str = ""
    read_as: Literal["number", "hex", "text"] = "number"
    absent: str = "N/A"
    scale: float = 1.0
    offset: float = 0.0
    of: str = ""
    bit: int | None = None
    bits: _Whole | None = None
    mask: int | None = None
    values: dict[str, bool | int | float | str] | None = None
    unit: str = ""
    every_s: float = 1.0
    access: Literal["r", "rw"] = "r"
    limits: _Pair | None = None
    rated_limits: Annotated[list[str | float], Field(min_length=3, max_length=3)] | None = None
    put: str = ""
    read_back: str = ""
    reads: bool = False
    tolerance: float = 0.0
    doc: str = ""


HEAD_NEEDS = ("model", "kind", "protocol", "manual")
ROW_NEEDS = ("name",)
DIALECT_NEEDS = ("terminator", "reply_terminator")
_WANTED = {
    "string_type": "must be a string",
    "int_type": "must be a whole number",
    "float_type": "must be a number",
    "finite_number": "must be a finite number",
    "list_type": "must be a list",
    "dict_type": "must be a table",
    "missing": "is missing",
}
UNIONS = {
    "values": "must be a table that gives each raw number a word, a number, or true or false",
    "ratings": 'must be a number, or "required" where each device of the configuration must say it',
    "rated_limits": "must be [rating, lowest share, highest share]",
}


def read_table(
    model: type[_Table], raw: object, path: Path, needs: Collection[str], notes: list[Note], others: Collection[str] = ()
) -> tuple[_Table, frozenset[str]]:
    """Return the table with defaults for what is broken, and the broken keys; `notes` receives what is wrong.

    A key that was probably meant by an unknown one counts as broken, so that one mistake is told once.
    """
    if not isinstance(raw, dict):
        notes.append(Note(path, "must be a table"))
        return model(), frozenset(model.model_fields)
    known = {key: value for key, value in raw.items() if key in model.model_fields}
    meant = {key: _meant(key, {*model.model_fields, *others}, raw) for key in raw if key not in known}
    missing = [key for key in needs if key not in raw and key not in meant.values()]
    notes += (_unknown((*path, key), near, {*model.model_fields, *others}) for key, near in meant.items())
    notes += (Note((*path, key), "is missing") for key in missing)
    wrong = _errors(model, known)
    notes += dict.fromkeys(_wrong(error, path) for error in wrong)
    broken = {*missing, *(key for key in meant.values() if key), *(str(error["loc"][0]) for error in wrong)}
    return model.model_validate({key: value for key, value in known.items() if key not in broken}), frozenset(broken)


def _meant(key: str, known: Collection[str], given: Collection[str]) -> str | None:
    return next(iter(get_close_matches(key, [one for one in known if one not in given], n=1)), None)


def _unknown(path: Path, near: str | None, known: Collection[str]) -> Note:
    return Note(path, "unknown key", f'did you mean "{near}"?' if near else f"known: {', '.join(sorted(known))}")


def _errors(model: type[BaseModel], raw: dict[str, object]) -> list[ErrorDetails]:
    try:
        model.model_validate(raw)
    except ValidationError as error:
        return error.errors(include_url=False)
    return []


def _wrong(error: ErrorDetails, path: Path) -> Note:
    kind, (key, *inner) = error["type"], error["loc"]
    whole = (*path, key, *(part + 1 if isinstance(part, int) else part for part in inner))
    if key in UNIONS:
        return Note((*path, key), UNIONS[str(key)])
    if kind == "extra_forbidden":  # inside a list of tables
        return Note(whole, "unknown key")
    if kind in ("literal_error", "enum"):
        return Note(whole, f"must be {error['ctx']['expected']}")
    if kind in ("too_short", "too_long"):
        return Note(whole, f"must have {error['ctx'].get('min_length', error['ctx'].get('max_length'))} entries")
    return Note(whole, _WANTED.get(kind, error["msg"].lower()))
