"""One table of the file against one model: what can be used of it, and what is wrong with it.

A faulty table still yields a complete item: its broken keys hold defaults or stand-ins and are named in `broken`, so that
the checks between sections run on everything else and no mistake is reported twice.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any, Generic, TypeVar, get_args

from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo

from stationd.config.problem import CERTAIN, Finding, Path, closest, listed, shown, written

Section = TypeVar("Section", bound=BaseModel)

_WANTED = {
    "string_type": "must be a string",
    "int_type": "must be an integer",
    "float_type": "must be a number",
    "finite_number": "must be a finite number",
    "bool_type": "must be true or false",
    "tuple_type": "must be a list",
    "dict_type": "must be a table",
    "mapping_type": "must be a table",
}
_BOUNDS = {"ge": "at least", "gt": "above", "le": "at most", "lt": "below"}
_LENGTHS = {"min_length": "at least", "max_length": "at most"}


@dataclass(frozen=True, slots=True)
class Draft(Generic[Section]):
    """A section as far as it could be read; `broken` keys of `item` hold stand-ins that mean nothing."""

    path: Path
    item: Section
    given: frozenset[str]
    broken: frozenset[str]

    def sound(self, *keys: str) -> bool:
        """Tell whether these keys say what the file means."""
        return self.broken.isdisjoint(keys)

    def finding(self, key: str, reason: str, hint: str = "") -> Finding:
        """Return what is wrong with a key, its value beside it."""
        value = getattr(self.item, key)
        text = shown(value.value if isinstance(value, Enum) else value, key)
        return Finding((*self.path, key), text if key in self.given else f"{text} by default", reason, hint)


@dataclass(frozen=True, slots=True)
class _Keys:
    """The keys of a table sorted by what they are: unknown ones with the key that was probably meant."""

    unknown: Mapping[str, str | None]
    missing: tuple[str, ...]
    unsure: frozenset[str]


def read(model: type[Section], raw: object, path: Path) -> tuple[Draft[Section], list[Finding]]:
    """Read a table; return what can be used of it and everything that is wrong with it."""
    fields = model.model_fields
    if not isinstance(raw, dict):
        finding = Finding(path, shown(raw), "must be a table", f"write [{written(path)}] and its keys below it")
        return Draft(path, _item(model, {}), frozenset(), frozenset(fields)), [finding]
    keys = _sort_keys(fields, raw)
    known = {key: value for key, value in raw.items() if key in fields}
    errors = _errors(model, {**_stand_ins(fields), **known})
    broken = {str(error["loc"][0]) for error in errors}
    findings = [
        *(_unknown(key, meant, fields, raw, path) for key, meant in keys.unknown.items()),
        *(_missing(key, fields[key], path) for key in keys.missing),
        *_wrong(errors, fields, path),
    ]
    sound = {key: value for key, value in known.items() if key not in broken}
    return Draft(path, _item(model, sound), frozenset(known), keys.unsure | broken), findings


def _sort_keys(fields: Mapping[str, FieldInfo], raw: Mapping[str, object]) -> _Keys:
    absent = [key for key in fields if key not in raw]
    required = [key for key in absent if fields[key].is_required()]
    unknown, certain = pair([key for key in raw if key not in fields], absent, required, fields)
    meant = frozenset(key for key in unknown.values() if key in absent)
    missing = tuple(key for key in required if key not in meant)
    return _Keys(unknown, missing, meant | frozenset(missing) if certain else frozenset(absent))


def pair(
    unknown: Iterable[str], absent: Iterable[str], required: Iterable[str], known: Iterable[str]
) -> tuple[dict[str, str | None], bool]:
    """Find the key that each unknown one was meant to be, and whether that is certain for all of them.

    First what is spelt much alike; then a lone unknown key is taken for a lone required one; the rest is a guess.
    """
    unknown, free, needed = list(unknown), list(absent), list(required)
    pairs: dict[str, str | None] = dict.fromkeys(unknown)
    for key in unknown:
        meant = closest(key, free, CERTAIN) or closest(key, known, CERTAIN)
        pairs[key] = meant
        free, needed = _without(free, meant), _without(needed, meant)
    lost = [key for key, meant in pairs.items() if meant is None]
    if len(lost) == len(needed) == 1:
        return {**pairs, lost[0]: needed[0]}, True
    guesses = {key: closest(key, free) or closest(key, known) for key in lost}
    return {**pairs, **guesses}, not lost


def _without(words: list[str], gone: str | None) -> list[str]:
    return [word for word in words if word != gone]


def unknown_key(key: str, value: object, meant: str | None, known: Iterable[str], path: Path) -> Finding:
    """Return the finding about a key, or at the top of the file about a section, that does not exist."""
    hint = f'did you mean "{meant}"?' if meant else f"known: {listed(known, 20)}"
    if meant and meant.startswith(key.lower() + "_"):
        hint += " the unit is part of the key"
    if not path and isinstance(value, dict | list):
        return Finding((key,), "", "unknown section", hint)
    names_secret = shown("", meant or "") == "(hidden)"
    return Finding((*path, key), shown(value, meant or "" if names_secret else key), "unknown key", hint)


def _unknown(key: str, meant: str | None, fields: Iterable[str], raw: Mapping[str, object], path: Path) -> Finding:
    return unknown_key(key, raw[key], meant, fields, path)


def _missing(key: str, field: FieldInfo, path: Path) -> Finding:
    return Finding((*path, key), "", "is missing", f"{field.description}; for example {key} = {shown(example_of(field))}")


def _errors(model: type[BaseModel], raw: Mapping[str, object]) -> list[Any]:
    try:
        model.model_validate(raw)
    except ValidationError as error:
        return list(error.errors(include_url=False))
    return []


def _item(model: type[Section], sound: Mapping[str, object]) -> Section:
    return model.model_validate({**_stand_ins(model.model_fields), **sound})


def _stand_ins(fields: Mapping[str, FieldInfo]) -> dict[str, object]:
    return {key: example_of(field) for key, field in fields.items() if field.is_required()}


def example_of(field: FieldInfo) -> object:
    """Return the example of a required key; each has one."""
    return (field.examples or [""])[0]


def _wrong(errors: Iterable[Any], fields: Mapping[str, FieldInfo], path: Path) -> list[Finding]:
    findings = []
    for error in errors:
        key, *inner = error["loc"]
        place = tuple(part + 1 if isinstance(part, int) else part for part in inner)  # people count from 1
        reason, hint = _words(error, fields[key])
        findings.append(Finding((*path, key, *place), shown(error["input"], key), reason, hint))
    return findings


def _words(error: Any, field: FieldInfo) -> tuple[str, str]:
    kind, value, about, limits = error["type"], error["input"], field.description or "", limits_of(field)
    if kind == "refused":
        return error["ctx"]["reason"], error["ctx"]["hint"]
    if kind == "enum":
        words = choices(field)
        near = closest(value, words) if isinstance(value, str) else None
        return f"must be one of {listed(map(shown, words))}", f'did you mean "{near}"?' if near else about
    if kind in _WANTED:
        return _WANTED[kind], _quotes(kind, value) or "; ".join(filter(None, (about, limits)))
    return f"must be {limits}" if limits else error["msg"].lower(), about


def _quotes(kind: str, value: object) -> str:
    """Return the hint for a number or a truth value that was written as a string."""
    if kind == "string_type" and isinstance(value, int | float):
        return "write it in quotes"
    if not isinstance(value, str):
        return ""
    try:
        number = kind in ("int_type", "float_type") and float(value) == float(value)
    except ValueError:
        number = False
    return f"write {value.strip()} without quotes" if number or (kind == "bool_type" and value in ("true", "false")) else ""


def choices(field: FieldInfo) -> list[str]:
    """Return the words that an enumerated key may have."""
    inner = get_args(field.annotation)
    listed_kinds = [kind for each in inner for kind in get_args(each)]
    kinds = [kind for kind in (field.annotation, *inner, *listed_kinds) if isinstance(kind, type)]
    return [each.value for kind in kinds if issubclass(kind, Enum) for each in kind]


def limits_of(field: FieldInfo) -> str:
    """Return the limits of a number or of a text's length in words, or nothing."""
    limits = [*field.metadata, *_inner_limits(field)]
    at_least, at_most = _values(limits, "ge"), _values(limits, "le")
    if at_least and at_most:
        return f"{_short(at_least[0])} to {_short(at_most[0])}"
    bounds = [f"{word} {_short(value)}" for name, word in _BOUNDS.items() for value in _values(limits, name)]
    lengths = [f"{word} {value}" for name, word in _LENGTHS.items() for value in _values(limits, name)]
    return " and ".join(bounds) or (f"{' and '.join(lengths)} characters long" if lengths else "")


def _inner_limits(field: FieldInfo) -> list[object]:
    """Return the limits of what is inside an optional value, a list or a table."""
    inner = [each for kind in get_args(field.annotation) for each in getattr(kind, "__metadata__", ())]
    return [limit for each in inner if isinstance(each, FieldInfo) for limit in each.metadata]


def _values(limits: Iterable[object], name: str) -> list[object]:
    return [value for limit in limits if (value := getattr(limit, name, None)) is not None]


def _short(number: object) -> str:
    return f"{number:.12g}" if isinstance(number, float) else str(number)
