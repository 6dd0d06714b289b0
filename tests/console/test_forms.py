from __future__ import annotations

import pytest

from stationd.console.forms import utc_s, written


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (-820_454_400.0, "1944-01-02T00:00:00.000Z"),
        (0.0, "1970-01-01T00:00:00.000Z"),
        (-1e12, "0001-01-01T00:00:00.000Z"),
        (1e12, "9999-12-31T23:59:59.000Z"),
    ],
)
def test_a_time_is_written_as_it_is_also_before_1970_and_only_the_ends_of_the_calendar_bound_it(seconds: float, text: str) -> None:
    assert written(seconds) == text


def test_what_was_written_before_1970_can_be_asked_for() -> None:
    assert utc_s(written(-820_454_400.0)) == -820_454_400.0
