"""What stands in files that people write: the station file and driver files.

Promised: every text is a configuration, or at least one mistake that can be printed on one line; a configuration that was accepted can
be lived with: its alarms are planned, a desk is made of them, it can be shown. A driver that was accepted can be asked, and whatever its
unit answers makes readings or is refused.
"""

from __future__ import annotations

from drivers import CATALOG
from stationd.config import alarm_plan, check
from stationd.config.effective import effective
from stationd.core.alarm.desk import Alarms
from stationd.device import Device, codec_for
from stationd.driver import Driver, Protocol
from stationd.driverfile import parse
from stationd.problem import Problem
from stationd.wire.exchange import Answer, FrameError
from tests.fuzz.target import ROOT, Target, holds
from tests.fuzz.wire_targets import check_readings

NUMBER = 7
REPLIES = (b"1.0\r", b"OK\r\n", b"\x68\0\x03\x68\x01\0\x07\x08\x16", bytes(64), b"+1.5E+03,0,0,0\r\n")


def station_file(data: bytes) -> None:
    """Feed the bytes as the file of a station."""
    text = data.decode("utf-8", "replace")
    config, problems = check(text, CATALOG)
    holds((config is None) == bool(problems), f"{config!r} with {problems}")
    _check_problems(problems)
    if config is None:
        return
    plan = alarm_plan(config, CATALOG)
    Alarms(plan, 0.0).deadline()
    shown = effective(config)
    holds(shown.below("station"), "what is in force cannot be shown")


def driver_file(data: bytes) -> None:
    """Feed the bytes as a driver file, and let a unit of it answer."""
    driver, problems = parse(data.decode("utf-8", "replace"), "acme.toml", {"taken"})
    holds((driver is None) == bool(problems), f"{driver!r} with {problems}")
    _check_problems(problems)
    if driver is not None:
        for protocol in driver.protocols:
            _answered(driver, protocol)


def _answered(driver: Driver, protocol: Protocol) -> None:
    ratings = {name: 1000.0 if rating is None else rating for name, rating in driver.ratings.items()}
    device = Device("unit", driver, codec_for(protocol, driver), max(1, driver.addresses[0]), 1, ratings)
    for block in device.plan():
        try:
            device.codec.encode(block.exchange.question, NUMBER)
        except FrameError as error:
            raise AssertionError(f"a driver was accepted that cannot ask: {error}") from error
        for reply in REPLIES:
            found = device.codec.find(block.exchange.question, NUMBER, reply)
            if found is not None and isinstance(found.outcome, Answer):
                check_readings(block, device.decode(block, found.outcome.body, 1.0))


def _check_problems(problems: tuple[Problem, ...]) -> None:
    for problem in problems:
        line = problem.render()
        holds(line.isprintable(), f"a mistake is told on a line that cannot be printed: {line!r}")
        holds(len(line) <= MOST_CHARACTERS, f"a mistake is told in {len(line)} characters: {line[:200]}")


MOST_CHARACTERS = 2000
TOML_WORDS = tuple(
    word.encode()
    for word in '[[ ]] [ ] = " """ \' # , . { } true false inf nan 1979-05-27T07:32:00Z 0x7fffffffffffffffff 1e308 [station] [bus.a] '
    '[device.x] [[alarm]] [[suppression]] [pfe.pfe-a] [control] [mqtt] [http] [sampler] [far_station] [line] [light] [interlock.x] '
    'name= port= protocol= driver= bus= role= fibre_pair= unit= when= above= below= \\u0000 \\n'.split()
)
DRIVER_WORDS = tuple(
    word.encode()
    for word in '[[point]] [dialect] at= format= unit= scale= offset= bits= bit= mask= values= limits= pattern= access="rw" put= '
    '"holding:10" "input:65535" "coil:0" "f32 cdab" "char 40" "{channel}" "{value:.2f}" (a+)+$ [[ ]] = " { } [ ] 1e308 nan -1'.split()
)
STATIONS = tuple(ROOT / "systemd" / "stations" / f"{name}.toml" for name in ("aktau", "siyazan"))
CASES = tuple(sorted((ROOT / "tests" / "config_cases").glob("*.toml")))
TARGETS = (
    Target("station-file", station_file, TOML_WORDS, tuple(path for path in (*STATIONS, *CASES) if path.exists()), cost=60),
    Target("driver-file", driver_file, DRIVER_WORDS, cost=8),
)
