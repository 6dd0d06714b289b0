"""Mutation testing: one small change to the product at a time, and whether any test of its room notices.

    python -m tests.fuzz.mutants stationd/wire/*.py [--most 60] [--seed 1] [--json build/coverage.json]

Of the mutants of a release 85 % have to be noticed; with --json that is entered into the figures of R19, beside those of the coverage.

What it is: a dozen changes that people make by mistake (a limit off by one, < for <=, and for or, a forgotten not, a dropped line), on the
syntax tree, in a copy of the tree. What it is not: a proof; a mutant that nobody notices is a question, and some change nothing at all.
"""

from __future__ import annotations

import argparse
import ast
import copy
import os
import random
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.fuzz.target import ROOT
from tests.reliability.figures import Figure, put, read

PARTS = ("stationd", "drivers", "tests", "native", "systemd", "pyproject.toml", "README.md")
BRIEF = {"STATIOND_DIFFERENTIAL": "8000"}  # frames: a mutant of a codec shows in the first hundred
LEAST_SHARE, LEAST_MUTANTS = 0.85, 200  # of a release (assumption: 200 tell 85 % from 80 %)
MOST_S = 300.0  # for the tests of a room; a mutant that never ends is noticed
COMPARED = {
    ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt, ast.Eq: ast.NotEq, ast.NotEq: ast.Eq,
    ast.Is: ast.IsNot, ast.IsNot: ast.Is, ast.In: ast.NotIn, ast.NotIn: ast.In,
}  # fmt: skip
COUNTED = {
    ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Add, ast.FloorDiv: ast.Mult, ast.Div: ast.Mult, ast.Mod: ast.Add,
    ast.LShift: ast.RShift, ast.RShift: ast.LShift, ast.BitAnd: ast.BitOr, ast.BitOr: ast.BitAnd, ast.BitXor: ast.BitOr,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Mutant:
    """A module with one change: where, what, and the whole text."""

    path: Path
    line: int
    change: str
    text: str


def mutants(path: Path) -> Iterator[Mutant]:
    """Yield every mutant of a module. Docstrings, annotations and what is raised or logged for people stay as they are."""
    tree = ast.parse((ROOT / path).read_text("utf-8"))
    count = sum(1 for _ in _places(tree))
    for number in range(count):
        changed = copy.deepcopy(tree)
        node, field, index = next(place for at, place in enumerate(_places(changed)) if at == number)
        line, change = getattr(node, "lineno", 0), _apply(node, field, index)
        yield Mutant(path, line, change, ast.unparse(ast.fix_missing_locations(changed)))


Place = tuple[ast.AST, str, int]


def _places(tree: ast.AST) -> Iterator[Place]:
    """Yield what can be changed: a node, which part of it, and which of several."""
    for node in _code(tree):
        match node:
            case ast.Compare(ops=ops):
                yield from ((node, "ops", index) for index, each in enumerate(ops) if type(each) in COMPARED)
            case ast.BinOp(op=op) | ast.AugAssign(op=op) if type(op) in COUNTED:
                yield node, "op", 0
            case ast.BoolOp():
                yield node, "op", 0
            case ast.UnaryOp(op=ast.Not()):
                yield node, "op", 0
            case ast.Constant(value=bool() | int() | float()):
                yield node, "value", 0
            case ast.IfExp() | ast.If():
                yield node, "test", 0
            case ast.Expr(value=ast.Call()) | ast.AugAssign():
                yield node, "whole", 0
            case _:
                pass


def _code(tree: ast.AST) -> Iterator[ast.AST]:
    """Walk what is carried out."""
    for name, value in ast.iter_fields(tree):
        if name in ("annotation", "returns", "decorator_list", "type_params") or isinstance(tree, ast.Raise | ast.JoinedStr):
            continue
        for child in value if isinstance(value, list) else [value]:
            if isinstance(child, ast.AST):
                yield child
                yield from _code(child)


def _apply(node: ast.AST, field: str, index: int) -> str:
    """Change a node in place; return what was done."""
    before = ast.unparse(node)
    match node, field:
        case ast.Compare(), _:
            node.ops[index] = COMPARED[type(node.ops[index])]()
        case ast.BinOp() | ast.AugAssign(), "op":
            node.op = COUNTED[type(node.op)]()
        case ast.BoolOp(), _:
            node.op = ast.Or() if isinstance(node.op, ast.And) else ast.And()
        case ast.UnaryOp(), _:
            node.op, node.operand = ast.Not(), ast.UnaryOp(ast.Not(), node.operand)
        case ast.Constant(), _:
            node.value = not node.value if isinstance(node.value, bool) else node.value + 1
        case (ast.IfExp() | ast.If()), _:
            node.test = ast.UnaryOp(ast.Not(), node.test)
        case ast.Expr(), _:
            node.value = ast.Constant(None)
        case ast.AugAssign(), _:
            node.value, node.op = ast.Constant(0), ast.Add()
        case _:
            raise TypeError(f"{type(node).__name__} cannot be changed")
    return f"{before.splitlines()[0][:70]} -> {ast.unparse(node).splitlines()[0][:70]}"


def room_of(path: Path) -> list[str]:
    """Return the tests to run: those that are named after the module first, then those of its room."""
    room = Path("tests", *path.parent.parts[1:])
    own = sorted(room.glob(f"test_{path.stem}*.py")) if (ROOT / room).is_dir() else []
    return [*map(str, own), str(room)]


def noticed(tree: Path, mutant: Mutant) -> bool:
    """Run the tests of the room in a copy of the tree with the mutant in it."""
    target = tree / mutant.path
    before = target.read_text("utf-8")
    target.write_text(mutant.text, "utf-8")
    command = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", "--no-header", *room_of(mutant.path)]
    try:
        done = subprocess.run(command, cwd=tree, env={**os.environ, **BRIEF, "PYTHONPATH": str(tree)}, capture_output=True, timeout=MOST_S)
    except subprocess.TimeoutExpired:
        return True
    else:
        return done.returncode != 0
    finally:
        target.write_text(before, "utf-8")


def _told(tree: Path, mutant: Mutant) -> bool:
    """Say what became of a mutant, as it comes: a room of them takes hours."""
    found = noticed(tree, mutant)
    sys.stdout.write(f"{'noticed' if found else 'NOBODY NOTICED'} {mutant.path}:{mutant.line}: {mutant.change}\n")
    sys.stdout.flush()
    return found


def enter(file: Path, count: int, share: float) -> None:
    """Enter the share into the row of R19, as a release wants it, beside what stands there."""
    row = dict(read(file).get("R19", {"passed": True, "seconds": 0.0, "share": "mutants alone", "limits": {}}))
    figures = [Figure("mutants", count, least=LEAST_MUTANTS), Figure("mutants_noticed_share", share, least=LEAST_SHARE)]
    row |= {figure.name: figure.value for figure in figures}
    row["limits"] = {**row["limits"], **{figure.name: figure.limit for figure in figures}}
    row["passed"] = row["passed"] and all(figure.kept for figure in figures)
    put(file, "R19", row)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; 1 when fewer than 85 % were noticed."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz.mutants")
    parser.add_argument("modules", nargs="+", type=Path)
    parser.add_argument("--most", type=int, default=0, help="so many of them, drawn from the seed; 0: all")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", type=Path, help="the file of the figures of R19")
    asked = parser.parse_args(arguments)
    every = [mutant for path in asked.modules for mutant in mutants(path.resolve().relative_to(ROOT) if path.is_absolute() else path)]
    chosen = random.Random(asked.seed).sample(every, asked.most) if 0 < asked.most < len(every) else every
    with tempfile.TemporaryDirectory(prefix="mutants") as name:
        tree = Path(name)
        for part in PARTS:
            (shutil.copytree if (ROOT / part).is_dir() else shutil.copy)(ROOT / part, tree / part)
        missed = [mutant for mutant in chosen if not _told(tree, mutant)]
    share = 1 - len(missed) / max(1, len(chosen))
    if asked.json:
        enter(asked.json, len(chosen), share)
    sys.stdout.write(f"{len(chosen) - len(missed)} of {len(chosen)} noticed ({share:.0%}), of {len(every)} that there are\n")
    return int(share < LEAST_SHARE)


if __name__ == "__main__":
    sys.exit(main())
