"""Bench safety: nothing begins on a bench that is not as it must be, and on any way out the voltage goes off, also by kill -9."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from hil.acts import Hands, RigFailed
from hil.lock import Latched, Rack
from hil.rigfile import Act, Safety, Supply, Way
from hil.safety import Guard
from hil.switching import Will, act_document, switched_off
from tests.hil.instruments import Instrument
from tests.hil.relays import RelayBox

ROOT = Path(__file__).resolve().parents[2]
CONTACTOR, SECOND, LOOP = 0, 1, 7
PATIENCE_S = 30.0


@pytest.fixture
def relays() -> Iterator[RelayBox]:
    box = RelayBox()
    box.inputs[LOOP] = True
    yield box
    box.close()


@pytest.fixture
def supply() -> Iterator[Instrument]:
    one = Instrument("750.0 V")
    yield one
    one.close()


@pytest.fixture
def volts() -> Iterator[Instrument]:
    """A meter of voltage; with no current flowing it shows what noise there is."""
    one = Instrument("0.02")
    yield one
    one.close()


def safety_of(relays: RelayBox, supply: Instrument) -> Safety:
    limit = Act(Way.SCPI, supply.address, "SOUR:VOLT:PROT?")
    loop = Act(Way.MODBUS_COIL, relays.address, outputs={"loop": LOOP})
    off = Act(Way.MODBUS_COIL, relays.address, outputs={"contactor": CONTACTOR, "second": SECOND})
    return Safety(800.0, 1000.0, "RL-1", loop, off, {"a": Supply(limit, limit)})


class Ended:
    """What the guard was told to tell, and that it ended the run."""

    def __init__(self) -> None:
        self.why: list[str] = []
        self.over = threading.Event()


def guard_of(
    relays: RelayBox, supply: Instrument, ended: Ended | None = None, meters: dict[str, Act] | None = None, patience_s: float = 15.0
) -> Guard:
    safety, told = safety_of(relays, supply), ended or Ended()
    assert safety.off is not None
    will = Will("rack", "f00d", safety.off, meters or {})
    return Guard(safety, Hands(), meters or {}, will, told.why.append, told.over.set, patience_s)


def volt_meter(volts: Instrument) -> dict[str, Act]:
    return {"a.voltage_v": Act(Way.SCPI, volts.address, "READ?")}


def test_a_supply_that_could_do_more_than_the_rig_may_is_refused(relays: RelayBox, supply: Instrument) -> None:
    supply.value = "900.0 V"
    with pytest.raises(RigFailed, match=r"the supply of end a would go to 900 V, the rig's ceiling is 800 V"):
        guard_of(relays, supply).arm()


def test_an_open_loop_is_refused(relays: RelayBox, supply: Instrument) -> None:
    relays.inputs[LOOP] = False
    with pytest.raises(RigFailed, match="interlock loop of the bench is open"):
        guard_of(relays, supply).arm()


def test_an_instrument_that_does_not_answer_is_a_failed_rig(relays: RelayBox, supply: Instrument) -> None:
    supply.value = "fault"
    with pytest.raises(RigFailed, match="limit of voltage in the supply"):
        guard_of(relays, supply).arm()


def test_at_the_end_the_voltage_is_off(relays: RelayBox, supply: Instrument) -> None:
    guard = guard_of(relays, supply)
    guard.arm()
    assert relays.orders == []
    guard.off()
    guard.off()
    assert relays.orders == [(CONTACTOR, False), (SECOND, False)]


def test_a_loop_that_opens_switches_off_says_why_and_ends_the_run(relays: RelayBox, supply: Instrument) -> None:
    ended = Ended()
    guard = guard_of(relays, supply, ended)
    guard.arm()
    relays.inputs[LOOP] = False
    assert relays.wait_off(CONTACTOR)
    assert ended.over.wait(PATIENCE_S)
    guard.off()
    assert ended.why == ["the interlock loop of the bench is open"]


def test_after_a_trip_it_is_switched_off_until_it_is_off(relays: RelayBox, supply: Instrument) -> None:
    ended = Ended()
    guard = guard_of(relays, supply, ended)
    guard.arm()
    relays.dead.add(CONTACTOR)
    relays.inputs[LOOP] = False
    assert ended.over.wait(PATIENCE_S)
    assert relays.coils.get(CONTACTOR) is None
    relays.dead.clear()
    assert relays.wait_off(CONTACTOR)
    guard.off()


def test_a_contactor_that_does_not_answer_keeps_no_other_on(relays: RelayBox, supply: Instrument) -> None:
    relays.dead.add(CONTACTOR)
    off = safety_of(relays, supply).off
    assert off is not None
    with pytest.raises(RigFailed, match=r"off .* is none to"):
        Hands().do(off, "off", {})
    assert relays.orders == [(SECOND, False)]


@pytest.mark.parametrize("shown", ["1.2", "-1.2", "nan"])
def test_what_is_above_the_ceiling_in_either_direction_or_no_number_switches_off(relays: RelayBox, supply: Instrument, shown: str) -> None:
    meter, ended = Instrument("0.5"), Ended()
    guard = guard_of(relays, supply, ended, {"a.current_ma": Act(Way.SCPI, meter.address, "READ?", scale=1000.0)})
    guard.arm()
    meter.value = shown
    assert relays.wait_off(CONTACTOR)
    assert ended.over.wait(PATIENCE_S)
    guard.off()
    assert re.search(r"a\.current_ma: -?1200 mA measured, the rig's ceiling is 1000 mA|which is no value", ended.why[0])
    meter.close()


def test_a_meter_that_answers_no_more_switches_off(relays: RelayBox, supply: Instrument) -> None:
    meter, ended = Instrument("0.5"), Ended()
    guard = guard_of(relays, supply, ended, {"a.current_ma": Act(Way.SCPI, meter.address, "READ?")})
    guard.arm()
    meter.value = None
    assert relays.wait_off(CONTACTOR)
    assert ended.over.wait(PATIENCE_S)
    guard.off()
    assert "meter a.current_ma" in ended.why[0]
    meter.close()


def test_a_relay_box_with_an_empty_answer_is_a_failed_rig(relays: RelayBox, supply: Instrument) -> None:
    relays.dead.add(CONTACTOR)
    with pytest.raises(RigFailed, match="is none to"):
        Hands().do(Act(Way.MODBUS_COIL, relays.address, outputs={"x": CONTACTOR}), "power", {"device": "x", "on": False})


class Broken:
    """A driver of a library that raises what it likes."""

    def cycle(self) -> None: ...

    def off(self) -> None:
        raise AttributeError("its own")


def test_whatever_a_library_raises_is_a_failed_rig() -> None:
    with pytest.raises(RigFailed, match="its own"):
        Hands(lambda name: Broken()).do(Act(Way.LABGRID, command="mains"), "off", {})


def test_voltage_that_stays_is_told_and_not_taken_for_off(relays: RelayBox, supply: Instrument, volts: Instrument, tmp_path: Path) -> None:
    safety = safety_of(relays, supply)
    assert safety.off is not None
    volts.value = "-612.0"
    with pytest.raises(RigFailed, match=r"a\.voltage_v still shows -612 V"):
        switched_off(safety.off, volt_meter(volts), Hands())
    volts.value = "0.3"
    switched_off(safety.off, volt_meter(volts), Hands())


def test_what_nothing_reads_back_does_not_count_as_off(supply: Instrument) -> None:
    with pytest.raises(RigFailed, match="no meter of voltage"):
        switched_off(Act(Way.SCPI, supply.address, "OUTP OFF"), {}, Hands())


def test_who_is_gone_without_a_word_is_outlived_by_one_that_latches_and_goes_on(
    relays: RelayBox, supply: Instrument, volts: Instrument, tmp_path: Path
) -> None:
    safety = safety_of(relays, supply)
    assert safety.off is not None
    volts.value = "612.0"
    will = Will("rack", "f00d", safety.off, volt_meter(volts), "", tmp_path)
    words = [sys.executable, "-m", "hil.deadman", will.text]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=ROOT) as deadman:
        assert deadman.stdin is not None
        assert deadman.stdout is not None
        assert deadman.stderr is not None
        assert deadman.stdout.readline() == b"ready\n"
        deadman.stdin.close()
        assert any(b"THE VOLTAGE MAY STILL BE ON" in line for line in deadman.stderr)
        volts.value = "0.1"
        assert deadman.wait(PATIENCE_S) == 0
    with pytest.raises(Latched, match=r"a\.voltage_v still shows 612 V"):
        Rack(tmp_path).check("rack")


def test_an_instrument_is_asked_by_one_thread_at_a_time(supply: Instrument) -> None:
    hands, act = Hands(), Act(Way.SCPI, supply.address, "READ?")
    threads = [threading.Thread(target=hands.ask, args=(act, "x")) for _ in range(8)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert (len(supply.heard), supply.together) == (8, 1)


RUN = """
import sys, time
from hil.acts import Hands
from hil.rigfile import Safety, Supply
from hil.safety import Guard
from hil.switching import Will, act_of
import json
interlock, limit = (act_of(each) for each in json.loads(sys.argv[1]))
will = Will.of(sys.argv[2])
guard = Guard(Safety(800.0, 1000.0, "RL-1", interlock, will.off, {"a": Supply(limit, limit)}), Hands(), {}, will, print)
guard.arm()
print("armed", flush=True)
{ending}
"""


@pytest.mark.parametrize(
    ("ending", "number"),
    [("time.sleep(600)", signal.SIGKILL), ("time.sleep(600)", signal.SIGTERM), ("sys.exit(3)", None), ("raise ValueError('broke')", None)],
    ids=["kill -9", "SIGTERM", "exit", "exception"],
)  # fmt: skip
def test_on_any_way_out_the_voltage_goes_off(relays: RelayBox, supply: Instrument, ending: str, number: signal.Signals | None) -> None:
    safety = safety_of(relays, supply)
    assert safety.interlock is not None
    assert safety.off is not None
    documents = json.dumps([act_document(each) for each in (safety.interlock, safety.supplies["a"].voltage)])
    words = [sys.executable, "-c", RUN.replace("{ending}", ending), documents, Will("rack", "f00d", safety.off).text]
    with subprocess.Popen(words, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as run:
        assert run.stdout is not None
        assert run.stdout.readline() == "armed\n"
        if number is not None:
            assert relays.orders == []
            run.send_signal(number)
        assert relays.wait_off(CONTACTOR, PATIENCE_S)
        run.wait(PATIENCE_S)


def test_what_could_not_be_switched_off_is_told_again_at_the_end(relays: RelayBox, supply: Instrument, volts: Instrument) -> None:
    guard = guard_of(relays, supply, None, volt_meter(volts), patience_s=0.3)
    guard.arm()
    volts.value = "612.0"
    for _ in range(2):
        with pytest.raises(RigFailed, match="still shows 612 V"):
            guard.off()
    volts.value = "0.1"
    guard.off()


def test_a_trip_ends_the_process_of_the_run(relays: RelayBox, supply: Instrument) -> None:
    safety = safety_of(relays, supply)
    assert safety.interlock is not None
    assert safety.off is not None
    documents = json.dumps([act_document(each) for each in (safety.interlock, safety.supplies["a"].voltage)])
    words = [sys.executable, "-c", RUN.replace("{ending}", "time.sleep(600)"), documents, Will("rack", "f00d", safety.off).text]
    with subprocess.Popen(words, cwd=ROOT, stdout=subprocess.PIPE, text=True) as run:
        assert run.stdout is not None
        assert run.stdout.readline() == "armed\n"
        relays.inputs[LOOP] = False
        assert run.wait(PATIENCE_S) == 128 + signal.SIGTERM
        assert "the interlock loop of the bench is open" in run.stdout.read()


def test_a_will_is_the_same_in_the_other_process(tmp_path: Path) -> None:
    off = Act(Way.MODBUS_COIL, "tcp://h:502", "c", outputs={"a": 1})
    will = Will("rack", "f00d", off, {"a.voltage_v": Act(Way.SCPI, "tcp://h:1", "READ?", scale=1000.0)}, "x.yaml", tmp_path)
    assert Will.of(will.text) == will
