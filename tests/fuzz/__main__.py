"""`python -m tests.fuzz [TARGET ...]`: run targets for as long as is asked, with atheris where it is installed, and say what came of it.

    --inputs N       so many inputs of each target (what costs more gets fewer), drawn from --seed; needs no package
    --seconds S      each target so long; with atheris (coverage-guided, follows the approach of libFuzzer) when --guided
    --frames N       so many frames of the Modbus codec against pymodbus' server afterwards
    --json FILE      the figures of R5 as a document

An input that breaks a promise is printed as the line that belongs into tests/fuzz/corpus/TARGET.seeds. 0: nothing was found; 1: something.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import subprocess
import sys
import time
import traceback
from collections.abc import Sequence
from pathlib import Path

from tests.fuzz.campaign import MOST_YARDS, Report, quiet, run
from tests.fuzz.catalogue import TARGETS
from tests.fuzz.target import CORPUS, ROOT, Target
from tests.reliability.figures import Figure, Share, entry
from tests.wire import test_modbus_differential as differential

AT_ONCE = 2000  # inputs between two looks at the clock, for a target of cost 1


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line."""
    asked = _asked(arguments)
    targets = [TARGETS[name] for name in asked.targets or TARGETS]
    if asked.guided:
        return max(_guided(target, asked.seconds) for target in targets)
    reports = []
    for target in targets:
        with quiet():
            inputs = asked.inputs // target.cost
            report = _for_seconds(target, asked.seconds, asked.seed) if asked.seconds else run(target, inputs, asked.seed)
        _say(report.line)
        for data, error in report.findings:
            _say(f"\n{data!r}\n{''.join(traceback.format_exception(error)[-6:])}")
        reports.append(report)
    with quiet():
        tallies = [differential.run(name, asked.frames // len(differential.SIDES)) for name in differential.SIDES]
    found = entry(_figures(reports, tallies), sum(report.seconds for report in reports), Share())
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
    parser.add_argument("--guided", action="store_true", help="with atheris")
    parser.add_argument("--json", type=Path)
    asked = parser.parse_args(arguments)
    if asked.guided and importlib.util.find_spec("atheris") is None:
        parser.error("atheris is not installed here: pip install --require-hashes --requirement tests/fuzz/requirements.lock")
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
        Figure("cases", sum(report.inputs for report in reports)),
        Figure("findings", sum(len(report.findings) for report in reports), most=0),
        Figure("slowest_64_kib_of_100_ms", max(report.slowest_yards for report in reports) / MOST_YARDS, most=1.0),
        Figure("most_grown_blocks", max(report.grown for report in reports)),
        Figure("corpus_kib", sum(path.stat().st_size for path in CORPUS.iterdir()) // 1024),
        Figure("modbus_frames", sum(tally.frames for tally in tallies)),
        Figure("modbus_differences", sum(len(tally.differences) for tally in tallies), most=0),
    ]


if __name__ == "__main__":
    sys.exit(main())
