"""The house rules that a machine can check; the picture that they keep true is in the README ("The house").

Import directions are checked by import-linter (`make lint`), with the contracts of pyproject.toml.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PRODUCT = [path for room in ("stationd", "drivers") for path in sorted((ROOT / room).rglob("*.py"))]
TESTS = sorted((ROOT / "tests").rglob("*.py"))
PURE = [
    path
    for path in PRODUCT
    if path.relative_to(ROOT).parts[:2] in (("stationd", "core"), ("stationd", "wire"))
    or path.relative_to(ROOT).parts[0] == "drivers"
    or path.relative_to(ROOT).as_posix() in ("stationd/device.py", "stationd/driver.py")
]
WORLD = {"asyncio", "time", "datetime", "os", "socket", "logging", "threading", "random"}
REQUIRED_FOLDERS = {"stationd", "drivers", "systemd", "tests"}
ALLOWED_FOLDERS = REQUIRED_FOLDERS | {"native", "hil"}  # these two come with the sampler and with the test bench
NOT_IN_THE_TREE = {"build", "dist", "man"}
VAGUE_NAMES = {"utils", "util", "base", "common", "interfaces", "helpers", "helper", "manager", "managers", "misc"}
LONGEST_MODULE, LONGEST_FUNCTION = 400, 40
NOT_COUNTED_AS_DEPTH = {"Enum", "IntEnum", "Flag", "Protocol", "Exception", "ExceptionGroup"}


def name_of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def tree_of(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"), filename=str(path))


def imported(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        match node:
            case ast.Import(names):
                yield from (alias.name.partition(".")[0] for alias in names)
            case ast.ImportFrom(module, _, 0) if module:
                yield module.partition(".")[0]


@pytest.mark.parametrize("path", PRODUCT, ids=name_of)
def test_a_module_is_short_enough_to_be_read_at_once(path: Path) -> None:
    assert len(path.read_text(encoding="utf-8").splitlines()) <= LONGEST_MODULE


@pytest.mark.parametrize("path", PRODUCT, ids=name_of)
def test_a_function_fits_on_a_screen(path: Path) -> None:
    functions = (node for node in ast.walk(tree_of(path)) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))
    lengths = {node.name: (node.end_lineno or node.lineno) - node.lineno + 1 for node in functions}
    assert {name: lines for name, lines in lengths.items() if lines > LONGEST_FUNCTION} == {}


@pytest.mark.parametrize("path", PURE, ids=name_of)
def test_the_pure_rooms_touch_neither_clock_nor_machine_and_wait_for_nothing(path: Path) -> None:
    tree = tree_of(path)
    assert WORLD.isdisjoint(imported(tree))
    waiting = (ast.Await, ast.AsyncFunctionDef, ast.AsyncFor, ast.AsyncWith)
    assert not any(isinstance(node, waiting) for node in ast.walk(tree))


@pytest.mark.parametrize("path", PRODUCT + TESTS, ids=name_of)
def test_a_module_is_named_for_what_it_is(path: Path) -> None:
    assert VAGUE_NAMES.isdisjoint(path.relative_to(ROOT).with_suffix("").parts)


@pytest.mark.parametrize("path", PRODUCT, ids=name_of)
def test_nothing_is_left_for_later_in_the_code(path: Path) -> None:
    assert re.search(r"\b(TODO|FIXME)\b|raise NotImplementedError", path.read_text(encoding="utf-8")) is None


def test_only_one_module_of_the_daemon_speaks_to_the_extension() -> None:
    speaks = re.compile(r"^\s*(from stationd\._sampler|from stationd import _sampler)", re.MULTILINE)
    speakers = {name_of(path) for path in PRODUCT if speaks.search(path.read_text(encoding="utf-8"))}
    daemon = {name for name in speakers if not name.startswith("stationd/bench/")}  # which measures the bare loop
    assert daemon == {"stationd/links/sampler/native.py"}


def test_classes_of_ours_are_not_stacked_on_each_other() -> None:
    bases = {
        node.name: {ast.unparse(base).partition("[")[0].rpartition(".")[2] for base in node.bases}
        for path in PRODUCT
        for node in ast.walk(tree_of(path))
        if isinstance(node, ast.ClassDef)
    }
    stacked = {
        name: base for name, own in bases.items() for base in own if base in bases and NOT_COUNTED_AS_DEPTH.isdisjoint(bases[base])
    }
    assert stacked == {}


@pytest.mark.parametrize("path", TESTS, ids=name_of)
def test_tests_fake_the_transport_and_never_our_own_classes(path: Path) -> None:
    names = {node.id for node in ast.walk(tree_of(path)) if isinstance(node, ast.Name)}
    arguments = {node.arg for node in ast.walk(tree_of(path)) if isinstance(node, ast.arg)}
    assert {"Mock", "MagicMock", "AsyncMock", "patch", "mocker", "monkeypatch"}.isdisjoint(names | arguments)


def test_the_top_level_folders_are_those_of_the_plan() -> None:
    folders = {path.name for path in ROOT.iterdir() if path.is_dir() and not path.name.startswith((".", "__"))}
    folders = {name for name in folders if not name.endswith(".egg-info")} - NOT_IN_THE_TREE
    assert REQUIRED_FOLDERS <= folders <= ALLOWED_FOLDERS


def test_every_path_that_the_readme_sends_the_reader_to_exists() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    roots = "|".join(sorted(ALLOWED_FOLDERS))
    paths = set(re.findall(rf"(?<![\w/.-])((?:{roots})/[\w./-]*\w)(?![\w*/{{<])", text))
    assert paths, "the README names no file"
    assert sorted(path for path in paths if not (ROOT / path).exists()) == []


def test_the_lock_files_hold_hashes_and_no_address() -> None:
    for name in ("requirements.lock", "requirements-dev.lock"):
        text = (ROOT / name).read_text(encoding="utf-8")
        assert re.search(r"://|file:|^-", text, re.MULTILINE) is None
        pinned = re.findall(r"^(\S+)==\S+.*\\\n    --hash=sha256:[0-9a-f]{64}", text, re.MULTILINE)
        assert len(pinned) == len(re.findall(r"^\S", text, re.MULTILINE)) >= 10
