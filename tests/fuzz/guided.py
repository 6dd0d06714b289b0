"""One target under atheris: `python -m tests.fuzz.guided TARGET SECONDS [CORPUS]`. It ends the process, with 77 when something was found.

The corpus that it grows lies in CORPUS, a directory, or is thrown away. Only stationd and the drivers are instrumented.
"""

from __future__ import annotations

import importlib
import sys
import tempfile
from pathlib import Path

import atheris

MOST_MB = 2048


def main(name: str, seconds: str, kept: str = "") -> None:
    """Instrument what is imported from here on, and fuzz."""
    with atheris.instrument_imports(include=["stationd", "drivers"]):
        target = importlib.import_module("tests.fuzz.catalogue").TARGETS[name]
    campaign = importlib.import_module("tests.fuzz.campaign")
    directory = Path(kept or tempfile.mkdtemp(prefix="corpus"))
    directory.mkdir(parents=True, exist_ok=True)
    for number, seed in enumerate(target.seeds()):
        (directory / f"seed-{number:03}").write_bytes(seed)
    words = directory.parent / f"{directory.name}.words"
    words.write_text("".join(f'"{_escaped(word)}"\n' for word in target.words if word))
    limits = [f"-max_total_time={seconds}", f"-max_len={target.largest}", f"-rss_limit_mb={MOST_MB}"]
    artifacts = f"-artifact_prefix={directory.parent}/{name}-found-"
    atheris.Setup([sys.argv[0], str(directory), f"-dict={words}", artifacts, *limits, "-print_final_stats=1", "-verbosity=0"], target.feed)
    with campaign.quiet():
        atheris.Fuzz()


def _escaped(word: bytes) -> str:
    return "".join(f"\\x{byte:02x}" for byte in word)


if __name__ == "__main__":
    main(*sys.argv[1:])
