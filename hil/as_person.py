"""A process that is one person: it takes his user and groups, and connects to the control socket for the one that started it.

    python as_person.py UID GID GROUPS SOCKET        GROUPS are numbers with commas

Who is at the door of stationd is said by the kernel, from the process that called connect(2). So for each byte on descriptor 0 (a Unix
socket) this process connects anew and passes the connection back (SCM_RIGHTS, unix(7)); it lives as long as the person is there.
What it is not: a way round the door. It imports nothing but the standard library, and runs on any Python.
"""

from __future__ import annotations

import os
import socket
import sys


def main(uid: int, gid: int, groups: list[int], path: str) -> None:
    """Serve until the other end is closed."""
    if os.geteuid() == 0:
        os.setgroups(groups)
        os.setresgid(gid, gid, gid)
        os.setresuid(uid, uid, uid)
    home = socket.socket(fileno=0)
    while home.recv(1):
        door = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            door.connect(path)
        except OSError as error:
            home.sendall(f"{error}".encode()[:200])
        else:
            socket.send_fds(home, [b"+"], [door.fileno()])
        door.close()


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), [int(each) for each in sys.argv[3].split(",") if each], sys.argv[4])
