"""The roots that are booted: this machine's own, and another release of Debian, made once and kept outside the tree.

`SYSTEMD_TEST_ROOTS` says where (default /var/cache/stationd-test). Made by mmdebstrap, in about 20 s and 200 MB, from the mirrors that
apt uses here.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

from machine import Impossible

KEPT = Path(os.environ.get("SYSTEMD_TEST_ROOTS", "/var/cache/stationd-test"))
PACKAGES = ("systemd", "systemd-sysv", "libpam-systemd", "udev", "python3", "dbus", "procps", "iproute2", "kmod", "passwd", "login")
LEFT_OUT = ("doc", "locale", "info")
OWN = "this-machine"
MADE = {"trixie": "Debian 13"}
MADE_OF = "made-of"  # in the root: what it was made of, so that it is made anew when that changes
LONGEST_S = 600


def root_of(name: str) -> Path:
    """Return a root, made if it is not there. Impossible says why it cannot be."""
    if name == OWN:
        return Path("/")
    root = KEPT / name
    made_of = root / MADE_OF
    if not made_of.exists() or made_of.read_text(encoding="ascii") != " ".join(PACKAGES):
        _make(name, root)
    return root


def python_of(root: Path) -> str:
    """Return the release of the package that fits a root, by its Python: py3.11."""
    return str((root / "usr/bin/python3").readlink()).replace("python", "py")


def _make(name: str, root: Path) -> None:
    if os.geteuid() != 0:
        raise Impossible("only root makes another root: sudo make test-systemd")
    if shutil.which("mmdebstrap") is None:
        raise Impossible(f"{MADE[name]} is made by mmdebstrap; to run this: apt install mmdebstrap")
    shutil.rmtree(root, ignore_errors=True)
    KEPT.mkdir(parents=True, exist_ok=True)
    begun = KEPT / f"{name}.new"
    shutil.rmtree(begun, ignore_errors=True)
    options = [f"--dpkgopt=path-exclude=/usr/share/{folder}/*" for folder in LEFT_OUT]
    words = ["mmdebstrap", "--quiet", "--variant=minbase", f"--include={','.join(PACKAGES)}", *options, name, str(begun)]
    done = subprocess.run(words, capture_output=True, text=True, timeout=LONGEST_S, check=False)
    if done.returncode != 0:
        raise Impossible(f"{MADE[name]} could not be made: {done.stderr.strip()[-500:]}")
    (begun / "etc/dpkg/dpkg.cfg.d/99mmdebstrap").unlink()  # what is left out of the root is not left out of our package
    (begun / MADE_OF).write_text(" ".join(PACKAGES), encoding="ascii")
    begun.rename(root)
