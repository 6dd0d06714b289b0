"""What a reload changes, from two station files: every part that differs is named once, and what cannot change says so."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest

from drivers import CATALOG
from stationd.config import check
from stationd.config.changes import Changes, Loading, changes
from stationd.driver import Driver

AKTAU = (Path(__file__).parent.parent / "systemd" / "stations" / "aktau.toml").read_text()
NEW = '\n[bus.spare]\nport = "tcp://10.20.0.9:502"\nprotocol = "modbus-tcp"\n[device.spare]\ndriver = "modbus-io"\nbus = "spare"\n'
SPARE = frozenset({"spare"})
LOUD = '\n[[alarm]]\ntype = "ROOM-TEMPERATURE"\npoint = "pfe-a.output_voltage"\nabove = 700.0\n'


def loading(text: str, drivers: dict[str, Driver] | None = None) -> Loading:
    catalogue = drivers or dict(CATALOG)
    config, problems = check(text, catalogue)
    assert config is not None, problems
    return Loading(config, catalogue)


def changed(old: str, new: str) -> str:
    """Return the file with one thing replaced; it must be there."""
    assert old in AKTAU, old
    return AKTAU.replace(old, new, 1)


def compared(text: str, before: str = AKTAU) -> Changes:
    return changes(loading(before), loading(text))


def test_other_words_comments_and_defaults_that_are_written_out_are_no_change() -> None:
    assert compared(AKTAU) == Changes()
    assert compared("# words\n" + AKTAU.replace("\n", " # more\n", 1)) == Changes()
    assert compared(re.sub(r"(\[bus\.[\w-]+\]\n)", r"\1connect_timeout_s = 3.0\n", AKTAU, count=1)) == Changes()


def test_a_unit_that_comes_is_news_of_its_line_and_of_nothing_else() -> None:
    came, gone = compared(AKTAU + NEW), compared(AKTAU, AKTAU + NEW)
    assert came.parts == gone.parts == ("bus.spare", "device.spare")
    assert (came.ports, came.lines, came.devices) == (SPARE, SPARE, SPARE)
    assert (gone.ports, gone.lines, gone.devices) == (SPARE, frozenset(), SPARE)


def test_a_second_unit_on_a_line_leaves_its_port_open() -> None:
    both = AKTAU + NEW + '[device.second]\ndriver = "modbus-io"\nbus = "spare"\naddress = 2\n'
    found = compared(both, AKTAU + NEW)
    assert found == Changes(("device.second",), lines=SPARE, devices=frozenset({"second"}))


def test_another_port_is_no_other_unit() -> None:
    found = compared(AKTAU + NEW.replace("10.20.0.9", "10.20.0.10"), AKTAU + NEW)
    assert found == Changes(("bus.spare",), ports=SPARE, lines=SPARE)


def test_a_driver_that_reads_otherwise_makes_another_unit_of_each_that_it_reads() -> None:
    other = dict(CATALOG)
    other["modbus-io"] = replace(other["modbus-io"], late_s=2.0)
    found = changes(loading(AKTAU + NEW), loading(AKTAU + NEW, other))
    assert "device.spare" in found.parts
    assert "spare" in found.devices & found.lines
    assert found.ports == frozenset()


def test_alarms_and_limits_concern_no_port_and_no_unit() -> None:
    found = compared(AKTAU + LOUD)
    assert found == Changes(("alarm",))
    assert found.concern("alarm")
    assert not found.concern("device", "bus")


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('name = "aktau"', 'name = "aqtau"', "[station] name is aktau and aqtau in the file"),
        ('title = "Aktau"', 'title = "Aqtau"', "[station] title is Aktau and Aqtau in the file"),
        ("length_km = 341.0", "length_km = 340.0", "[line] is another in the file"),
        ("[station]", "[station]\nread_only = false", "[station] read_only is true and false in the file"),
        ("[station]", '[station]\nstate = "/srv/stationd"', "[station] state is /var/lib/stationd and /srv/stationd in the file"),
    ],
)
def test_what_needs_a_restart_says_what_was_and_what_would_be(old: str, new: str, said: str) -> None:
    base = re.sub(r"^(read_only|state) = .*\n", "", AKTAU, flags=re.MULTILINE)
    (sentence,) = compared(base.replace(old, new, 1), base).fixed
    assert sentence.startswith(said)
    assert sentence.endswith("needs a restart")


def test_a_station_may_cease_to_write_without_a_restart() -> None:
    base = re.sub(r"^read_only = .*\n", "", AKTAU, flags=re.MULTILINE)
    found = compared(base, base.replace("[station]", "[station]\nread_only = false", 1))
    assert found.fixed == ()
    assert found.parts == ("station.read_only",)


SMALL = '[station]\nname = "aktau"\n'
MQTT, CONTROL = '[mqtt]\nurl = "mqtts://broker.example:8883"\n', '[control]\nsocket = "/run/stationd/io.stationd"\n'


def test_a_section_that_cannot_come_or_go_says_so() -> None:
    gone = "[mqtt] is missing in the file: the outbox of messages is there from the start or not at all, that needs a restart"
    assert compared(SMALL, SMALL + MQTT).fixed == (gone,)
    assert compared(SMALL + MQTT, SMALL).fixed == (gone.replace("missing", "new"),)
    assert compared(SMALL + MQTT + "keepalive_s = 20\n", SMALL + MQTT) == Changes(parts=("mqtt",))
    (sentence,) = compared(SMALL + MQTT + "sparkplug = false\n", SMALL + MQTT).fixed
    assert sentence.startswith("[mqtt] sparkplug is true and false in the file")


def test_the_control_socket_may_come_go_and_move_and_keeps_who_is_one_person() -> None:
    assert compared(SMALL + CONTROL, SMALL) == compared(SMALL, SMALL + CONTROL) == Changes(parts=("control",))
    assert compared(SMALL + CONTROL.replace("/run/stationd/", "/run/other/"), SMALL + CONTROL) == Changes(parts=("control",))
    (sentence,) = compared(SMALL + CONTROL + 'shared_accounts = ["tech", "guest"]\n', SMALL + CONTROL).fixed
    assert sentence.startswith("[control] shared_accounts is another in the file")
