"""The bench knows stationd by its public face alone, also where it could import it."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

HIL = Path(__file__).resolve().parents[2] / "hil"
MODULES = sorted(HIL.rglob("*.py"))
ALLOWED = {"hil", "pytest", "labgrid"}


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(HIL)))
def test_modules_and_functions_are_short_enough_to_be_read_at_once(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    functions = [node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.FunctionDef)]
    assert len(text.splitlines()) <= 400
    assert [node.name for node in functions if (node.end_lineno or 0) - node.lineno >= 40] == []


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(HIL)))
def test_nothing_of_the_bench_imports_stationd_or_a_library(path: Path) -> None:
    import sys

    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        match node:
            case ast.Import(names):
                found |= {alias.name.partition(".")[0] for alias in names}
            case ast.ImportFrom(module, _, 0) if module:
                found.add(module.partition(".")[0])
    assert found - set(sys.stdlib_module_names) <= ALLOWED
    assert "stationd" not in found
