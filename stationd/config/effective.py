"""The configuration that is in force, as a document for people: the file with its defaults filled in, and where it came from.

Secrets are references ("credential:far.key") in the models already; all the same whatever looks like a secret and is no reference is
withheld (stationd.redaction). What the document says is what was loaded, not what the file says by now.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from enum import Enum
from pathlib import Path

from pydantic import BaseModel

from stationd.config import read
from stationd.config.machines import Amplifier, PowerFeed
from stationd.config.model import StationConfig
from stationd.outputs.near_names import NearNames
from stationd.redaction import shown


@dataclass(frozen=True, slots=True)
class Source:
    """The file that the configuration came from: its path, the SHA-256 of what was read, and when (Unix seconds)."""

    path: Path
    sha256: str
    utc_s: float


@dataclass(frozen=True, slots=True)
class Effective:
    """The whole configuration as plain JSON values, the dotted keys that stand at their default, and all keys for who mistypes one."""

    tree: Mapping[str, object]
    defaults: tuple[str, ...]
    names: NearNames
    source: Source | None = None

    def below(self, path: str) -> tuple[object, list[str]]:
        """Return what stands at a dotted path ("" is all), and which keys of it are defaults. KeyError with names that are near."""
        found: object = self.tree
        for part in path.split(".") if path else ():
            inner = _inner(found)
            if part not in inner:
                raise KeyError(*self.names.of(path))
            found = inner[part]
        begin = f"{path}." if path else ""
        return found, [key for key in self.defaults if key == path or key.startswith(begin)]


def effective(
    config: StationConfig, source: Source | None = None, feeds: Iterable[str] = (), amplifiers: Iterable[str] = ()
) -> Effective:
    """Return the configuration as a document. `feeds` and `amplifiers` have limits also where the file has no section for them."""
    whole = replace(
        config,
        pfe={**{name: PowerFeed() for name in feeds}, **config.pfe},
        amplifier={**{name: Amplifier() for name in amplifiers}, **config.amplifier},
    )
    defaults: list[str] = []
    tree = {each.name: _plain(getattr(whole, each.name), each.name, each.name, defaults) for each in fields(whole)}
    return Effective(tree, tuple(defaults), NearNames(paths(tree)), source)


def source_of(path: Path, content: bytes, utc_s: float) -> Source:
    """Return where a configuration comes from whose file was read now: the digest is that of what was read, and of nothing later."""
    return Source(path, hashlib.sha256(content).hexdigest(), utc_s)


def digest_of(path: Path) -> str | None:
    """Return the SHA-256 of a station file in hexadecimal; None where it cannot be read. Blocks on the disk."""
    content = read(path)
    return hashlib.sha256(content).hexdigest() if isinstance(content, bytes) else None


def count_of(tree: object) -> int:
    """Return how many values a tree has, tables and lists not counted themselves."""
    inner = _inner(tree)
    return sum(map(count_of, inner.values())) if inner else 1


def paths(tree: object, begin: str = "") -> Iterator[str]:
    """Give every dotted path of a tree; the members of a list are counted from 1."""
    for name, each in _inner(tree).items():
        yield f"{begin}{name}"
        yield from paths(each, f"{begin}{name}.")


def _inner(tree: object) -> Mapping[str, object]:
    if isinstance(tree, Mapping):
        return tree
    return {str(number): each for number, each in enumerate(tree, 1)} if isinstance(tree, list) else {}


def _plain(value: object, key: str, path: str, defaults: list[str]) -> object:
    match value:
        case BaseModel():
            defaults += [f"{path}.{name}" for name in type(value).model_fields if name not in value.model_fields_set]
            return {name: _plain(getattr(value, name), name, f"{path}.{name}", defaults) for name in type(value).model_fields}
        case Mapping():
            return {str(name): _plain(each, str(name), f"{path}.{name}", defaults) for name, each in value.items()}
        case str():
            return shown(key, value, of_file=True)
        case Enum():
            return value.value
        case Sequence():
            return [_plain(each, key, f"{path}.{number}", defaults) for number, each in enumerate(value, 1)]
        case _:
            return value
