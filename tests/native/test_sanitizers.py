"""The threads of the loop under the tools that find what a test cannot see, and proof that they would find it."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

NATIVE = Path(__file__).resolve().parents[2] / "native"
PRODUCT = [path for path in sorted(NATIVE.glob("*.c")) if not path.name.startswith(("test_", "fuzz_"))]
WARNINGS = ("-Wall", "-Wextra", "-Werror", "-Wshadow")
ADDRESS = ("-fsanitize=address,undefined", "-fno-sanitize-recover=all")
THREAD = ("-fsanitize=thread",)
UNORDERED = ("-DRING_PUBLISH=memory_order_relaxed",)
QUIET = {"TSAN_OPTIONS": "exitcode=66", "ASAN_OPTIONS": "detect_leaks=1"}

Build = Callable[[tuple[str, ...]], Path]


@pytest.fixture(scope="module")
def build(tmp_path_factory: pytest.TempPathFactory) -> Build:
    compiler = shutil.which("gcc")
    if compiler is None:
        pytest.skip("needs gcc (Debian package gcc)")
    made: dict[tuple[str, ...], Path] = {}

    def program(options: tuple[str, ...]) -> Path:
        if options not in made:
            path = tmp_path_factory.mktemp("native") / "test_sampler"
            words = [compiler, "-std=c11", "-O1", "-g", "-pthread", *WARNINGS, *options, "-o", path, NATIVE / "test_sampler.c", *PRODUCT]
            subprocess.run(words, check=True, timeout=100)
            made[options] = path
        return made[options]

    return program


def run(words: list[str | Path]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(words, capture_output=True, text=True, timeout=100, env=os.environ | QUIET)


RUNS = [("ring", "1000000"), ("thread", "200"), ("ticks", "20000"), ("times", "20000")]


@pytest.mark.parametrize("words", RUNS, ids=lambda words: words[0])
def test_nothing_is_read_or_written_where_it_may_not_be_and_nothing_leaks(build: Build, words: tuple[str, str]) -> None:
    done = run([build(ADDRESS), *words])
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("words", [("ring", "300000"), ("thread", "100")], ids=lambda words: words[0])
def test_the_threads_share_nothing_without_order(build: Build, words: tuple[str, str]) -> None:
    done = run([build(THREAD), *words])
    assert done.returncode == 0, done.stderr


def test_a_ring_without_order_is_caught_by_the_same_test(build: Build) -> None:
    done = run([build(THREAD + UNORDERED), "ring", "300000"])
    assert done.returncode == 66
    assert "data race" in done.stderr


@pytest.mark.parametrize("words", [("ring", "20000"), ("thread", "20"), ("ticks", "1000")], ids=lambda words: words[0])
def test_valgrind_finds_nothing(build: Build, words: tuple[str, str]) -> None:
    valgrind = shutil.which("valgrind")
    if valgrind is None:
        pytest.skip("needs valgrind (Debian package valgrind)")
    done = run([valgrind, "--quiet", "--error-exitcode=67", "--leak-check=full", "--fair-sched=yes", build(("-DNO_CLONES",)), *words])
    assert done.returncode == 0, done.stderr
