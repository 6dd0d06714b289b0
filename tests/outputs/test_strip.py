"""The strip chart's columns: nothing that was recorded vanishes, and nothing appears that was not."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from stationd.core.model import GOOD, Level, Quality, Reason
from stationd.outputs.document import Mode
from stationd.outputs.journal import Sample
from stationd.outputs.strip import Strip

BEGIN, END = 1000.0, 1600.0
BAD = Quality(Level.BAD, Reason.TIMEOUT)
STALE = Quality(Level.STALE, Reason.TIMEOUT)


def sample(utc_s: float, value: float | bool | str | None, quality: Quality = GOOD, synchronised: bool = True) -> Sample:
    return Sample(utc_s, synchronised, "run", utc_s, value, quality)


def folded(samples: list[Sample], columns: int = 10) -> list[dict[str, object] | None]:
    strip = Strip(BEGIN, END, columns)
    strip.take(samples)
    return strip.documents(Mode.LIVE)


readings = st.lists(st.tuples(st.floats(BEGIN - 50, END + 50), st.floats(-1e6, 1e6)), max_size=60)


@given(readings, st.integers(1, 200))
def test_every_reading_lies_within_the_envelope_of_its_column(pairs: list[tuple[float, float]], columns: int) -> None:
    found = folded([sample(t, value) for t, value in pairs], columns)
    assert len(found) == columns
    inside = [(t, float(f"{value:.12g}")) for t, value in pairs if BEGIN <= t <= END]
    assert sum(int(str(each["count"])) for each in found if each is not None) == len(inside)
    for t, value in inside:
        column = found[min(int((t - BEGIN) / ((END - BEGIN) / columns)), columns - 1)]
        assert column is not None
        assert float(str(column["min"])) <= value <= float(str(column["max"]))


def test_a_spike_of_one_second_stands_in_a_column_of_a_minute() -> None:
    found = folded([sample(BEGIN + second, 900.0 if second == 90 else 1000.0) for second in range(120)])
    assert found[0] is not None
    assert found[1] is not None
    assert (found[0]["min"], found[1]["min"], found[1]["max"]) == (1000.0, 900.0, 1000.0)


def test_a_gap_is_no_column_and_never_the_value_before_it() -> None:
    found = folded([sample(BEGIN + 5, 1000.0), sample(END - 5, 1001.0)])
    assert found[1:-1] == [None] * 8


def test_what_was_recorded_without_a_value_says_why_and_has_none() -> None:
    found = folded([sample(BEGIN + 5, None, BAD), sample(BEGIN + 65, 999.0, STALE)])
    for column, quality in ((found[0], "bad"), (found[1], "stale")):
        assert column is not None
        assert (column["min"], column["max"], column["last"], column["count"]) == (None, None, None, 0)
        assert (column["q"], column["why"]) == (quality, "timeout")


def test_words_have_a_last_one_and_no_lowest() -> None:
    found = folded([sample(BEGIN + 5, "cv"), sample(BEGIN + 6, "cc")])
    assert found[0] is not None
    assert (found[0]["min"], found[0]["last"]) == (None, "cc")


def test_a_minute_reaches_as_far_as_its_readings_did() -> None:
    minute = Sample(BEGIN, True, "run", BEGIN, 1000.0, GOOD, 990.0, 1010.0, 60)
    column = folded([minute])[0]
    assert column is not None
    assert (column["min"], column["max"], column["last"], column["count"]) == (990.0, 1010.0, 1000.0, 60)


def test_one_reading_by_a_clock_that_nobody_set_marks_the_whole() -> None:
    strip = Strip(BEGIN, END, 2)
    strip.take([sample(BEGIN, 1.0), sample(BEGIN + 1, 1.0, synchronised=False)])
    assert strip.synchronised is False
