"""The newest events of the log in memory: bounded in number and size, and no place for a secret."""

from __future__ import annotations

import io
import json
import logging

import structlog

from stationd import log
from stationd.log import LONGEST_TEXT, MOST_FIELDS, Ring
from stationd.redaction import WITHHELD


def test_the_oldest_go_and_are_counted() -> None:
    ring = Ring(3)
    for number in range(5):
        ring.processor(None, "info", {"event": f"e{number}", "timestamp": "t", "level": "info"})
    assert [each.event for each in ring.events()] == ["e2", "e3", "e4"]
    assert ring.gone == 2


def test_an_event_is_bounded_whatever_is_in_it() -> None:
    ring = Ring()
    ring.processor(None, "info", {"event": "x" * 100_000, **{f"f{n}": ["y" * 10_000] for n in range(100)}})
    event = ring.events()[0]
    assert len(event.event) == LONGEST_TEXT
    assert len(event.fields) <= MOST_FIELDS
    assert all(len(str(each)) <= LONGEST_TEXT for each in event.fields.values())


def test_what_looks_like_a_secret_is_withheld_and_the_line_itself_is_not_changed() -> None:
    ring = Ring()
    said = {"event": "login at mqtt://me:hunter2@broker:8883", "password": "hunter2", "api_token": "hunter2", "key": "pfe-a/PFE-TRIP"}
    assert ring.processor(None, "info", dict(said)) == said
    event = ring.events()[0]
    assert "hunter2" not in repr(event)
    assert event.fields == {"password": WITHHELD, "api_token": WITHHELD, "key": "pfe-a/PFE-TRIP"}


def test_events_and_warnings_of_libraries_come_to_the_ring_and_to_the_stream() -> None:
    ring, stream = Ring(), io.StringIO()
    try:
        log.set_up(stream, ring)
        structlog.get_logger().warning("port cannot be opened", bus="pfe", cause="gone")
        logging.getLogger("some.library").warning("odd: %s", "thing")
    finally:
        structlog.reset_defaults()
        logging.getLogger().handlers[:] = [each for each in logging.getLogger().handlers if type(each).__module__ != log.__name__]
    assert json.loads(stream.getvalue().splitlines()[0])["bus"] == "pfe"
    first, second = ring.events()
    assert (first.level, first.event, first.fields) == ("warning", "port cannot be opened", {"bus": "pfe", "cause": "gone"})
    assert (second.level, second.event, second.fields) == ("warning", "odd: thing", {"library": "some.library"})


def test_whatever_kept_events_back_before_the_log_is_set_up_whole() -> None:
    ring, stream = Ring(), io.StringIO()
    try:
        structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
        log.set_up(stream, ring)
        structlog.get_logger().info("station starts")
    finally:
        structlog.reset_defaults()
        logging.getLogger().handlers[:] = [each for each in logging.getLogger().handlers if type(each).__module__ != log.__name__]
    assert [each.event for each in ring.events()] == ["station starts"]
    assert "station starts" in stream.getvalue()
