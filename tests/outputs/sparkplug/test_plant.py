from __future__ import annotations

import importlib
import pkgutil

import pytest

import drivers
from stationd.board import Board
from stationd.core.model import GOOD, PointId, Quality, Reading, Value
from stationd.device import Device
from stationd.driver import INPUT_OUTPUT, Coil, Driver, Holding, Missing, Point, Sampled
from stationd.outputs.clock import Clock
from stationd.outputs.document import Mode
from stationd.outputs.sparkplug.catalogue import Sample, Trust, fitted
from stationd.outputs.sparkplug.payload import DataType
from stationd.outputs.sparkplug.plant import PlantView, catalogue, datatype, sample
from stationd.tap import tap_driver
from stationd.wire import modbus, registers, text
from tests.outputs.plant import BAD, LIVE, SIMULATED, STALE, UNCERTAIN, at, board, driver, show

CLOCK = Clock(1_772_366_400.0, 500.0)
NOW_MS = 1_772_366_400_000
CURRENT = PointId("pfe-a", "output_current")


def every_driver() -> list[Driver]:
    modules = [importlib.import_module(f"drivers.{found.name}") for found in pkgutil.iter_modules(drivers.__path__)]
    shipped = {id(item): item for module in modules for item in vars(module).values() if isinstance(item, Driver)}
    return [*shipped.values(), tap_driver(1.0)]


def test_group_node_devices_and_metrics_have_the_names_of_the_station() -> None:
    found = catalogue(LIVE, board())
    assert (found.group, found.node, list(found.devices)) == ("caspian", "aktau", ["pfe-a", "fp1-booster", "meter"])
    names = [kind.point.point for kind in found.devices["pfe-a"]]
    assert names == ["output_current", "output_voltage", "output_on", "regulation"]  # the contact that the unit lacks is never sent
    assert found.devices["pfe-a"][0].unit == "mA"


def test_a_station_with_names_that_hosts_would_confuse_is_refused() -> None:
    twin = Device("PFE-A", driver(INPUT_OUTPUT, at(0, "inlet")), modbus.Tcp())
    with pytest.raises(ValueError, match="only by case"):
        catalogue(LIVE, board((twin,)))


def test_what_can_only_be_written_is_not_announced() -> None:
    writes = Device("x", driver(INPUT_OUTPUT, Point("reset", Coil(0), access="w"), at(0, "inlet")), modbus.Tcp())
    found = catalogue(LIVE, Board((writes,), 0.0))
    assert [kind.point.point for kind in found.devices["x"]] == ["inlet"]


@pytest.mark.parametrize(
    ("point", "expected"),
    [
        (Point("x", Holding(0), registers.U16), DataType.DOUBLE),
        (Point("x", Coil(0)), DataType.BOOLEAN),
        (Point("x", Holding(0), registers.U16, mask=1), DataType.BOOLEAN),
        (Point("x", Holding(0), registers.chars(8)), DataType.STRING),
        (Point("x", Holding(0), text.Field("(.*)", text.As.TEXT)), DataType.STRING),
        (Point("x", Holding(0), text.Field("(.*)", text.As.HEX)), DataType.DOUBLE),
        (Point("x", Holding(0), registers.U16, values={0: "off", 1: "cc"}), DataType.STRING),
        (Point("x", Holding(0), registers.U16, mask=3, values={0: False, 1: True}), DataType.BOOLEAN),
        (Point("x", Holding(0), registers.U16, values={0: 10, 1: 20}), DataType.INT64),
        (Point("x", Holding(0), registers.U16, values={0: 10, 1: 2.5}), DataType.DOUBLE),
        (Point("x", Sampled(), unit="dBm"), DataType.DOUBLE),
        (Point("x", Sampled()), DataType.BOOLEAN),
    ],
)
def test_the_type_of_a_metric_is_that_of_every_value_of_its_point(point: Point, expected: DataType) -> None:
    assert datatype(point) is expected


@pytest.mark.parametrize("shipped", every_driver(), ids=lambda shipped: shipped.model)
def test_every_word_of_every_driver_fits_the_type_of_its_metric(shipped: Driver) -> None:
    for point in shipped.points:
        if isinstance(point.at, Missing):
            continue
        for word in (point.values or {}).values():
            assert _as_published(point, word) == word


def _as_published(point: Point, value: Value) -> Value | None:
    found = catalogue(LIVE, Board((Device("x", driver(INPUT_OUTPUT, point), modbus.Tcp()),), 0.0))
    (kind,) = found.devices["x"]
    return fitted(Sample(value, Trust.GOOD, 0), kind).value


@pytest.mark.parametrize(
    ("quality", "expected"),
    [
        (GOOD, Sample(5.0, Trust.GOOD, NOW_MS - 2000)),
        (UNCERTAIN, Sample(5.0, Trust.BAD, NOW_MS - 2000, "uncertain out-of-range")),
        (STALE, Sample(None, Trust.STALE, NOW_MS, "stale timeout", NOW_MS - 2000)),
        (BAD, Sample(None, Trust.BAD, NOW_MS - 2000, "bad device-failure")),
    ],
)
def test_a_reading_has_the_time_of_its_exchange_and_an_old_value_is_never_there(quality: Quality, expected: Sample) -> None:
    assert sample(Reading(CURRENT, 5.0, quality, 498.0), Mode.LIVE, CLOCK) == expected


def test_on_a_station_that_is_not_live_a_good_value_says_that_it_is_simulated() -> None:
    assert sample(Reading(CURRENT, 5.0, GOOD, 498.0), Mode.SIM, CLOCK).why == "sim"


def test_the_view_gives_everything_once_and_then_what_changed() -> None:
    target = board()
    view = PlantView(SIMULATED, target, "1.2")
    own = {point.point: known.value for point, known in view.everything(CLOCK).items() if not point.device}
    assert own == {
        "Properties/Title": "Aktau",
        "Properties/Operator": "Kazakhtelecom",
        "Properties/Mode": "sim",
        "Properties/Version": "1.2",
    }
    assert not view.answering("pfe-a")
    show(target, "pfe-a.output_current", 1.0, t=499.0)
    assert view.answering("pfe-a")
    assert {point: known.value for point, known in view.changed(CLOCK).items()} == {CURRENT: 1.0}
    assert view.changed(CLOCK) == {}
    show(target, "pfe-a.output_current", 1.0, t=499.0, quality=STALE)
    assert not view.answering("pfe-a")
    view.close()
