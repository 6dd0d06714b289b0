"""Logging in over SSH or at the console: words arrive as words, whatever they are, and no shell ever sees them."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import socket
import string
import subprocess
import sys
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stationd.shell.exits import Exit
from stationd.shell.login import LONGEST, ORIGINAL, Unreadable, typed
from tests.shell.scripted import scripted

ROOT = Path(__file__).resolve().parents[2]
LOGIN = ROOT / "systemd" / "login"
HOSTILE = [
    "; rm -rf {canary}", "$(touch {canary})", "`touch {canary}`", "show status; touch {canary}", "show status && touch {canary}",
    "| touch {canary}", "show status\ntouch {canary}", "show status > {canary}", "exec touch {canary}", "sh -c 'touch {canary}'",
    "-c 'touch {canary}'", "--socket {canary} show status",
    "$SHELL -c 'touch {canary}'", "{{touch,{canary}}}", "a=$(touch {canary}) show status",
    "scp -t {canary}", "/usr/lib/openssh/sftp-server", "internal-sftp", "rsync --server . {canary}", "ack 'a/B' \"$(touch {canary})\"",
]  # fmt: skip


def logged_in(original: str | None, *arguments: str) -> subprocess.CompletedProcess[bytes]:
    environment = {**os.environ, **({} if original is None else {ORIGINAL: original})}
    program = [sys.executable, "-m", "stationd.shell.login", *arguments]
    return subprocess.run(program, env=environment, cwd=ROOT, capture_output=True, stdin=subprocess.DEVNULL, timeout=30)


@pytest.mark.parametrize(
    ("arguments", "original", "words"),
    [
        ([], None, []),
        ([], "", []),
        ([], "show status", ["show", "status"]),
        ([], "stationctl show status", ["show", "status"]),
        ([], "/opt/stationd/bin/stationctl --json show alarms", ["--json", "show", "alarms"]),
        (["-c", "show status"], None, ["show", "status"]),
        (["-c", "/opt/stationd/bin/stationctl-login"], "ack a/B 'on site'", ["ack", "a/B", "on site"]),
        (["-c", "/opt/stationd/bin/stationctl-login"], None, []),
        (["-c", ""], None, []),
        ([], "ack a/B \"it's 5 o'clock\"", ["ack", "a/B", "it's 5 o'clock"]),
        ([], "show alarms | count", ["show", "alarms", "|", "count"]),
    ],
)
def test_each_way_in_gives_the_words_that_were_typed(arguments: list[str], original: str | None, words: list[str]) -> None:
    environ = {} if original is None else {ORIGINAL: original}
    for name in ("-stationctl-login", "/opt/stationd/bin/stationctl-login"):
        assert typed([name, *arguments], environ) == words


@pytest.mark.parametrize("hostile", HOSTILE)
def test_a_hostile_command_runs_nothing(hostile: str, tmp_path: Path) -> None:
    canary = tmp_path / "canary"
    for text, arguments in ((hostile, []), (None, ["-c", hostile.format(canary=canary)])):
        done = logged_in(text.format(canary=canary) if text else None, *arguments)
        assert done.returncode in (Exit.USAGE, Exit.NO_DAEMON, Exit.NOT_PERMITTED), done.stderr
        assert b"Traceback" not in done.stderr
        assert not canary.exists()


@pytest.mark.parametrize("text", ["'", '"', "show 'status", "ack a/B \"seen", "\\", "x" * 100_000, "'" * 8191])
def test_what_cannot_be_cut_into_words_is_said_and_ends_with_2(text: str) -> None:
    done = logged_in(text)
    assert done.returncode == Exit.USAGE
    assert done.stderr.startswith(b"stationctl: ")
    assert len(done.stderr) < 400


@given(st.text(alphabet=string.printable + "ә€\udc80", max_size=LONGEST + 10))
def test_any_text_becomes_words_or_one_sentence(text: str) -> None:
    with contextlib.suppress(Unreadable):
        words = typed(["stationctl-login"], {ORIGINAL: text})
        assert sum(map(len, words)) <= len(text) <= LONGEST


def test_bytes_that_are_no_text_are_no_reason_to_fail() -> None:
    program = [sys.executable, "-m", "stationd.shell.login"]
    environment = {**os.environb, ORIGINAL.encode(): bytes(byte for byte in range(1, 256) if byte not in b"'\"\\")}
    done = subprocess.run(program, env=environment, cwd=ROOT, capture_output=True, stdin=subprocess.DEVNULL, timeout=30)
    assert done.returncode == Exit.USAGE
    assert b"Traceback" not in done.stderr


def test_one_command_over_ssh_is_that_command() -> None:
    done = logged_in("stationctl --json show alarms types")
    assert done.returncode == Exit.DONE
    assert b"PFE-TRIP" in done.stdout


@pytest.mark.parametrize("option", ["--socket {path}", "--socket={path}", "show status --socket {path}", "--json --sock {path}"])
def test_whoever_logs_in_does_not_choose_to_whom_he_talks(option: str, tmp_path: Path) -> None:
    with scripted(tmp_path / "s") as daemon:
        line = f"{option.format(path=daemon.path)} hold-ramp"
        for text, arguments in ((line, []), (None, ["-c", line])):
            done = logged_in(text, *arguments)
            assert done.returncode == Exit.USAGE
            assert b"is no option for a login" in done.stderr
        assert daemon.opened == 0


def test_behind_two_dashes_everything_is_a_word() -> None:
    assert typed(["stationctl-login"], {ORIGINAL: "note -- --socket"}) == ["note", "--", "--socket"]


def test_without_words_and_without_a_terminal_nothing_waits_for_ever() -> None:
    assert logged_in(None).returncode == Exit.USAGE


# The files.


def test_the_serial_console_has_real_accounts() -> None:
    lines = (LOGIN / "serial-getty@ttyS0.service.d" / "stationd.conf").read_text().splitlines()
    starts = [line for line in lines if line.startswith("ExecStart=")]
    assert starts[0] == "ExecStart="
    assert "agetty" in starts[1]
    assert starts[1].endswith("-L 9600 %I vt100")
    assert "autologin" not in starts[1]


def test_whoever_is_of_a_group_gets_stationctl_and_nothing_goes_through() -> None:
    text = (LOGIN / "60-stationd.conf").read_text()
    assert text.count("Match Group ") == 1
    for line in ("ForceCommand /opt/stationd/bin/stationctl-login", "DisableForwarding yes", "PermitUserRC no"):
        assert f"    {line}\n" in text


SSHD = shutil.which("sshd") or next((path for path in ("/usr/sbin/sshd",) if Path(path).exists()), None)


@pytest.mark.skipif(SSHD is None or shutil.which("ssh") is None, reason="a login over SSH wants the Debian package openssh-server")
@pytest.mark.skipif(os.geteuid() != 0, reason="sshd needs root to let somebody in")
def test_sshd_itself_hands_the_words_over(tmp_path: Path) -> None:
    assert SSHD is not None
    for key in ("host", "user"):
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", tmp_path / key], check=True)
    Path("/run/sshd").mkdir(exist_ok=True)
    program = f"import json, os, sys; print(json.dumps([sys.argv, os.environ.get('{ORIGINAL}')]))"
    (tmp_path / "recorder").write_text(f"#!{sys.executable}\n{program}\n")
    (tmp_path / "recorder").chmod(0o755)
    (tmp_path / "keys").write_text((tmp_path / "user.pub").read_text())
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    snippet = (LOGIN / "60-stationd.conf").read_text().replace("Group stationd-view,stationd-operate,stationd-power,!sudo", "User root")
    snippet = snippet.replace("/opt/stationd/bin/stationctl-login", str(tmp_path / "recorder"))
    head = f"Port {port}\nListenAddress 127.0.0.1\nHostKey {tmp_path}/host\nAuthorizedKeysFile {tmp_path}/keys\n"
    (tmp_path / "config").write_text(head + "StrictModes no\nPidFile none\nPermitRootLogin yes\nUsePAM no\n" + snippet)
    subprocess.run([SSHD, "-t", "-f", tmp_path / "config"], check=True)
    with subprocess.Popen([SSHD, "-D", "-e", "-f", tmp_path / "config"], stderr=subprocess.DEVNULL) as daemon:
        try:
            words = ["-p", str(port), "-i", str(tmp_path / "user"), "-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null"]
            ssh = ["ssh", "-q", *words, "root@127.0.0.1"]
            give_up = time.monotonic() + 20
            while (done := subprocess.run([*ssh, "show status; id"], capture_output=True, timeout=20)).returncode == 255:
                assert time.monotonic() < give_up, done.stderr
            arguments, original = json.loads(done.stdout)
            assert original == "show status; id"
            assert arguments == [str(tmp_path / "recorder")]
        finally:
            daemon.terminate()
