"""The light of the line as a station's converter sees it: exact through the calibration, prompt, and never without a living line."""

from __future__ import annotations

import asyncio
import errno
import time
import tomllib
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from stationd._sampler import lib
from stationd.sim.amplifier import TAP_DB, ControlMode
from stationd.sim.cable import KB_330, CableParameters, Cut, End
from stationd.sim.demo_rig import Route, demo_rig
from stationd.sim.light import NOISE_COUNTS, RATE_HZ, Light, station_lines, tap_count, tap_counts
from stationd.sim.optics import Direction, FibreBreak, RepeaterPumpLoss, Role, SpanLossStep
from stationd.sim.plant import Plant
from stationd.sim.rig import EXAMPLE, LIGHT, RigError, load_rig, parse_rig
from stationd.sim.simulation import open_rig
from tests.native.samplers import Sampler, Watch, create, source

PATIENCE_S = 20.0
PAIRS = 3


def section(address: str = "shm:/dev/shm/light", pairs: int = PAIRS) -> Any:
    return tomllib.loads("\n".join(station_lines(address, pairs)))["sampler"]


def level_dbm(count: float) -> float:
    """The calibration of the station file, by its own figures: 200 mV for ten optical dB."""
    tap = section()["calibration"]["tap"]
    assert tap["model"] == "log-amp"
    volts = tap["volts_at_zero_count"] + count * tap["volts_per_count"]
    return float(tap["intercept_dbm"] + 10 * volts / tap["volts_per_decade"] + tap["tap_db"])


def truth_dbm(plant: Plant, end: End) -> list[float]:
    """What the twin has at the inputs of one end, in their order."""
    both = []
    for pair in range(1, plant.fibre_pairs + 1):
        both += [plant.light(pair, Direction.leaving(end.other)).receive_dbm, plant.light(pair, Direction.leaving(end)).transmit_dbm]
    return both


def upset(plant: Plant) -> None:
    """Make every fibre of the plant different, none of them dark."""
    plant.apply(SpanLossStep(0, 7.5, pair=1))
    plant.apply(SpanLossStep(len(plant.fibre.spans_km) - 1, 20.0, pair=2, direction=Direction.A_TO_B))
    booster = plant.amplifier_settings(End.B, 2, Role.BOOSTER)
    plant.set_amplifier(End.B, 2, Role.BOOSTER, replace(booster, mode=ControlMode.APC, output_setpoint_dbm=12.3))
    if not plant.fibre.unrepeatered:
        plant.apply(RepeaterPumpLoss(1, pair=PAIRS))


# ---------------------------------------------------------------- the front end


@pytest.mark.parametrize("cable", [KB_330, CableParameters(341.0, (68.2, 136.4, 204.6, 272.8)), CableParameters(250.0)])
@pytest.mark.parametrize("change", [lambda plant: None, upset])
def test_the_calibration_leads_back_to_the_twin_within_a_tenth_of_a_decibel(
    cable: CableParameters, change: Callable[[Plant], None]
) -> None:
    plant = Plant(cable, PAIRS)
    change(plant)
    for end in End:
        truth = truth_dbm(plant, end)
        assert min(truth) > -32.0
        assert [level_dbm(count) for count in tap_counts(plant)[end]] == pytest.approx(truth, abs=0.1)


def test_ten_optical_decibels_are_two_hundred_millivolts() -> None:
    tap = section()["calibration"]["tap"]
    steps = [tap_count(dbm + 10) - tap_count(dbm) for dbm in (-20.0, 0.0, 10.0)]
    assert [step * tap["volts_per_count"] for step in steps] == pytest.approx([0.2] * 3, abs=2e-4)
    assert tap["tap_db"] == TAP_DB


def test_darkness_is_a_sound_count_below_every_threshold() -> None:
    low, high = section()["calibration"]["tap"]["valid_counts"]
    for dbm in (-200.0, -60.0):
        assert low + NOISE_COUNTS < tap_count(dbm) < high
        assert level_dbm(tap_count(dbm)) == pytest.approx(-48.0, abs=0.5)
    assert all(level_dbm(tap_count(-60.0)) < channel["los_dbm"] - 5 for channel in section()["channel"])


def test_the_count_rises_with_the_light_and_stays_on_the_converter() -> None:
    counts = [tap_count(dbm) for dbm in range(-80, 400)]
    assert counts == sorted(counts)
    assert (min(counts) > 0, max(counts)) == (True, 65535)


# ---------------------------------------------------------------- the station's section


def test_every_pair_has_both_taps_at_the_inputs_that_the_line_writes() -> None:
    found = section("shm:/dev/shm/x/light-a")
    assert (found["source"], found["rate_hz"]) == ("shm:/dev/shm/x/light-a", RATE_HZ)
    assert [(each["name"], each["index"], each["fibre_pair"]) for each in found["channel"]] == [
        ("fp1-rx", 0, 1), ("fp1-tx", 1, 1), ("fp2-rx", 2, 2), ("fp2-tx", 3, 2), ("fp3-rx", 4, 3), ("fp3-tx", 5, 3),
    ]  # fmt: skip
    assert all(each["los_dbm"] < each["clear_dbm"] for each in found["channel"])
    assert all(each["calibration"] in found["calibration"] for each in found["channel"])


# ---------------------------------------------------------------- the files


class Turns:
    """A loop that is turned by hand."""

    def __init__(self) -> None:
        self.calls: list[Callable[[], None]] = []

    def soon(self, call: Callable[[], None]) -> None:
        self.calls.append(call)

    def turn(self) -> int:
        calls, self.calls = self.calls, []
        for call in calls:
            call()
        return len(calls)


@pytest.fixture
def turns() -> Turns:
    return Turns()


@pytest.fixture
def plant() -> Plant:
    return Plant(fibre_pairs=PAIRS)


@pytest.fixture
def light(plant: Plant, turns: Turns, tmp_path: Path) -> Iterator[Light]:
    made = Light(plant, tmp_path, LIGHT, turns.soon)
    yield made
    made.close()


def reader(light: Light, name: str) -> Sampler:
    """A real sampler at one end; each of its windows is a scan."""
    where = light.addresses[name].removeprefix("shm:")
    return create([Watch()] * (2 * PAIRS), source("shm", where), rate_hz=50_000, window_slots=1, window_ring=4096)


def scan(sampler: Sampler) -> list[int] | int:
    """Return the counts that are there now, or the error."""
    before = sampler.statistics().read_errors
    while lib.sampler_tick(sampler.handle, time.monotonic_ns()) == 0 and sampler.statistics().read_errors == before:
        pass
    sampler.drain_all()
    seen, stats = sampler.windows[-1], sampler.statistics()
    return [level.min for level in seen.levels] if seen.record.scans else -int(stats.error)


def close_to(counts: list[int]) -> Any:
    return pytest.approx(counts, abs=NOISE_COUNTS)


def test_each_end_reads_its_own_light(plant: Plant, turns: Turns, light: Light) -> None:
    upset(plant)
    turns.turn()
    for end, name in LIGHT.items():
        assert scan(reader(light, name)) == close_to(list(tap_counts(plant)[end]))
    assert tap_counts(plant)[End.A] != tap_counts(plant)[End.B]


def test_light_that_is_lost_is_dark_at_the_next_turn_of_the_loop(plant: Plant, turns: Turns, light: Light) -> None:
    sampler, dark = reader(light, "light-b"), tap_count(-60.0)
    plant.apply(FibreBreak(120.0, pair=2, direction=Direction.A_TO_B))
    assert turns.turn() == 1
    found = scan(sampler)
    assert isinstance(found, list)
    assert found[2] == pytest.approx(dark, abs=NOISE_COUNTS)
    assert all(count > dark + 1000 for place, count in enumerate(found) if place != 2)


def test_changes_at_one_time_are_written_once(plant: Plant, turns: Turns, light: Light) -> None:
    upset(plant)
    plant.repair()
    plant.apply(Cut(100.0))
    assert turns.turn() == 1
    assert turns.turn() == 0
    plant.repair()
    assert turns.turn() == 1


def test_no_sign_of_life_is_given_with_old_light(plant: Plant, light: Light) -> None:
    sampler = reader(light, "light-a")
    plant.apply(Cut(100.0))
    light.beat()
    assert scan(sampler) == close_to(list(tap_counts(plant)[End.A]))


def test_a_line_that_has_ended_is_gone_for_its_readers(plant: Plant, turns: Turns, light: Light) -> None:
    sampler = reader(light, "light-a")
    where = Path(light.addresses["light-a"].removeprefix("shm:"))
    plant.apply(Cut(100.0))
    light.close()
    assert scan(sampler) == -errno.ENODEV
    assert not where.exists()
    turns.turn()  # what was planned before finds nothing to write
    light.close()


# ---------------------------------------------------------------- the rig


async def until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while not holds():
            await asyncio.sleep(0.001)


async def test_the_light_of_an_open_rig_is_alive_and_follows_the_plant() -> None:
    async with open_rig(load_rig(EXAMPLE)) as simulation:
        pairs = simulation.plant.fibre_pairs
        sampler = create([Watch()] * (2 * pairs), source("shm", simulation.ports["light-b"].removeprefix("shm:")), window_slots=1)
        assert scan(sampler) == close_to(list(tap_counts(simulation.plant)[End.B]))
        simulation.plant.apply(Cut(100.0))
        dark = close_to(list(tap_counts(simulation.plant)[End.B]))
        await until(lambda: scan(sampler) == dark)
        begin = time.monotonic()
        await until(lambda: time.monotonic() > begin + 1.2)  # longer than old light is believed
        assert scan(sampler) == dark


def test_a_port_cannot_have_the_name_of_a_light() -> None:
    port = {"protocol": "text"}
    device = {"port": "light-a", "driver": "fug-probus5", "ratings": {"voltage_v": 1.0, "current_ma": 1.0}}
    with pytest.raises(RigError, match=r"port\.light-a: the light of an end has this name"):
        parse_rig({"cable": {"test_set": "s1-341"}, "port": {"light-a": port}, "device": {"d": device}})


def test_the_lights_of_the_demonstration_have_names_of_their_own() -> None:
    names = [name for route in Route for name in demo_rig(route).light.values()]
    assert len(set(names)) == 4
    assert demo_rig(Route.MAIN).light == {End.A: "aktau-light", End.B: "siyazan-light"}
