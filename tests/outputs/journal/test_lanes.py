from __future__ import annotations

from collections import Counter
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from stationd.core.model import GOOD, PointId, Reading
from stationd.outputs.journal.lanes import READING_SIZE, Backlog, Batch, Thinning, Waiting, halve_batch, size_of_batch
from stationd.outputs.journal.record import JournalSettings, Message, Moment, Record, RecordClass, Stamp

SMALL = JournalSettings(memory_pinned=10_000, memory_events=5000, memory_readings=5000)


def waiting(sequence: int, record_class: RecordClass, topic: str = "t") -> Waiting:
    record = Record(Stamp("r", sequence, Moment(0.0, False, 0.0)), record_class, "k", messages=(Message(topic, b"x"),))
    return Waiting(record, None, record.size)


def one(point: str, n: int) -> Batch:
    return Batch(Moment(0.0, False, 0.0), (Reading(PointId("d", point), n, GOOD, float(n)),))


@given(st.lists(st.tuples(st.sampled_from(RecordClass), st.sampled_from("ab")), max_size=200))
def test_whatever_comes_alarms_commands_and_audit_are_dropped_last_and_everything_is_counted(given_: list[tuple[RecordClass, str]]) -> None:
    backlog = Backlog(SMALL)
    for sequence, (record_class, topic) in enumerate(given_, 1):
        backlog.put(waiting(sequence, record_class, topic))
    left = [each.record for each in backlog.take(1000)]
    assert [each.stamp.sequence for each in left] == sorted(each.stamp.sequence for each in left)
    counted = Counter(each.record_class for each in left) + backlog.dropped
    assert counted == Counter(record_class for record_class, _ in given_)
    pinned = sum(waiting(1, each).size for each, _ in given_ if each.pinned)
    if pinned <= SMALL.memory_pinned:
        assert not any(backlog.dropped[each] for each in RecordClass if each.pinned)
    assert backlog.bytes == 0


@given(st.lists(st.integers(0, 3), min_size=1, max_size=400), st.integers(2, 20))
def test_readings_lose_fidelity_and_never_a_whole_point_while_there_is_room_for_one_each(points: list[int], room: int) -> None:
    lane = Thinning(READING_SIZE * max(room, 4), size_of_batch, halve_batch, lambda batch: len(batch.readings))
    dropped = sum(lane.add(one(str(point), n)) for n, point in enumerate(points))
    left = [reading for _ in range(len(lane)) for reading in lane.take().readings]
    assert len(left) + dropped == len(points)
    assert [reading.t for reading in left] == sorted(reading.t for reading in left)
    assert {reading.point.point for reading in left} == {str(point) for point in points}
    assert lane.bytes == 0


def test_the_oldest_readings_are_thinned_first_and_to_every_second() -> None:
    lane = Thinning(READING_SIZE * 8, size_of_batch, halve_batch, lambda batch: len(batch.readings))
    for n in range(10):
        lane.add(one("p", n))
    assert [lane.take().readings[0].value for _ in range(len(lane))] == [0, 2, 4, 5, 6, 7, 8, 9]


def test_what_still_waits_after_a_part_was_taken_is_as_urgent_as_before() -> None:
    backlog = Backlog(SMALL)
    for sequence in (1, 2, 3):
        backlog.put(waiting(sequence, RecordClass.ALARM))
    assert len(backlog.take(2)) == 2
    assert backlog.urgent
    assert len(backlog.take(2)) == 1
    assert not backlog.urgent


def test_records_that_belong_together_are_taken_together() -> None:
    backlog = Backlog(SMALL)
    for sequence in range(1, 8):
        backlog.put(replace(waiting(sequence, RecordClass.ALARM), more=sequence in (2, 3, 4)))
    assert [len(backlog.take(2)) for _ in range(3)] == [5, 2, 0]


def test_in_a_full_memory_alarms_that_the_broker_has_make_room_and_others_never() -> None:
    backlog = Backlog(SMALL)
    size = waiting(1, RecordClass.ALARM).size
    room = SMALL.memory_pinned // size
    for sequence in range(1, room + 1):
        backlog.put(waiting(sequence, RecordClass.COMMAND if sequence == 1 else RecordClass.ALARM))
    backlog.delivered.update(sequence << 4 for sequence in (1, 2, 5))
    for sequence in range(room + 1, room + 4):
        backlog.put(waiting(sequence, RecordClass.ALARM))
    left = [each.record.stamp.sequence for each in backlog.take(1000)]
    assert left == [sequence for sequence in range(1, room + 3) if sequence not in (2, 5)], "the newest is refused when nobody has the rest"
    assert backlog.evicted == [2 << 4, 5 << 4]
    assert backlog.delivered == {1 << 4}
    assert backlog.dropped[RecordClass.ALARM] == 3
    assert backlog.bytes == 0


def test_a_flood_of_readings_pushes_out_no_event_and_one_of_events_no_alarm() -> None:
    backlog = Backlog(SMALL)
    backlog.put(waiting(1, RecordClass.ALARM))
    backlog.put(waiting(2, RecordClass.EVENT))
    for sequence in range(3, 1000):
        backlog.put(waiting(sequence, RecordClass.READING, f"topic{sequence % 7}"))
    first, second = backlog.take(2)
    assert (first.record.record_class, second.record.record_class) == (RecordClass.ALARM, RecordClass.EVENT)
    assert backlog.dropped.keys() == {RecordClass.READING}
