"""What is packaged, for which release of Debian, and where each file goes: manifest.toml, read and checked.

Pure but for reading the tree. It knows nothing of how a package is built.
"""

from __future__ import annotations

import fnmatch
import re
import subprocess
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
ARCHITECTURE = "amd64"
SITE = "opt/stationd/lib/python{python}/site-packages"


class Unfit(Exception):
    """The tree or this machine cannot make the package; the text says what would be right."""


@dataclass(frozen=True, slots=True)
class Release:
    """A release of Debian. `python` is its Python, `next_python` the first that the compiled dependencies do not fit."""

    name: str
    debian: str
    python: str
    next_python: str
    systemd: str
    glibc: str

    @property
    def site(self) -> str:
        """Where its packages of Python are, relative to the root of the file system."""
        return SITE.format(python=self.python)

    @property
    def lock(self) -> Path:
        """Every dependency with the one hash of the one wheel that is installed."""
        return HERE / "locks" / f"{self.name}-{ARCHITECTURE}.lock"


@dataclass(frozen=True, slots=True)
class Rule:
    """Files of systemd/ and where they go; for all releases or for those named."""

    files: tuple[str, ...]
    to: str
    releases: tuple[str, ...] = ()
    also: str = ""  # a second place

    def matches(self, path: str) -> bool:
        """Tell whether the rule speaks of this file. A "*" never spans a "/", but where it ends the pattern."""
        return any(path.count("/") == pattern.count("/") and fnmatch.fnmatchcase(path, pattern) for pattern in self.files)


@dataclass(frozen=True, slots=True)
class Recipe:
    """All of manifest.toml."""

    releases: tuple[Release, ...]
    rules: tuple[Rule, ...]

    def placed(self, release: Release) -> Iterator[tuple[Path, str]]:
        """Yield each file of systemd/ that this release's package holds, with its place. Unfit for a file that no rule knows."""
        for path in tracked("systemd"):
            rule = next((rule for rule in self.rules if rule.matches(path)), None)
            if rule is None:
                raise Unfit(f"{path}: no rule of systemd/debian/manifest.toml says where it goes")
            if rule.to and (not rule.releases or release.name in rule.releases):
                yield ROOT / path, rule.to + Path(path).name if rule.to.endswith("/") else rule.to
                if rule.also:
                    yield ROOT / path, rule.also


def read() -> Recipe:
    """Return manifest.toml."""
    raw = tomllib.loads((HERE / "manifest.toml").read_text(encoding="utf-8"))
    releases = tuple(Release(**entry) for entry in raw["release"])
    rules = tuple(
        Rule(tuple(entry["files"]), entry["to"], tuple(entry.get("releases", ())), entry.get("also", "")) for entry in raw["rule"]
    )
    return Recipe(releases, rules)


def tracked(*rooms: str) -> list[str]:
    """Return the files of the tree that git knows or would take, in order: nothing that a build or an editor left behind."""
    words = ["git", "-C", str(ROOT), "ls-files", "-z", "--cached", "--others", "--exclude-standard", "--", *rooms]
    try:
        listed = subprocess.run(words, capture_output=True, text=True, check=True).stdout
    except (OSError, subprocess.CalledProcessError) as error:
        raise Unfit(f"the files of the tree are asked of git, in a clone of the repository: {error}") from None
    return sorted({path for path in listed.split("\0") if path and (ROOT / path).is_file()})


def version() -> str:
    """Return the version of stationd."""
    text = (ROOT / "stationd" / "__init__.py").read_text(encoding="utf-8")
    found = re.search(r'^__version__ = "([^"]+)"$', text, re.MULTILINE)
    if found is None:
        raise Unfit('stationd/__init__.py has no line __version__ = "..."')
    return found[1]
