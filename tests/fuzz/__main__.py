"""`python -m tests.fuzz [TARGET ...]`: run targets for as long as is asked, with atheris where it is installed, and say what came of it.

    --inputs N       so many inputs of each target (what costs more gets fewer), drawn from --seed; needs no package
    --seconds S      each target so long; with atheris (coverage-guided, follows the approach of libFuzzer) when --guided
    --frames N       so many frames of the Modbus codec against pymodbus' server afterwards (a release: 1,000,000)
    --native N       so many runs of each fuzzer of native/ (clang with libFuzzer and sanitizers, Debian packages clang, libclang-rt-dev)
    --json FILE      the figures of R5 as a document

R5 passes for all targets together, each with at least the inputs of a change, with as many frames, and with the fuzzers of native/; what
was asked for less is entered with what was found, as a part that has not passed. It measures less than the paper's row in this: before a
change inputs are counted and not 60 s taken; the 24 processor hours of each target are for whoever gives them (SECONDS=86400 GUIDED=1).

An input that breaks a promise is printed as the line that belongs into tests/fuzz/corpus/TARGET.seeds. 0: nothing was found; 1: something.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import re
import subprocess
import sys
import time
import traceback
from collections.abc import Iterator, Sequence
from pathlib import Path

from tests.fuzz.campaign import MOST_YARDS, Report, quiet, run
from tests.fuzz.catalogue import TARGETS
from tests.fuzz.target import CORPUS, ROOT, Target
from tests.reliability.figures import Figure, Share, entry
from tests.wire import test_modbus_differential as differential

AT_ONCE = 2000  # inputs between two looks at the clock, for a target of cost 1
LEAST_INPUTS, LEAST_FRAMES = 4000, 50_000  # of a change: each target of cost 1 (tests/fuzz/test_parsers.py), and the codecs together
NATIVE_RUNS = 20_000  # of each fuzzer of native/
NATIVE = "tests/fuzz/test_native.py"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line."""
    asked = _asked(arguments)
    targets = [TARGETS[name] for name in asked.targets or TARGETS]
    guided = [_guided(target, asked.seconds) for target in targets] if asked.guided else []
    reports = []
    for target in targets:
        with quiet():
            inputs = asked.inputs // target.cost
            unguided = asked.seconds and not guided
            report = _for_seconds(target, asked.seconds, asked.seed) if unguided else run(target, inputs, asked.seed)
        _say(report.line)
        for data, error in report.findings:
            _say(f"\n{data!r}\n{''.join(traceback.format_exception(error)[-6:])}")
        reports.append(report)
    with quiet():
        tallies = [differential.run(name, asked.frames // len(differential.SIDES)) for name in differential.SIDES]
    figures = [*_figures(reports, tallies), *_told_of(guided, asked.seconds), *_native(asked.native)]
    seconds = sum(report.seconds for report in reports) + len(guided) * asked.seconds
    found = entry(figures, seconds, Share(part=min(1.0, len(targets) / len(TARGETS), _enough(reports))))
    _say(json.dumps(found))
    if asked.json:
        asked.json.write_text(json.dumps({"R5": found}, indent=1) + "\n")
    return int(not found["passed"])


def _asked(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description="Fuzz the parsers of outside bytes.")
    parser.add_argument("targets", nargs="*", choices=[*TARGETS, []], metavar="TARGET", help=", ".join(TARGETS))
    parser.add_argument("--inputs", type=int, default=10_000)
    parser.add_argument("--seconds", type=float, default=0.0)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--frames", type=int, default=50_000)
    parser.add_argument("--native", type=int, default=NATIVE_RUNS)
    parser.add_argument("--guided", action="store_true", help="with atheris")
    parser.add_argument("--json", type=Path)
    asked = parser.parse_args(arguments)
    if asked.guided and importlib.util.find_spec("atheris") is None:
        parser.error("atheris is not installed here: pip install --require-hashes --requirement tests/fuzz/tools.lock")
    return asked


def _for_seconds(target: Target, seconds: float, seed: int) -> Report:
    """Run campaigns with one seed after the other until the time is over; return them as one."""
    whole, ends = Report(target.name), time.monotonic() + seconds
    while time.monotonic() < ends and not whole.findings:
        part = run(target, max(len(target.seeds()) + 20, AT_ONCE // target.cost), seed)
        whole.inputs, whole.seconds, seed = whole.inputs + part.inputs, whole.seconds + part.seconds, seed + 1
        whole.findings, whole.grown = part.findings, max(whole.grown, part.grown) if whole.inputs > part.inputs else part.grown
        if part.slowest_yards > whole.slowest_yards:
            whole.slowest_yards, whole.slowest = part.slowest_yards, part.slowest
    return whole


def _guided(target: Target, seconds: float) -> int:
    """Run atheris in a process of its own: it ends the process, and what it has hooked stays hooked."""
    _say(f"{target.name}, guided, {seconds:g} s")
    return subprocess.run([sys.executable, "-m", "tests.fuzz.guided", target.name, f"{seconds:g}"], cwd=ROOT, check=False).returncode


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def _figures(reports: Sequence[Report], tallies: Sequence[differential.Tally]) -> list[Figure]:
    return [
        Figure("targets", len(reports), least=len(TARGETS)),
        Figure("cases", sum(report.inputs for report in reports), least=sum(LEAST_INPUTS // target.cost for target in TARGETS.values())),
        Figure("least_inputs_of_a_target_times_those_of_a_change", _enough(reports), least=1.0),
        Figure("findings", sum(len(report.findings) for report in reports), most=0),
        Figure("slowest_64_kib_of_100_ms", max(report.slowest_yards for report in reports) / MOST_YARDS, most=1.0),
        Figure("most_grown_blocks", max(report.grown for report in reports)),
        Figure("corpus_kib", sum(path.stat().st_size for path in CORPUS.iterdir()) // 1024),
        Figure("modbus_frames", sum(tally.frames for tally in tallies), least=LEAST_FRAMES),
        Figure("modbus_differences", sum(len(tally.differences) for tally in tallies), most=0),
    ]


def _enough(reports: Sequence[Report]) -> float:
    """Return how many times what a change takes the target had that was tried least."""
    return min(report.inputs / max(1, LEAST_INPUTS // TARGETS[report.name].cost) for report in reports)


def _told_of(guided: Sequence[int], seconds: float) -> Iterator[Figure]:
    """Give what guided runs brought: how many targets there were, how long each ran, how many ended with something."""
    if guided:
        yield Figure("guided_targets", len(guided), least=1)
        yield Figure("guided_s_of_each", seconds, least=1)
        yield Figure("guided_findings", sum(code != 0 for code in guided), most=0)


def _native(runs: int) -> Iterator[Figure]:
    """Run the fuzzers of native/ and give how many there were; one that could not be built here is none."""
    words = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-rs", NATIVE]
    environment = {**os.environ, "STATIOND_FUZZ_NATIVE": str(runs)}
    done = subprocess.run(words, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    _say("\n".join(done.stdout.splitlines()[-3:]))
    passed, failed = (sum(map(int, re.findall(rf"(\d+) {word}", done.stdout))) for word in ("passed", "failed"))
    yield Figure("native_fuzzers", passed, least=2)
    yield Figure("native_runs_of_each", runs, least=NATIVE_RUNS)
    yield Figure("native_findings", failed, most=0)


if __name__ == "__main__":
    sys.exit(main())
