"""Figures, the table that is made of them, and the README's."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.reliability.__main__ import not_shown, reasons
from tests.reliability.figures import Figure, Share, commit, entry, put, read
from tests.reliability.planted import DEFECTS
from tests.reliability.rows import ROWS
from tests.reliability.table import HEAD, row_of, table

ROOT = Path(__file__).resolve().parents[2]
SHARE = Share()


@pytest.mark.parametrize(
    ("figure", "kept"),
    [
        (Figure("lost", 0, most=0), True),
        (Figure("lost", 1, most=0), False),
        (Figure("cases", 300, least=300), True),
        (Figure("cases", 299, least=300), False),
        (Figure("cases", None, least=1), False),
        (Figure("told", None), True),
        (Figure("told", "words"), True),
        (Figure("late_s", float("nan"), most=1.0), False),
    ],
)
def test_a_figure_is_kept_within_its_limits_and_a_missing_one_never_is(figure: Figure, kept: bool) -> None:
    assert figure.kept is kept


def test_a_row_passes_when_every_figure_is_kept_and_none_without_figures() -> None:
    assert entry([Figure("lost", 0, most=0)], 1.0, SHARE)["passed"]
    assert not entry([Figure("lost", 0, most=0), Figure("late_s", 2.0, most=1.0)], 1.0, SHARE)["passed"]
    assert not entry([], 1.0, SHARE)["passed"]
    assert not entry([Figure("lost", 0, most=0)], 1.0, SHARE, "ended early")["passed"]


def test_rows_are_entered_beside_each_other_in_their_order(tmp_path: Path) -> None:
    file = tmp_path / "build" / "reliability.json"
    for row in ("R10", "R2", "R1", "R2"):
        put(file, row, entry([Figure("lost", 0, most=0)], 1.0, SHARE))
    assert list(read(file)) == ["R1", "R2", "R10"]


def test_the_table_has_every_row_and_says_what_was_not_kept_or_not_measured() -> None:
    found = {"R1": entry([Figure("cases", 300), Figure("lost", 0, most=0), Figure("max_ready_s", 3.456, most=3.0)], 60.0, SHARE)}
    lines = table(found, "cafe").splitlines()
    assert [line.split("|")[1].strip() for line in lines[2:]] == list(ROWS)
    assert lines[2] == f"| R1 | kill -9 at random points | 300 | 0 lost, max ready s 3.46 (<= 3) | **no**, of {commit()} |"
    assert lines[3].endswith("| not measured | |")
    assert row_of("R2", entry([], 1.0, SHARE, "no disk") | {"commit": "cafe"}, "cafe").endswith("; no disk | **no** |")


def test_a_bare_yes_is_of_this_commit_and_of_a_whole_share() -> None:
    found = entry([Figure("lost", 0, most=0)], 60.0, SHARE) | {"commit": "cafe"}
    assert row_of("R2", found, "cafe").endswith("| yes |")
    assert row_of("R2", found, "beef").endswith("| yes, of cafe |")
    assert row_of("R2", found | {"commit": "cafe-dirty"}, "cafe-dirty").endswith("| yes, of cafe-dirty |")
    assert row_of("R2", found | {"share": Share(part=0.1).name}, "cafe").endswith("| yes, 0.1 of ci |")
    assert row_of("R2", {"passed": True, "limits": {}}, "cafe").endswith("| yes, of an unknown tree, an unknown share |")


def test_what_is_measured_elsewhere_has_to_be_there_kept_and_of_this_commit_and_size(tmp_path: Path) -> None:
    kept = entry([Figure("lost", 0, most=0)], 60.0, Share(hours=72.0)) | {"commit": "cafe"}
    assert not list(reasons(kept, Share(hours=72.0), "cafe"))
    assert not list(reasons(kept | {"share": "ci"}, SHARE, "cafe"))
    for found, share, here in (
        ({}, SHARE, "cafe"),
        (kept | {"passed": False}, SHARE, "cafe"),
        (kept, SHARE, "beef"),
        (kept | {"commit": "cafe-dirty"}, SHARE, "cafe-dirty"),
        (kept | {"share": "ci"}, Share(hours=72.0), "cafe"),
    ):
        assert list(reasons(found, share, here)), (found, share, here)
    told = [sentence.split()[0] for sentence in not_shown(ROWS, SHARE, "cafe", tmp_path)]
    assert told == [row for row, each in ROWS.items() if each.elsewhere]


def test_every_row_names_what_proves_it() -> None:
    assert all(bool(each.module) is not bool(each.command) for each in ROWS.values())


def test_an_entry_says_when_and_of_what_it_is() -> None:
    found = entry([Figure("lost", 0, most=0)], 60.0, SHARE)
    assert found["commit"] == commit()
    assert found["t"].endswith("Z")


def test_the_readme_has_the_same_rows_and_columns() -> None:
    """Figures in it are those of the last release; their rows and columns are those of the table that is made."""
    text = (ROOT / "README.md").read_text()
    if HEAD[0] not in text:
        pytest.skip("the README has no table of R1-R20 yet")
    body = text.partition(HEAD[0])[2].strip().splitlines()[1:]
    shown = [line.split("|")[1].strip() for line in body[: len(ROWS)]]
    assert shown == list(ROWS)
    assert all(line.count("|") == HEAD[0].count("|") for line in body[: len(ROWS)])


@pytest.mark.parametrize("defect", DEFECTS, ids=lambda defect: defect.name)
def test_every_planted_defect_still_applies(defect: object) -> None:
    there, file = getattr(defect, "there"), getattr(defect, "file")  # noqa: B009
    assert (ROOT / file).read_text().count(there) == 1, "the file has changed: plant the defect where the code is now"
