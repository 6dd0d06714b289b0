"""The gates of coverage, and the mutants that ask whether what is covered is also looked at."""

from __future__ import annotations

import ast
import json
from pathlib import Path

import pytest

from tests.fuzz.covered import WHOLLY, main
from tests.fuzz.mutants import mutants, room_of
from tests.fuzz.target import ROOT

CODEC = "stationd/wire/modbus.py"


def document(tmp_path: Path, **files: tuple[int, int, int, int]) -> Path:
    """Return a file as `coverage json` writes it: lines and those gone through, branches and those gone through."""
    names = ("num_statements", "covered_lines", "num_branches", "covered_branches")
    found = {name.replace("__", "/") + ".py": {"summary": dict(zip(names, counts, strict=True))} for name, counts in files.items()}
    path = tmp_path / "files.json"
    path.write_text(json.dumps({"files": found}))
    return path


@pytest.mark.parametrize(
    ("codec", "rest", "kept"),
    [
        ((100, 100, 40, 40), (1000, 960, 200, 190), True),
        ((100, 100, 40, 39), (1000, 1000, 200, 200), False),
        ((100, 99, 40, 40), (1000, 1000, 200, 200), False),
        ((100, 100, 40, 40), (1000, 940, 200, 190), False),
        ((100, 100, 40, 40), (1000, 1000, 200, 150), False),
    ],
)
def test_the_gates_are_kept_only_with_every_branch_of_the_codecs_and_nearly_all_of_the_rest(
    tmp_path: Path, codec: tuple[int, int, int, int], rest: tuple[int, int, int, int], kept: bool
) -> None:
    figures = tmp_path / "figures.json"
    source = document(tmp_path, stationd__wire__modbus=codec, stationd__engine=rest, stationd__bench__poll=(5000, 0, 900, 0))
    assert main([str(source), str(figures)]) == int(not kept)
    assert json.loads(figures.read_text())["R19"]["passed"] is kept


def test_every_pattern_of_what_is_wholly_covered_names_something() -> None:
    assert [pattern for pattern in WHOLLY if not list(ROOT.glob(pattern))] == []


def test_each_mutant_is_a_module_that_differs_in_one_place_and_its_own_tests_come_first() -> None:
    whole = ast.unparse(ast.parse((ROOT / CODEC).read_text("utf-8")))
    found = list(mutants(Path(CODEC)))
    assert len(found) > 100
    assert len({mutant.text for mutant in found} - {whole}) > 0.9 * len(found)
    for mutant in found:
        ast.parse(mutant.text)
        before, after = whole.splitlines(), mutant.text.splitlines()
        assert sum(one != other for one, other in zip(before, after, strict=True)) <= 1, mutant.change
    assert room_of(Path(CODEC)) == ["tests/wire/test_modbus.py", "tests/wire/test_modbus_differential.py", "tests/wire"]
