"""Builds native/test_sources.c with sanitizers and talks to it: opens a source, reads it, closes it. Support of the tests here."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

NATIVE = Path(__file__).resolve().parents[2] / "native"
SOURCES = ("test_sources.c", "scan_type.c", "sysfs.c", "iio_setup.c", "source_iio.c", "source_spi.c", "source_mmap.c")
FLAGS = ("-std=c11", "-g", "-O1", "-Wall", "-Wextra", "-Wshadow", "-Werror", "-fsanitize=address,undefined", "-fno-sanitize-recover=all")


def build(compiler: str, directory: Path) -> Path:
    """Compile the program; its path."""
    program = directory / "test_sources"
    wraps = ("-Wl,--wrap=read", "-Wl,--wrap=ioctl", "-Wl,--wrap=open")
    subprocess.run([compiler, *FLAGS, *wraps, *(str(NATIVE / name) for name in SOURCES), "-o", str(program)], check=True)
    return program


def may_mount() -> bool:
    """Whether FUSE files can be served: /dev/fuse is there, and so is the right to mount (CAP_SYS_ADMIN, bit 21)."""
    found = re.search(r"CapEff:\s*([0-9a-f]+)", Path("/proc/self/status").read_text(encoding="ascii"))
    return found is not None and bool(int(found[1], 16) >> 21 & 1) and os.access("/dev/fuse", os.W_OK)


def kernel() -> tuple[int, ...]:
    return tuple(int(number) for number in re.findall(r"\d+", os.uname().release)[:2])


needs_fuse = pytest.mark.skipif(not may_mount(), reason="needs root and /dev/fuse (the kernel's module fuse; no package)")
needs_mapped_fuse = pytest.mark.skipif(kernel() < (6, 6), reason="FUSE files can be mapped from Linux 6.6 on")


class Probe:
    """One running program. Every answer is the JSON object that it prints."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process

    def ask(self, line: str) -> dict[str, Any]:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()
        answer = self.process.stdout.readline()
        assert answer, f"the program ended at: {line}"
        found: dict[str, Any] = json.loads(answer)
        return found

    def open(self, kind: str, **keys: object) -> dict[str, Any]:
        return self.ask(" ".join(["open", kind, *(f"{key}={value}" for key, value in keys.items())]))

    def read(self, most: int = 64) -> dict[str, Any]:
        return self.ask(f"read {most}")

    def fault(self, number: int) -> None:
        self.ask(f"fault {number}")

    def refuse(self, name: str, number: int) -> None:
        """Let files whose path ends so fail to open with an errno; 0: what is written to them is not heard."""
        self.ask(f"refuse {number} {name}")

    def written(self) -> list[str]:
        """Names of the files that were opened for writing since this was asked last."""
        return list(self.ask("written")["written"])

    def close(self) -> None:
        self.ask("close")


@contextmanager
def running(program: Path, served: dict[str, Any] | None = None, at: Path | None = None) -> Iterator[Probe]:
    """Run the program, with FUSE files served at a directory if there are any; it must end well, leaks included."""
    command = [str(program)]
    if served is not None:
        command = [sys.executable, str(Path(__file__).with_name("fuse_files.py")), str(at), json.dumps(served), *command]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        yield Probe(process)
        assert process.stdin is not None
        process.stdin.close()
        assert process.wait(timeout=30) == 0
    finally:
        process.kill()
        process.wait()
        for pipe in (process.stdin, process.stdout):
            if pipe is not None and not pipe.closed:
                pipe.close()
