"""Builds `stationd._sampler`, the C extension, from the header that is its contract. Run by setuptools (setup.py).

Only the stable ABI of Python is used, so that one build serves Python 3.11 and newer. Nothing is compiled at run time.
"""

from __future__ import annotations

import re
from pathlib import Path

from cffi import FFI

HERE = Path(__file__).resolve().parent
SOURCES = sorted(path.name for path in HERE.glob("*.c") if not path.name.startswith(("test_", "fuzz_")))


def declarations() -> str:
    """Return what sampler.h declares between its two marks, without comments."""
    header = (HERE / "sampler.h").read_text(encoding="utf-8")
    between = header.partition("/* cffi begin */")[2].partition("/* cffi end */")[0]
    return re.sub(r"/\*.*?\*/", "", between, flags=re.DOTALL)


ffibuilder = FFI()
ffibuilder.cdef(declarations())
ffibuilder.set_source(
    "stationd._sampler",
    '#include "sampler.h"',
    sources=[f"native/{name}" for name in SOURCES],
    include_dirs=["native"],
    depends=[f"native/{path.name}" for path in sorted(HERE.glob("*.h"))],
    extra_compile_args=["-std=c11", "-O3", "-Wall", "-Wextra", "-pthread", "-ffp-contract=off"],
    extra_link_args=["-pthread"],
    py_limited_api=True,
)
