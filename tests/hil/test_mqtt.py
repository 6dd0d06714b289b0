"""The ear on the broker: packets are taken apart as they come, and it hears what another program publishes."""

from __future__ import annotations

import contextlib
import shutil
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hil.broker import Broker, mosquitto
from hil.mqtt import Ear, Message, packet, take_over
from hil.mqtt import _first as first

needs_mosquitto = pytest.mark.skipif(mosquitto() is None, reason="mosquitto is not installed; to run this: apt install mosquitto")


@given(kind=st.integers(1, 14), flags=st.integers(0, 15), body=st.binary(max_size=20_000), more=st.binary(max_size=5))
def test_a_packet_is_found_whole_and_what_follows_is_kept(kind: int, flags: int, body: bytes, more: bytes) -> None:
    whole = packet(kind, flags, body)
    assert first(whole + more) == (kind << 4 | flags, body, more)


@given(body=st.binary(max_size=300), cut=st.integers(1, 300))
def test_half_a_packet_is_none(body: bytes, cut: int) -> None:
    whole = packet(3, 0, body)
    assert first(whole[: -min(cut, len(whole))]) is None


def test_what_is_no_json_has_no_document() -> None:
    assert Message(0.0, "t", b"\xff", False).document == {}
    assert Message(0.0, "t", b"[1]", False).document == {}
    assert Message(0.0, "t", b'{"a": 1}', False).document == {"a": 1}


@needs_mosquitto
def test_it_hears_what_is_published_and_hears_again_after_the_broker_was_away(tmp_path: Path) -> None:
    publish, broker = shutil.which("mosquitto_pub"), Broker(tmp_path)
    if publish is None:
        pytest.skip("mosquitto_pub is not installed; to run this: apt install mosquitto-clients")
    broker.start()
    ear = Ear(broker.port, ("x/#",)).start()
    try:
        for number in range(2):
            words = [publish, "-p", str(broker.port), "-q", "1", "-t", "x/y", "-m", f'{{"number": {number}}}']
            heard = False
            while not heard:  # the ear comes back a moment after the broker; until then nobody keeps what is published
                mark = ear.mark()
                subprocess.run(words, check=True, timeout=20)
                with contextlib.suppress(TimeoutError):
                    heard = ear.wait(mark, lambda message: True, 0.5).document == {"number": number}
            broker.kill()
            broker.start()
            take_over(broker.port, "somebody")
    finally:
        ear.close()
        broker.kill()


@needs_mosquitto
def test_with_a_password_that_nobody_has_nobody_is_let_in(tmp_path: Path) -> None:
    broker = Broker(tmp_path)
    broker.start(with_password=True)
    try:
        with pytest.raises(TimeoutError, match="confirms no subscription"):
            Ear(broker.port, ("x",)).start(0.5)
    finally:
        broker.kill()
