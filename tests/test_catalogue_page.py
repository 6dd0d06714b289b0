"""The pages of `stationd drivers`: complete, readable on a console of 80 columns, addresses in both styles."""

from __future__ import annotations

import pytest

from drivers import CATALOG
from stationd.catalogue_page import COLUMNS, catalogue, document_address, driver_page
from stationd.driver import INPUT_OUTPUT, Coil, Discrete, Driver, Holding, Input, Missing, Point, Protocol, Query, Register
from stationd.wire.registers import U16
from stationd.wire.text import As, Dialect, Field

LONG = Driver(
    "a-model-with-a-name-of-32-letters",
    INPUT_OUTPUT,
    (Protocol.TEXT,),
    (
        Point("a_point_with_a_name_of_forty_characters_", Query("X?"), Field("(.*)", As.TEXT), "V", doc="Short"),
        Point("p", Query("A:COMMAND:OF:MANY:WORDS:THAT:IS:LONGER:THAN:ITS:COLUMN?"), Field("(.*)"), "ohm", doc="Long command"),
        Point("q", Missing("for a reason that takes more than one line to tell, because it has many words " * 2)),
    ),
    "a manual " * 20,
    dialects={"plain": Dialect(b"\0", b"\r\n", done="")},
)
every = pytest.mark.parametrize("driver", [*CATALOG.values(), LONG], ids=lambda driver: driver.model)


def fits(page: str) -> bool:
    return page.isascii() and all(len(line) <= COLUMNS and (line.isprintable() or not line) for line in page.splitlines())


def test_the_list_names_every_model_with_its_kind_protocols_and_manual() -> None:
    page = catalogue(CATALOG)
    assert fits(page)
    assert fits(catalogue({LONG.model: LONG}))
    lines = {line.split()[0]: line for line in page.splitlines() if line and not line.startswith(" ")}
    for model, driver in CATALOG.items():
        assert driver.kind.name in lines[model]
        assert all(protocol.value in lines[model] for protocol in driver.protocols)
        assert driver.manual.split()[0] in lines[model]


@every
def test_a_page_fits_the_console_and_leaves_no_point_out(driver: Driver) -> None:
    page = driver_page(driver)
    assert fits(page)
    shown = {line.split()[0] for line in page.splitlines() if line and not line.startswith(" ")}
    assert {point.name for point in driver.points} <= shown
    words = " ".join(page.split())
    for point in driver.points:
        doc = point.at.why if isinstance(point.at, Missing) else f"{point.doc}."
        assert " ".join(doc.split()) in words
    assert " ".join(driver.manual.split()) in words


def test_a_register_is_shown_as_the_wire_and_as_the_documents_count_it() -> None:
    page = driver_page(CATALOG["ea-ps10000"])
    assert "holding 507 / 40508" in page
    assert "written to coil 405 / 00406" in " ".join(page.split())
    assert "raw 52428 = 100 % of current_ma" in " ".join(page.split())


@pytest.mark.parametrize(
    ("place", "document"),
    [
        (Coil(0), "00001"),
        (Discrete(7), "10008"),
        (Input(0), "30001"),
        (Holding(507), "40508"),
        (Holding(9998), "49999"),
        (Holding(9999), "410000"),
        (Holding(65535), "465536"),
    ],
)
def test_documents_count_from_one_and_use_six_digits_above_9999(place: Register, document: str) -> None:
    assert document_address(place) == document


def test_a_page_says_what_a_configuration_must_and_what_the_line_needs() -> None:
    words = " ".join(driver_page(CATALOG["tdk-genesys"]).split())
    assert "current_ma: the configuration must say it" in words
    assert "Addresses 0 to 30" in words
    assert "plain (default): lines end CR" in words
    assert "check sum dollar-hex" in words
    assert "unit chosen by ADR {unit}" in words
    assert "OUT?" in words


def test_a_point_says_its_limits_and_how_it_is_written() -> None:
    point = Point("p", Holding(1), U16, "mA", 0.1, limits=(3.6, 21.0), access="rw", tolerance=0.5, doc="Loop")
    driver = Driver("m", INPUT_OUTPUT, (Protocol.MODBUS_RTU,), (point,), "none", addresses=(1, 247))
    page = driver_page(driver)
    assert "p                         holding 1 / 40002           mA      rw           1 s" in page
    assert "Loop. u16; times 0.1; limits 3.6 to 21 mA; agrees within 0.5 mA." in page
