"""The program that drives the C sources, built once for all tests here, and the directory of served device files."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.native.source_probe import Probe, build, running


@pytest.fixture(scope="session")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """native/test_sources.c with sanitizers; a test that needs it is skipped where there is no compiler."""
    compiler = shutil.which("gcc") or shutil.which("cc")
    if compiler is None:
        pytest.skip("no C compiler (Debian package gcc)")
    return build(compiler, tmp_path_factory.mktemp("sources"))


@pytest.fixture
def probe(program: Path) -> Iterator[Probe]:
    """A program of the test's own."""
    with running(program) as one:
        yield one


@pytest.fixture(scope="module")
def lasting(program: Path) -> Iterator[Probe]:
    """One program for many tests that open no source."""
    with running(program) as one:
        yield one


@pytest.fixture
def dev(tmp_path: Path) -> Path:
    """Where FUSE files are served."""
    mounted = tmp_path / "dev"
    mounted.mkdir()
    return mounted
