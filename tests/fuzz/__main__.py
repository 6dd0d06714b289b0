"""`python -m tests.fuzz [TARGET ...]`: run targets for as long as is asked, with atheris where it is installed, and say what came of it.

    --inputs N       so many inputs of each target (what costs more gets fewer), drawn from --seed; needs no package
    --seconds S      each target so long; with atheris (coverage-guided, follows the approach of libFuzzer) when --guided
    --json FILE      the figures as a document

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

from tests.fuzz.campaign import Report, quiet, run
from tests.fuzz.catalogue import TARGETS
from tests.fuzz.target import HERE, ROOT, Target

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
    if asked.json:
        asked.json.write_text(json.dumps({report.name: _figures(report) for report in reports}, indent=1) + "\n")
    return int(any(report.findings for report in reports))


def _asked(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description="Fuzz the parsers of outside bytes.")
    parser.add_argument("targets", nargs="*", choices=[*TARGETS, []], metavar="TARGET", help=", ".join(TARGETS))
    parser.add_argument("--inputs", type=int, default=10_000)
    parser.add_argument("--seconds", type=float, default=0.0)
    parser.add_argument("--seed", type=int, default=0)
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


def _figures(report: Report) -> dict[str, object]:
    return {
        "inputs": report.inputs,
        "seconds": round(report.seconds, 1),
        "slowest_yards": round(report.slowest_yards, 2),
        "slowest_bytes": len(report.slowest),
        "grown_blocks": round(report.grown, 3),
        "findings": [repr(data) for data, _ in report.findings],
        "corpus": sum(path.stat().st_size for path in (HERE / "corpus").glob(f"{report.name}.seeds")),
    }


if __name__ == "__main__":
    sys.exit(main())
