"""What the tests of several rooms share: programs of the machine that a test needs, and how to get them."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

# Which Debian package brings a program that an optional test uses; the summary of a run names it where a test is skipped.
DEBIAN_PACKAGE_OF = {
    "gcc": "gcc",
    "mbpoll": "mbpoll",
    "mosquitto": "mosquitto",
    "mosquitto_sub": "mosquitto-clients",
    "openssl": "openssl",
    "promtool": "prometheus",
    "strace": "strace",
}


def find_program(name: str) -> Path | None:
    """Return the program, also from /usr/sbin, which is not in the search path of an ordinary user."""
    found = shutil.which(name) or shutil.which(name, path="/usr/sbin:/usr/local/sbin:/sbin")
    return Path(found) if found else None


def program(name: str) -> Path:
    """Return the program, or skip the test with the name of the Debian package that brings it."""
    found = find_program(name)
    if found is None:
        pytest.skip(f"{name} is not installed; to run this: apt install {DEBIAN_PACKAGE_OF[name]}")
    return found


@pytest.fixture
def promtool() -> Path:
    return program("promtool")


@pytest.fixture
def mosquitto() -> Path:
    return program("mosquitto")


@pytest.fixture
def openssl() -> Path:
    return program("openssl")
