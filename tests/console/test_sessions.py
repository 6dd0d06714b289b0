"""Sessions and places of people: when the last connection of a process is gone, and who sits at a console of this machine."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from stationd.console.peer import Accounts, Locality, Peer, Role, locality, terminal, terminal_name
from stationd.console.places import Limits
from tests.console.acting import acting
from tests.console.desk import OPERATOR, VIEWER, until

NO_ROLE = Peer(4250, 4250, 1, Role.NONE)
GET = "io.stationd.Status.GetStatus"


async def test_a_session_ends_with_the_last_connection_of_its_process() -> None:
    async with acting() as floor:
        first, second, other = await floor.caller(), await floor.caller(), await floor.caller(replace(OPERATOR, pid=2))
        first.close()
        await until(lambda: floor.server.connections == 2)
        other.close()
        await until(lambda: floor.ended == ["4242:2"])
        second.close()
        await until(lambda: floor.ended == ["4242:2", "4242:1"])


async def test_a_session_that_comes_again_ends_again() -> None:
    async with acting() as floor:
        for number in range(1, 4):
            caller = await floor.caller()
            assert "error" not in await caller.call(GET)
            caller.close()
            await until(lambda: floor.ended == ["4242:1"] * number)  # noqa: B023 - it is awaited in this round


async def test_the_same_process_number_of_another_user_is_another_session() -> None:
    async with acting() as floor:
        ours, theirs = await floor.caller(), await floor.caller(VIEWER)
        theirs.close()
        await until(lambda: floor.ended == ["4243:1"])
        assert "error" not in await ours.call(GET)


async def test_a_connection_that_is_turned_away_is_no_session() -> None:
    async with acting(Limits(one_user=1)) as floor:
        await floor.caller(VIEWER)
        await (await floor.caller(VIEWER)).end()
        await (await floor.caller(NO_ROLE)).end()
        assert floor.server.turned_away == 2
        assert floor.ended == []


async def test_every_session_ends_with_the_service() -> None:
    async with acting() as floor:
        await floor.caller()
        await floor.caller(VIEWER)
        ended = floor.ended
    assert sorted(ended) == ["4242:1", "4243:1"]


# Where people sit.


@pytest.mark.parametrize(
    ("major", "minor", "place", "name"),
    [
        (4, 1, Locality.LOCAL, "tty1"),
        (4, 64, Locality.LOCAL, "ttyS0"),
        (204, 64, Locality.LOCAL, "ttyAMA0"),
        (4, 65, Locality.UNKNOWN, "ttyS1"),  # no console of the kernel: whoever may open it could sit anywhere
        (188, 3, Locality.UNKNOWN, "ttyUSB3"),
        (204, 10, Locality.UNKNOWN, ""),
        (136, 5, Locality.UNKNOWN, "pts/5"),
        (137, 1, Locality.UNKNOWN, "pts/257"),
        (5, 0, Locality.UNKNOWN, ""),
        (229, 0, Locality.UNKNOWN, ""),
        (0, 0, Locality.UNKNOWN, ""),
    ],
)
def test_only_a_console_of_this_machine_is_local(tmp_path: Path, major: int, minor: int, place: Locality, name: str) -> None:
    listed = tmp_path / "consoles"
    listed.write_text("ttyS0                -W- (EC p  )    4:64\nttyAMA0              -W- (E  p  )  204:64\n")
    number = os.makedev(major, minor)
    assert (locality(number, listed), terminal_name(number)) == (place, name)


def test_without_the_list_of_consoles_no_serial_line_is_local(tmp_path: Path) -> None:
    assert locality(os.makedev(4, 64), tmp_path / "absent") is Locality.UNKNOWN


def process(folder: Path, number: int, stat: str) -> Path:
    """Write what the kernel would show of a process."""
    (folder / str(number)).mkdir()
    (folder / str(number) / "stat").write_text(stat)
    return folder


def fields(terminal_number: int, start: int = 5000) -> str:
    rest = ["S", "1", "1", "1", str(terminal_number), *["0"] * 14, str(start), "0"]
    return f"77 (a b) c) 4) {' '.join(rest)}\n"


def test_the_terminal_is_read_whatever_the_process_calls_itself(tmp_path: Path) -> None:
    assert terminal(77, os.getuid(), process(tmp_path, 77, fields(os.makedev(4, 1)))) == os.makedev(4, 1)


def test_a_process_of_another_user_proves_nothing(tmp_path: Path) -> None:
    assert terminal(77, os.getuid() + 1, process(tmp_path, 77, fields(os.makedev(4, 1)))) == 0


@pytest.mark.parametrize("stat", ["", "77 (x)", "77 (x) S 1 1 1 tty1", "x"])
def test_what_cannot_be_read_proves_nothing(stat: str, tmp_path: Path) -> None:
    assert terminal(77, os.getuid(), process(tmp_path, 77, stat)) == 0
    assert terminal(78, os.getuid(), tmp_path) == 0
    assert terminal(0, os.getuid(), process(tmp_path, 0, fields(os.makedev(4, 1)))) == 0


class Swapped(type(Path())):  # type: ignore[misc]
    """A place of processes where each look at the file finds another process of the same number."""

    def read_text(self, encoding: str | None = None, errors: str | None = None) -> str:
        text: str = super().read_text(encoding, errors)
        self.write_text(text.replace(" 5000 ", " 6000 "))
        return text


def test_a_number_that_another_process_has_taken_meanwhile_proves_nothing(tmp_path: Path) -> None:
    process(tmp_path, 77, fields(os.makedev(4, 1)))
    assert terminal(77, os.getuid(), Swapped(tmp_path)) == 0


REAL = """
import fcntl, os, sys, termios
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
sys.path.insert(0, sys.argv[1])
from stationd.console.peer import terminal, terminal_name
print(terminal_name(terminal(os.getpid(), os.getuid())), os.ttyname(0), flush=True)
"""


def test_the_kernel_shows_the_terminal_of_a_real_process() -> None:
    ours, theirs = pty.openpty()
    words = [sys.executable, "-c", REAL, str(Path(__file__).parents[2])]
    with subprocess.Popen(words, stdin=theirs, stdout=theirs, start_new_session=True):
        said = b""
        while b"\n" not in said:
            said += os.read(ours, 4096)
    os.close(ours)
    os.close(theirs)
    short, long = said.decode().split()
    assert long == f"/dev/{short}"
    assert short.startswith("pts/")


def test_a_process_without_a_terminal_is_nowhere() -> None:
    with subprocess.Popen(["sleep", "60"], start_new_session=True) as sleeper:
        try:
            assert terminal(sleeper.pid, os.getuid()) == 0
        finally:
            sleeper.kill()


def test_the_accounts_of_several_people_go_with_every_peer() -> None:
    accounts = Accounts(own_uid=1, groups={Role.OPERATE: 7}, shared=frozenset({"tech"}))
    peer = accounts.identified(4242, 7, 1, frozenset())
    assert peer.shared, "the name is not known yet"
    assert replace(peer, name="tech").shared
    assert not replace(peer, name="a.bekov").shared
