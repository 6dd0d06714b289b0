"""What dpkg is told of a package: control, scripts, sums, change log, copyright. Texts in, files out; nothing is built here."""

from __future__ import annotations

import hashlib
import re
from datetime import UTC, datetime
from email.utils import format_datetime
from gzip import GzipFile
from pathlib import Path

import recipe
import sbom

MAINTAINER = "stationd maintainers <maintainers@stationd.invalid>"
SCRIPTS = ("preinst", "postinst", "prerm", "postrm")
FIELDS = """\
Package: stationd
Version: {version}
Architecture: {architecture}
Maintainer: {maintainer}
Installed-Size: {size}
Depends: python3 (>= {python}), python3 (<< {next_python}~), libc6 (>= 2.36), systemd (>= {systemd}), passwd
Recommends: udev, chrony | time-daemon
Suggests: openssh-server, mosquitto, prometheus
Section: net
Priority: optional
Description: {description}
"""
COPYRIGHT = """\
Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/
Upstream-Name: stationd
Comment: The packages of Python inside are unchanged but for their compiled modules, whose symbol tables were stripped. Their own
 licences stand beside them, in {site}/*.dist-info/licenses.

Files: *
Copyright: 2026, the authors of stationd
License: Apache-2.0
 On Debian systems the text of the Apache License, version 2.0, is in /usr/share/common-licenses/Apache-2.0.
"""
STANZA = """
Files: {site}/{directory}.dist-info/*
Comment: {name} {version}, with all its modules: {summary}
Copyright: its authors, see that directory
License: {license}
 The text is in that directory.
"""


def fields(release: recipe.Release, version: str, tree: Path) -> str:
    """Return the file control of a staged tree."""
    description = (recipe.HERE / "description").read_text(encoding="utf-8").rstrip("\n")
    return FIELDS.format(
        version=version, architecture=recipe.ARCHITECTURE, maintainer=MAINTAINER, size=_size_kib(tree), python=release.python,
        next_python=release.next_python, systemd=release.systemd, description=description,
    )  # fmt: skip


def _size_kib(tree: Path) -> int:
    """Return what Policy 5.6.20 asks for: each file rounded up to KiB, and 1 KiB for everything else."""
    return sum((path.lstat().st_size + 1023) // 1024 if path.is_file() and not path.is_symlink() else 1 for path in tree.rglob("*"))


def sums(tree: Path) -> str:
    """Return the file md5sums of a staged tree: what `dpkg --verify` compares."""
    files = sorted(path for path in tree.rglob("*") if path.is_file() and not path.is_symlink())
    names = [(path, path.relative_to(tree).as_posix()) for path in files]
    return "".join(f"{hashlib.md5(path.read_bytes()).hexdigest()}  {name}\n" for path, name in names if not name.startswith("etc/"))  # noqa: S324


def conffiles(tree: Path) -> str:
    """Return the files that an upgrade leaves as their owner has made them."""
    return "".join(f"/{path.relative_to(tree).as_posix()}\n" for path in sorted((tree / "etc").rglob("*")) if path.is_file())


def script(name: str, release: recipe.Release, tree: Path) -> str:
    """Return a maintainer's script, with the names of what this package holds."""
    units = sorted(path for path in (tree / "usr/lib/systemd/system").glob("*.*") if path.is_file())
    words = {
        "UNITS": " ".join(path.name for path in units if re.search(r"^\[Install\]", path.read_text(encoding="utf-8"), re.MULTILINE)),
        "STOPPED": " ".join(path.name for path in units if path.suffix != ".conf" and "@" not in path.name),
        "SITE": f"/{release.site}",
        "SYSUSERS": _names(tree / "usr/lib/sysusers.d"),
        "TMPFILES": _names(tree / "usr/lib/tmpfiles.d"),
    }
    text = (recipe.HERE / name).read_text(encoding="utf-8")
    return re.sub(r"@([A-Z]+)@", lambda found: words[found[1]], text)


def _names(directory: Path) -> str:
    return " ".join(path.name for path in sorted(directory.glob("*.conf")))


def changelog(version: str, changed_s: int) -> str:
    """Return changelog.Debian."""
    date = format_datetime(datetime.fromtimestamp(changed_s, UTC))
    text = (recipe.HERE / "changelog").read_text(encoding="utf-8")
    return text.replace("@VERSION@", version).replace("@MAINTAINER@", MAINTAINER).replace("@DATE@", date)


def copyright_of(release: recipe.Release, inside: list[sbom.Component]) -> str:
    """Return the file copyright: stationd's, and that of each package inside."""
    stanzas = (
        STANZA.format(site=release.site, directory=f"{component.name.replace('-', '_')}-{component.version}", name=component.name,
                      version=component.version, summary=component.summary or component.name, license=component.license)
        for component in inside if component.name != "stationd"
    )  # fmt: skip
    return COPYRIGHT.format(site=release.site) + "".join(stanzas)


def packed(path: Path, text: str) -> None:
    """Write a text with gzip, without name and time inside."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as raw, GzipFile("", "wb", 9, raw, 0) as sink:
        sink.write(text.encode())


def executable(path: Path, text: str) -> None:
    """Write a script."""
    path.write_text(text, encoding="utf-8")
    path.chmod(0o755)
