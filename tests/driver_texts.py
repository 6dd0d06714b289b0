"""Texts of sound driver files, and how tests change them."""

from __future__ import annotations

HEAD = """
model = "acme-meter"
kind = "io"
protocol = "modbus"
manual = "ACME meter manual rev C, table 4"
max_block = 100
"""
INLET = """
[[point]]
name = "inlet_voltage"
at = "holding:10"
format = "u16"
scale = 0.1
unit = "V"
every_s = 1.0
access = "r"
limits = [0.0, 900.0]
doc = "Mains inlet"
"""
TALKER = """
model = "acme-talker"
kind = "pfe"
protocol = "text"
manual = "ACME talker manual, chapter 7"
late_s = 2.0
settle_s = 1.5
channels = 2
addresses = [0, 30]

[ratings]
voltage_v = 600.0
current_ma = "required"

[dialect]
terminator = "\\r"
reply_terminator = "\\r\\n"
prefix = "\\u0002"
check_sum = "dollar-hex"
done = "OK"
refusals = [{ pattern = "ERR 7", fault = "busy" }, { pattern = "ERR .*" }]
unasked = "![0-9]{2}"
select = "ADR {unit}"

[[point]]
name = "output_current"
at = "query:MC?"
format = 'MC=(\\S+)'
scale = 1000.0
unit = "mA"
rated_limits = ["current_ma", -0.05, 1.05]
doc = "Measured current"

[[point]]
name = "current_setpoint"
at = "query:PC?"
format = 'PC=(\\S+)'
scale = 1000.0
unit = "mA"
access = "rw"
put = "query:PC {value:.3f}"
read_back = "shown_setpoint"
tolerance = 2.0
rated_limits = ["current_ma", 0, 1]
doc = "Programmed current"

[[point]]
name = "shown_setpoint"
at = "query:PS?"
format = 'PS=(\\S+)'
scale = 1000.0
unit = "mA"
every_s = 60.0
doc = "What the unit shows of it"

[[point]]
name = "output_voltage"
at = "query:MV?"
format = 'MV=(\\S+)'
unit = "V"
absent = "---"
doc = "Measured voltage"

[[point]]
name = "output_on"
at = "query:OUT?"
format = '(ON|OFF)'
read_as = "text"
values = { ON = true, OFF = false }
access = "rw"
put = "query:OUT {value}"
doc = "Output"

[[point]]
name = "remote"
at = "query:STA?"
format = 'STA=([0-9A-F]{2})'
read_as = "hex"
bit = 7
doc = "Remote"

[[point]]
name = "regulation"
at = "query:STA?"
format = 'STA=([0-9A-F]{2})'
read_as = "hex"
bits = [0, 1]
values = { 0 = "off", 1 = "cv", 2 = "cc" }
doc = "What limits it"

[[point]]
name = "fault"
at = "query:STA?"
format = 'STA=([0-9A-F]{2})'
read_as = "hex"
mask = 0x1C
doc = "Any fault"

[[point]]
name = "interlock"
missing = "the unit has none"
"""


def row(**keys: str) -> str:
    """A [[point]] of these keys, as TOML."""
    return "\n[[point]]\n" + "".join(f"{key} = {value}\n" for key, value in keys.items())


def changed(source: str, old: str, new: str) -> str:
    assert source.count(old) == 1, old
    return source.replace(old, new)
