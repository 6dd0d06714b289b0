"""Each file of stories has a line of its own, so that no story depends on what another has left behind."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.stories.line import Line, line


@pytest.fixture(scope="module", name="line")
def running_line(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Line]:
    """Both stations at work, until the file ends."""
    with line(tmp_path_factory.mktemp("line")) as found:
        yield found


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """Where a person's own files are."""
    return tmp_path
