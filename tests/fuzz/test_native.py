"""What native/ parses and what its reader may do, under libFuzzer with the address and undefined-behaviour sanitizers.

native/fuzz_scan_type.c has its test beside the other tests of layouts. STATIOND_FUZZ_NATIVE sets how many runs (nightly: 10,000,000).
"""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

NATIVE = Path(__file__).resolve().parents[2] / "native"
PRODUCT = [path for path in sorted(NATIVE.glob("*.c")) if not path.name.startswith(("test_", "fuzz_"))]
RUNS = os.environ.get("STATIOND_FUZZ_NATIVE", "")
SANITIZERS = ("-fsanitize=fuzzer,address,undefined", "-fno-sanitize-recover=all")
FLAGS = ("-std=c11", "-g", "-O1", "-pthread", "-Wall", "-Wextra", "-Werror", *SANITIZERS)
SCRIPTS = (
    b"level all 3000; at 50 level 0 10; at 80 gone",
    b"wave 1 500 2000; noise 3; timed 10; at 7 error EIO 3; at 9 stall 5",
    b"paced 40; at 100 skip 7; at 200 back 1000; at 300 ahead 1000000;;",
)
PLAIN = bytes(110)  # a small sampler of one channel
ORDERS = bytes((0, 8, 1, 10, 28, 10, 28, 3, 2, 5, 255, 0, 8, 1, 1, 28, 10, 28, 10, 9, 6, 7, 4, 255, 8, 3, 200, 5, 255, 6, 6, 7))


def fuzzed(tmp_path: Path, name: str, sources: list[Path], seeds: list[bytes], runs: str, longest: int) -> None:
    if shutil.which("clang") is None:
        pytest.skip("no clang (Debian packages clang and libclang-rt-dev)")
    program, corpus = tmp_path / "fuzz", tmp_path / "seeds"
    built = subprocess.run(["clang", *FLAGS, NATIVE / f"fuzz_{name}.c", *sources, "-o", program], capture_output=True, text=True)
    if "cannot find" in built.stderr or "No such file" in built.stderr:
        pytest.skip("clang has no libFuzzer (Debian package libclang-rt-dev)")
    assert built.returncode == 0, built.stderr
    corpus.mkdir()
    for number, seed in enumerate(seeds):
        (corpus / str(number)).write_bytes(seed)
    command = [program, f"-runs={RUNS or runs}", "-seed=1", f"-max_len={longest}", corpus]
    ran = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path)
    assert ran.returncode == 0, ran.stderr[-3000:]


@pytest.mark.timeout(36_000)
def test_no_script_upsets_the_simulated_converter(tmp_path: Path) -> None:
    seeds = [bytes((number,)) + script for number, script in enumerate(SCRIPTS)]
    fuzzed(tmp_path, "sim_script", [NATIVE / "sim_script.c"], seeds, "40000", 512)


@pytest.mark.timeout(36_000)
def test_no_configuration_no_counts_and_no_order_of_calls_upset_the_sampler_or_what_it_counts(tmp_path: Path) -> None:
    fuzzed(tmp_path, "sampler", PRODUCT, [PLAIN, PLAIN + ORDERS, PLAIN + ORDERS * 3], "2000", 400)
