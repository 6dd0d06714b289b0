"""Bench safety: nothing begins on a bench that is not as it must be, and on any way out the voltage goes off, also by kill -9."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from hil.acts import Hands, RigFailed
from hil.rigfile import Act, Safety, Way
from hil.safety import Guard, act_document, act_of
from tests.hil.relays import RelayBox

ROOT = Path(__file__).resolve().parents[2]
CONTACTOR, LOOP = 0, 7
PATIENCE_S = 30.0


class Instrument:
    """A supply or a meter: a line for each question, as SCPI over TCP has it."""

    def __init__(self, value: str) -> None:
        self.value = value
        self._listener = socket.create_server(("127.0.0.1", 0))
        threading.Thread(target=self._serve, daemon=True).start()

    @property
    def address(self) -> str:
        return f"tcp://127.0.0.1:{self._listener.getsockname()[1]}"

    def close(self) -> None:
        self._listener.close()

    def _serve(self) -> None:
        while True:
            try:
                link, _ = self._listener.accept()
            except OSError:
                return
            with link:
                link.recv(1000)
                link.sendall(self.value.encode() + b"\n")


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


def safety_of(relays: RelayBox, supply: Instrument) -> Safety:
    limit = Act(Way.SCPI, supply.address, "SOUR:VOLT:PROT?")
    loop = Act(Way.MODBUS_COIL, relays.address, outputs={"loop": LOOP})
    off = Act(Way.MODBUS_COIL, relays.address, outputs={"contactor": CONTACTOR})
    return Safety(800.0, 1000.0, "RL-1", loop, off, limit, limit)


def guard_of(relays: RelayBox, supply: Instrument, failed: list[str], meters: dict[str, Act] | None = None) -> Guard:
    return Guard(safety_of(relays, supply), Hands(), meters or {}, "", failed.append)


def test_a_supply_that_could_do_more_than_the_rig_may_is_refused(relays: RelayBox, supply: Instrument) -> None:
    supply.value = "900.0 V"
    with pytest.raises(RigFailed, match=r"the supply would go to 900 V, the rig's ceiling is 800 V"):
        guard_of(relays, supply, []).arm()


def test_an_open_loop_is_refused(relays: RelayBox, supply: Instrument) -> None:
    relays.inputs[LOOP] = False
    with pytest.raises(RigFailed, match="interlock loop of the bench is open"):
        guard_of(relays, supply, []).arm()


def test_an_instrument_that_does_not_answer_is_a_failed_rig(relays: RelayBox, supply: Instrument) -> None:
    supply.value = "fault"
    with pytest.raises(RigFailed, match="limit of voltage in the supply"):
        guard_of(relays, supply, []).arm()


def test_at_the_end_the_voltage_is_off(relays: RelayBox, supply: Instrument) -> None:
    guard = guard_of(relays, supply, [])
    guard.arm()
    assert relays.orders == []
    guard.off()
    guard.off()
    assert set(relays.orders) == {(CONTACTOR, False)}


def test_a_loop_that_opens_switches_off_and_says_why(relays: RelayBox, supply: Instrument) -> None:
    failed = list[str]()
    guard = guard_of(relays, supply, failed)
    guard.arm()
    relays.inputs[LOOP] = False
    assert relays.wait_off(CONTACTOR)
    guard.off()
    assert failed == ["the interlock loop of the bench is open"]


def test_more_than_the_ceiling_on_a_meter_switches_off(relays: RelayBox, supply: Instrument) -> None:
    meter, failed = Instrument("0.5"), list[str]()
    guard = guard_of(relays, supply, failed, {"a.current_ma": Act(Way.SCPI, meter.address, "READ?", scale=1000.0)})
    guard.arm()
    meter.value = "1.2"
    assert relays.wait_off(CONTACTOR)
    guard.off()
    assert "a.current_ma: 1200 mA measured, the rig's ceiling is 1000 mA" in failed[0]
    meter.close()


RUN = """
import json, sys, time
from hil.acts import Hands
from hil.rigfile import Safety
from hil.safety import Guard, act_of
acts = [act_of(each) for each in json.loads(sys.argv[1])]
guard = Guard(Safety(800.0, 1000.0, "RL-1", *acts), Hands(), {}, "", print)
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
    acts = [safety.interlock, safety.off, safety.supply_voltage, safety.supply_current]
    documents = json.dumps([act_document(each) for each in acts if each is not None])
    words = [sys.executable, "-c", RUN.replace("{ending}", ending), documents]
    with subprocess.Popen(words, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as run:
        assert run.stdout is not None
        assert run.stdout.readline() == "armed\n"
        if number is not None:
            assert relays.orders == []
            run.send_signal(number)
        assert relays.wait_off(CONTACTOR, PATIENCE_S)
        run.wait(PATIENCE_S)


def test_an_act_is_the_same_in_the_other_process() -> None:
    act = Act(Way.MODBUS_COIL, "tcp://h:502", "c", outputs={"a": 1})
    assert act_of(json.loads(json.dumps(act_document(act)))) == act
