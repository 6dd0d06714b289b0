"""Reports and saved texts on the disk: bounded, never overwritten, never anywhere else."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from stationd.outputs import kept_files
from stationd.outputs.kept_files import LARGEST_TEXT, MOST_REPORTS, MOST_TEXTS, Unfit, save_text, write_report


def test_the_newest_reports_are_kept_and_other_files_are_left_alone(tmp_path: Path) -> None:
    (tmp_path / "selftest").mkdir()
    (tmp_path / "selftest" / "notes.txt").write_text("mine")
    paths = [write_report(tmp_path, {"n": number}, 1_795_000_000.0 + number) for number in range(MOST_REPORTS + 3)]
    left = sorted(each.name for each in (tmp_path / "selftest").iterdir())
    assert left == sorted(["notes.txt", *(path.name for path in paths[3:])])
    assert json.loads(paths[-1].read_text()) == {"n": MOST_REPORTS + 2}


def test_a_report_of_the_same_millisecond_is_refused_and_the_first_one_stays(tmp_path: Path) -> None:
    path = write_report(tmp_path, {"n": 1}, 1_795_000_000.0)
    with pytest.raises(FileExistsError):
        write_report(tmp_path, {"n": 2}, 1_795_000_000.0)
    assert json.loads(path.read_text()) == {"n": 1}


UNFIT = ["", ".hidden", "..", "../passwd", "a/b", "a b", "x" * 65, "a\n", "a\0b", "F-2026-11-22-1.zip", "\u0430.txt"]


@pytest.mark.parametrize("name", UNFIT)
def test_a_name_that_is_no_plain_name_writes_nothing(name: str, tmp_path: Path) -> None:
    with pytest.raises(Unfit) as refused:
        save_text(tmp_path, name, "text")
    assert refused.value.cause == "bad-name"
    assert list(tmp_path.rglob("*")) == []


def test_a_text_is_saved_whole_once_and_never_overwritten(tmp_path: Path) -> None:
    path = save_text(tmp_path, "status.txt", "all is well: 1000 mA, \u00e4\n")
    assert path == tmp_path / "bundles" / "saved" / "status.txt"
    with pytest.raises(Unfit) as refused:
        save_text(tmp_path, "status.txt", "other")
    assert refused.value.cause == "name-taken"
    assert path.read_text() == "all is well: 1000 mA, \u00e4\n"
    assert [each.name for each in path.parent.iterdir()] == ["status.txt"]


def test_a_text_beyond_its_size_is_not_cut_but_refused(tmp_path: Path) -> None:
    save_text(tmp_path, "most", "x" * LARGEST_TEXT)
    with pytest.raises(Unfit) as refused:
        save_text(tmp_path, "more", "x" * (LARGEST_TEXT + 1))
    assert refused.value.cause == "too-large"


def test_there_is_an_end_of_room_and_what_others_leave_beside_the_texts_does_not_count(tmp_path: Path) -> None:
    (tmp_path / "bundles").mkdir()
    for name in ("F-2026-11-22-1.zip", "support-aktau-2026-11-22.zip", "notes.txt"):
        (tmp_path / "bundles" / name).write_bytes(b"x" * (kept_files.MOST_TEXT_BYTES + 1))
    for number in range(MOST_TEXTS):
        save_text(tmp_path, f"text-{number}", "x")
    with pytest.raises(Unfit) as refused:
        save_text(tmp_path, "one-more", "x")
    assert refused.value.cause == "no-room"


@pytest.mark.parametrize("name", [".a.txt.new", "a.txt"])
def test_no_link_that_somebody_has_put_there_is_followed(name: str, tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.write_text("precious")
    save_text(tmp_path, "first", "x")
    (tmp_path / "bundles" / "saved" / name).symlink_to(victim)
    if name == "a.txt":
        with pytest.raises(Unfit):
            save_text(tmp_path, "a.txt", "other")
    else:
        assert save_text(tmp_path, "a.txt", "other").read_text() == "other"
    assert victim.read_text() == "precious"


def test_a_directory_that_is_a_link_takes_no_text(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "bundles").mkdir()
    (tmp_path / "bundles" / "saved").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(OSError, match="saved"):
        save_text(tmp_path, "a.txt", "text")
    assert list((tmp_path / "elsewhere").iterdir()) == []
