"""What is packaged, for which release of Debian, and where each file goes: manifest.toml, read and checked.

Pure but for reading the tree. It knows nothing of how a package is built.
"""

from __future__ import annotations

import fnmatch
import hashlib
import re
import subprocess
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
ARCHITECTURE = "amd64"
MADE_OF = ("LICENSE", "README.md", "drivers", "native", "pyproject.toml", "requirements.lock", "setup.py", "stationd", "systemd")
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
    listed = _asked_of_git("ls-files", "-z", "--cached", "--others", "--exclude-standard", "--", *rooms)
    return sorted({path for path in listed.split("\0") if path and (ROOT / path).is_file()})


def tree() -> str:
    """Return the SHA-256 of all that a package is made of, names and contents: what tells this tree from every other, committed or not."""
    listed = "".join(f"{hashlib.sha256((ROOT / path).read_bytes()).hexdigest()}  {path}\n" for path in tracked(*MADE_OF))
    return hashlib.sha256(listed.encode()).hexdigest()


def commit() -> str:
    """Return the commit that the tree was taken from, and whether it was changed since."""
    head = _asked_of_git("rev-parse", "HEAD").strip()
    changed = _asked_of_git("status", "--porcelain", "--untracked-files=all", "--", *MADE_OF)
    return f"{head}+changed" if changed else head


def version(changed_s: int) -> str:
    """Return the version of stationd that this tree makes, "0.1.0+git20261123t004000.g1a2b3c4d": when it was last changed, and what it is.

    Only the tree that is tagged "v0.1.0" makes 0.1.0. A letter begins each part, or PEP 440 would take zeros away from some.
    """
    named = number()
    if f"v{named}" in _asked_of_git("tag", "--points-at", "HEAD").split() and "+" not in commit():
        return named
    return f"{named}+git{datetime.fromtimestamp(changed_s, UTC):%Y%m%dt%H%M%S}.g{tree()[:8]}"


def _asked_of_git(*words: str) -> str:
    try:
        return subprocess.run(["git", "-C", str(ROOT), *words], capture_output=True, text=True, check=True).stdout
    except (OSError, subprocess.CalledProcessError) as error:
        raise Unfit(f"files and commit of the tree are asked of git, in a clone of the repository: {error}") from None


def number() -> str:
    """Return the number that stationd has until the next release."""
    text = (ROOT / "stationd" / "__init__.py").read_text(encoding="utf-8")
    found = re.search(r'^__version__ = "([^"]+)"$', text, re.MULTILINE)
    if found is None:
        raise Unfit('stationd/__init__.py has no line __version__ = "..."')
    return found[1]
