"""The command line, as a person types it: what it prints and with which code it ends."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
STATIONS = sorted((ROOT / "systemd" / "stations").glob("*.toml"))


def stationd(*words: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-m", "stationd", *words], capture_output=True, text=True, cwd=ROOT, timeout=60)


@pytest.mark.parametrize("path", STATIONS, ids=lambda path: path.stem)
def test_the_shipped_stations_have_no_mistakes(path: Path) -> None:
    done = stationd("check", path)
    assert (done.returncode, done.stderr) == (0, "")
    assert "no mistakes" in done.stdout


def test_check_prints_every_mistake_and_fails(tmp_path: Path) -> None:
    file = tmp_path / "station.toml"
    file.write_text('[station]\nname = "Aktau"\n[bus.a]\nport = "ttyS0"\nprotocol = "modbus-rtu"\nbaud = "fast"\n')
    done = stationd("check", file)
    assert done.returncode == 1
    assert [line.split(": ")[1].split(" =")[0] for line in done.stdout.splitlines()] == ["station.name", "bus.a.port", "bus.a.baud"]


def test_the_daemon_does_not_start_on_a_faulty_file(tmp_path: Path) -> None:
    file = tmp_path / "station.toml"
    file.write_text('[station]\nname = "aktau"\ncolour = "blue"\n')
    done = stationd("run", "--config", file)
    assert done.returncode == 2
    assert "station.colour" in done.stderr
    assert "nothing was started" in done.stderr


def test_a_station_file_that_is_not_there_is_named() -> None:
    done = stationd("run", "--config", "/no/such/station.toml")
    assert done.returncode == 2
    assert "/no/such/station.toml" in done.stderr


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_the_daemon_ends_as_asked(tmp_path: Path, number: signal.Signals) -> None:
    file = tmp_path / "station.toml"
    file.write_text(f'[station]\nname = "aktau"\nstate = "{tmp_path}/state"\n[prometheus]\nlisten = "127.0.0.1:0"\n')
    words = [sys.executable, "-m", "stationd", "run", "--config", str(file)]
    with subprocess.Popen(words, stderr=subprocess.PIPE, text=True, cwd=ROOT) as daemon:
        assert daemon.stderr is not None
        while "metrics are served" not in daemon.stderr.readline():
            assert daemon.poll() is None
        daemon.send_signal(number)
        assert daemon.wait(10) == 0


def test_a_driver_file_beside_the_station_file_is_used_and_its_mistakes_are_reported(tmp_path: Path) -> None:
    (tmp_path / "drivers").mkdir()
    driver = tmp_path / "drivers" / "meter.toml"
    row = '[[point]]\nname = "volts"\nat = "holding:10"\nformat = "u16"\nunit = "V"\ndoc = "Mains"\n'
    driver.write_text('model = "meter"\nkind = "io"\nprotocol = "modbus"\nmanual = "rev C"\n' + row)
    file = tmp_path / "station.toml"
    bus = '[bus.a]\nport = "/dev/ttyS0"\nprotocol = "modbus-rtu"\n'
    file.write_text(f'[station]\nname = "aktau"\n{bus}[device.m]\ndriver = "meter"\nbus = "a"\naddress = 3\n')
    assert stationd("check", file).returncode == 0
    driver.write_text(driver.read_text().replace("u16", "u17"))
    done = stationd("check", file)
    assert done.returncode == 1
    assert "u17" in done.stdout
    assert "meter.toml" in done.stdout


def test_the_catalogue_and_one_driver_fit_eighty_columns() -> None:
    for words in ((), ("ea-ps10000",), ("edfa68",)):
        done = stationd("drivers", *words)
        assert done.returncode == 0
        assert done.stdout.isascii()
        assert max(map(len, done.stdout.splitlines())) <= 80
    assert stationd("drivers", "no-such-driver").returncode == 2


def test_the_defaults_are_printed_with_their_meaning() -> None:
    done = stationd("check", "--defaults")
    assert done.returncode == 0
    assert "read_only" in done.stdout


def test_an_unknown_benchmark_or_scenario_is_refused_by_name() -> None:
    assert stationd("bench", "no-such-bench").returncode == 2
    assert stationd("demo", "--scenario", "no-such-scenario").returncode == 2
    assert stationd("demo", "--fibre-pairs", "0").returncode == 2


def test_the_demo_gets_ready_tells_scripts_where_everything_is_and_ends_by_itself(tmp_path: Path) -> None:
    ports = tmp_path / "ports.json"
    done = stationd("demo", "--fibre-pairs", "1", "--seconds", "12", "--ports-file", ports)
    assert done.returncode == 0, done.stderr
    told = json.loads(ports.read_text())
    assert set(told["metrics"]) == {"aktau", "siyazan"}
    assert told["mqtt"].startswith("mqtt://127.0.0.1:")
    assert {"aktau-pfe", "siyazan-pfe", "aktau-io", "aktau-fp1-booster"} <= set(told)
    assert "aktau 1.0" in done.stdout or "aktau 0.99" in done.stdout


def test_nothing_is_left_of_a_demo_that_was_killed(tmp_path: Path) -> None:
    ports = tmp_path / "ports.json"
    words = [sys.executable, "-m", "stationd", "demo", "--fibre-pairs", "1", "--ports-file", str(ports)]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True, cwd=ROOT, start_new_session=True) as running:
        assert running.stdout is not None
        while "Ctrl-C ends it" not in (line := running.stdout.readline()):
            assert line, "the demo ended by itself"
        running.kill()
        running.wait()
    url = json.loads(ports.read_text())["metrics"]["aktau"]
    port = int(url.rpartition(":")[2].partition("/")[0])
    while True:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) != 0:
                break
