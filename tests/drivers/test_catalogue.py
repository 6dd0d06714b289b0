"""Every driver of the catalogue: what its kind promises is there, every row can be asked, and what is written is read back."""

from __future__ import annotations

import ast
import math
import re
from pathlib import Path

import pytest

import drivers
from drivers import CATALOG
from stationd.device import Device, codec_for
from stationd.driver import KINDS, Driver, Missing, Point, Protocol, Register
from stationd.driverfile.rowcheck import Shape, shape
from stationd.driverfile.tablecheck import faults
from stationd.wire import modbus
from stationd.wire.text import Field, place

FILES = sorted(path for path in Path(drivers.__file__).parent.glob("*.py") if path.stem != "__init__")
each = pytest.mark.parametrize("driver", CATALOG.values(), ids=list(CATALOG))
POWER_FEEDS = [one for one in CATALOG.values() if one.kind.name == "pfe"]


def devices(driver: Driver) -> list[Device]:
    ratings = {name: rating or 1000.0 for name, rating in driver.ratings.items()}
    dialects = list(driver.dialects) or [None]
    codecs = [codec_for(protocol, driver, dialect) for protocol in driver.protocols for dialect in dialects]
    return [Device("d", driver, codec, unit, ratings=ratings) for codec in codecs for unit in {*driver.addresses}]


def test_a_driver_is_found_by_its_own_name() -> None:
    assert all(model == driver.model for model, driver in CATALOG.items())


@each
def test_the_table_has_no_fault(driver: Driver) -> None:
    assert faults(driver) == []


@each
def test_what_the_kind_promises_is_there_in_its_unit_or_missing_for_a_reason(driver: Driver) -> None:
    assert driver.kind in KINDS
    for name, unit in driver.kind.required.items():
        point = driver.point(name)
        assert point is not None, f"{name} is promised"
        assert isinstance(point.at, Missing) or point.unit == unit
    for name, unit in driver.kind.optional.items():
        point = driver.point(name)
        assert point is None or isinstance(point.at, Missing) or point.unit == unit
    assert all(point.at.why for point in driver.points if isinstance(point.at, Missing))


@pytest.mark.parametrize("driver", POWER_FEEDS, ids=lambda driver: driver.model)
def test_a_power_feed_can_be_set_and_switched_and_tells_in_one_second_whether_it_feeds(driver: Driver) -> None:
    for name in ("output_current", "output_voltage", "output_on", "current_setpoint"):
        point = driver.point(name)
        assert point is not None
        assert point.every_s <= 1.0
    assert {point.name for point in driver.points if "w" in point.access} >= {"current_setpoint", "voltage_setpoint", "output_on"}
    assert all(driver.ratings[name] is None for name in ("voltage_v", "current_ma")), "a rating is never guessed"


@each
def test_names_units_and_words_can_stand_in_metrics_and_topics(driver: Driver) -> None:
    names = [point.name for point in driver.points]
    assert len({name.lower() for name in names}) == len(names)
    for point in driver.points:
        assert re.fullmatch(r"[a-z][a-z0-9_]*", point.name)
        assert point.doc.isascii() and (point.doc or isinstance(point.at, Missing))  # noqa: PT018
        assert point.unit.isascii()


@each
def test_a_pattern_takes_one_value(driver: Driver) -> None:
    for point in driver.points:
        if isinstance(point.fmt, Field):
            assert re.compile(place(point.fmt.pattern, 1)).groups == 1, point.name


@each
def test_what_can_be_written_is_read_back_by_a_point_that_exists(driver: Driver) -> None:
    for point in driver.points:
        assert point.access in ("r", "rw")
        shown = driver.point(point.read_back or point.name)
        assert shown is not None
        assert "w" not in point.access or (not isinstance(shown.at, Missing) and shown.unit == point.unit), point.name


@each
def test_every_block_of_the_plan_can_be_asked_and_is_no_longer_than_the_unit_allows(driver: Driver) -> None:
    for device in devices(driver):
        blocks = device.plan()
        for block in blocks:
            question = block.exchange.question
            assert device.codec.encode(question, 1)
            if isinstance(question, modbus.Read):
                assert question.count <= driver.max_block
        read = [point.name for block in blocks for point in block.points]
        assert sorted(read) == sorted(point.name for point in driver.points if not isinstance(point.at, Missing))


@each
def test_numbers_have_finite_scales_and_limits_in_order(driver: Driver) -> None:
    for point in driver.points:
        assert point.scale != 0
        assert math.isfinite(point.scale)
        for device in devices(driver):
            limits = device.limits(point)
            assert limits is None or limits[0] < limits[1], point.name


def is_vague(point: Point) -> bool:
    return shape(point) is None and not isinstance(point.at, Missing)


@each
def test_every_point_shows_one_kind_of_value(driver: Driver) -> None:
    assert [point.name for point in driver.points if is_vague(point)] == []
    truths = [point for point in driver.points if point.name in ("output_on", "remote", "fault", "interlock", "pump_on", "los")]
    assert all(isinstance(point.at, Missing) or shape(point) is Shape.TRUTH for point in truths)


@each
def test_a_text_driver_has_a_dialect_and_a_modbus_driver_has_addresses(driver: Driver) -> None:
    assert (Protocol.TEXT in driver.protocols) == bool(driver.dialects)
    if any(isinstance(point.at, Register) for point in driver.points):
        assert driver.addresses[1] > driver.addresses[0]


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_driver_is_a_table_and_at_most_two_functions(path: Path) -> None:
    source = path.read_text()
    functions = [node.name for node in ast.walk(ast.parse(source)) if isinstance(node, ast.FunctionDef)]
    assert len(functions) <= 2, functions
    assert len(source.splitlines()) <= 200
