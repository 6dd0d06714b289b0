"""Renews locks/: for each release of Debian every dependency at the version of requirements.lock, with the hash of its one wheel.

requirements.lock fits every Python and names every file of every package; a package for one Python on one machine needs one file of
each, so that what is not that very file is refused. Run by `make lock`. pip is asked which file it would take, as it alone says so.
"""

from __future__ import annotations

import hashlib
import re
import subprocess
import sys
import tempfile
from pathlib import Path

from recipe import ROOT, Release, Unfit, read

UV = Path(sys.executable).with_name("uv")
GLIBC = (*range(36, 16, -1), 12, 5)  # manylinux_2_N that Debian 12 and 13 can load; 2.17 also as manylinux2014, 2.5 as manylinux1
HEAD = """\
# Debian {debian}, Python {python}, amd64: every dependency with the hash of the one wheel that is installed. Renew it with `make lock`.
"""


def main() -> None:
    """Write the lock of every release."""
    for release in read().releases:
        with tempfile.TemporaryDirectory() as scratch:
            wheels = _wheels(release, Path(scratch))
        lines = [f"{name}=={version} \\\n    --hash=sha256:{digest}\n" for name, version, digest in wheels]
        release.lock.write_text(HEAD.format(debian=release.debian, python=release.python) + "".join(lines), encoding="utf-8")


def _wheels(release: Release, scratch: Path) -> list[tuple[str, str, str]]:
    """Return name, version and SHA-256 of each wheel that pip takes for this release."""
    full = scratch / "full.lock"
    subprocess.run(
        [UV, "pip", "compile", "--quiet", "--python-version", release.python, "--python-platform", "x86_64-manylinux_2_36",
         "--generate-hashes", "--no-annotate", "--no-header", "--constraints", ROOT / "requirements.lock",
         "--output-file", full, ROOT / "pyproject.toml"],
        check=True,
    )  # fmt: skip
    kept = scratch / "wheels"
    platforms = [f"manylinux_2_{minor}_x86_64" for minor in GLIBC] + ["manylinux2014_x86_64", "manylinux1_x86_64", "linux_x86_64"]
    subprocess.run(
        [sys.executable, "-m", "pip", "--disable-pip-version-check", "--no-input", "download", "--quiet", "--no-deps", "--require-hashes",
         "--only-binary", ":all:", "--python-version", release.python, "--implementation", "cp",
         *(word for platform in platforms for word in ("--platform", platform)), "--dest", kept, "--requirement", full],
        check=True,
    )  # fmt: skip
    pinned = re.findall(r"^([a-zA-Z0-9._-]+)==(\S+)", full.read_text(encoding="utf-8"), re.MULTILINE)
    return [(name, version, _digest(kept, name, version)) for name, version in pinned]


def _digest(kept: Path, name: str, version: str) -> str:
    plain = re.sub(r"[-_.]+", "_", name).lower()
    found = [path for path in kept.glob("*.whl") if path.name.lower().replace(".", "_").startswith(f"{plain}-{version}-".replace(".", "_"))]
    if len(found) != 1:
        raise Unfit(f"{name} {version}: {len(found)} wheels instead of one")
    return hashlib.sha256(found[0].read_bytes()).hexdigest()


if __name__ == "__main__":
    main()
