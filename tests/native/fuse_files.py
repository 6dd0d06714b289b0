"""Serves device files through FUSE and runs a program that opens them: what a converter's driver does, behind a real kernel call.

Run as `python fuse_files.py DIRECTORY SCRIPT PROGRAM ...`; SCRIPT is JSON, one entry for each file. Needs Linux, root and
/dev/fuse, no library. The mount lives in a mount namespace of its own and ends with the process. It is not a FUSE library: it
knows the requests that the sources make, and answers "not there" to all else.

The protocol is that of include/uapi/linux/fuse.h; spidev's structures are those of include/uapi/linux/spi/spidev.h.
"""

from __future__ import annotations

import ctypes
import errno
import json
import os
import struct
import subprocess
import sys
import threading
from collections.abc import Callable
from typing import Any, Protocol

LOOKUP, FORGET, GETATTR, SETATTR, OPEN, READ, WRITE, RELEASE, FLUSH, INIT = 1, 2, 3, 4, 14, 15, 16, 18, 25, 26
INTERRUPT, DESTROY, IOCTL, POLL, BATCH_FORGET = 36, 38, 39, 40, 42
DIRECT_IO, NONSEEKABLE = 1, 4
INIT_EXT, DIRECT_IO_ALLOW_MMAP = 1 << 30, 1 << 4  # the second in the second word of flags: Linux 6.6
POLLIN = 1
CLONE_NEWNS, MS_PRIVATE_RECURSIVE = 0x20000, 1 << 18 | 1 << 14
SPI_MESSAGE, SPI_TRANSFER = 0, struct.Struct("=QQIIHBBBBBx")

libc = ctypes.CDLL(None, use_errno=True)


class Refused(Exception):
    """A request that fails; the argument is the errno."""


class File(Protocol):
    """What a served file does with the requests of one process."""

    def read(self, size: int) -> bytes: ...

    def write(self, data: bytes) -> None: ...

    def ioctl(self, command: int, data: bytes, pid: int) -> tuple[int, bytes]: ...

    def waiting(self) -> bool: ...


class Stream:
    """An IIO character device: each reading gives the next of the script, bytes or an error; then it has nothing yet."""

    def __init__(self, script: dict[str, Any]) -> None:
        self.reads = list(script["reads"])

    def read(self, size: int) -> bytes:
        if not self.reads:
            raise Refused(errno.EAGAIN)
        kind, what = self.reads.pop(0)
        if kind == "errno":
            raise Refused(what)
        data = bytes.fromhex(what)
        if len(data) > size:
            self.reads.insert(0, ("data", data[size:].hex()))
        return data[:size]

    def write(self, data: bytes) -> None:
        raise Refused(errno.EBADF)

    def ioctl(self, command: int, data: bytes, pid: int) -> tuple[int, bytes]:
        raise Refused(errno.ENOTTY)

    def waiting(self) -> bool:
        return bool(self.reads)


class Constant:
    """An attribute that takes whatever is written and stays as it is."""

    def __init__(self, script: dict[str, Any]) -> None:
        self.text = str(script["text"]).encode()

    def read(self, size: int) -> bytes:
        return self.text[:size]

    def write(self, data: bytes) -> None:
        return

    def ioctl(self, command: int, data: bytes, pid: int) -> tuple[int, bytes]:
        raise Refused(errno.ENOTTY)

    def waiting(self) -> bool:
        return True


class Interrupts:
    """A UIO device: readings of four bytes are interrupt numbers, readings of a page are its registers."""

    def __init__(self, script: dict[str, Any]) -> None:
        self.numbers, self.allowed = list(script["numbers"]), bool(script["allowed"])
        self.registers = bytes.fromhex(script["registers"])
        self.writes = list(script.get("writes", []))  # an errno or None for each

    def read(self, size: int) -> bytes:
        if size != 4:
            return self.registers.ljust(size, b"\0")
        if not self.numbers:
            raise Refused(errno.EAGAIN)
        number = self.numbers.pop(0)
        if number == "errno":
            raise Refused(self.numbers.pop(0))
        if number is None:  # nothing yet
            raise Refused(errno.EAGAIN)
        return struct.pack("=I", number)

    def write(self, data: bytes) -> None:
        if not self.allowed:
            raise Refused(errno.ENOSYS)
        refused = self.writes.pop(0) if self.writes else None
        if refused is not None:
            raise Refused(refused)
        if data != struct.pack("=I", 1):
            raise Refused(errno.EINVAL)

    def ioctl(self, command: int, data: bytes, pid: int) -> tuple[int, bytes]:
        raise Refused(errno.ENOTTY)

    def waiting(self) -> bool:
        return bool(self.numbers)


class Ads8688:
    """The chip's own side: a frame is answered with the input that the frame before it chose; counts tell input and conversion."""

    mode = 1

    def __init__(self) -> None:
        self.chosen, self.conversions = 7, 0

    def frame(self, sent: bytes) -> bytes:
        count = self.chosen << 12 | self.conversions & 0xFFF
        self.conversions += 1
        if len(sent) != 4:
            return b"\xff" * len(sent)
        if sent[0] & 0xE0 == 0xC0 and sent[1] == 0:  # MAN_Ch_n; 0 is NO_OP
            self.chosen = sent[0] >> 2 & 7
        return struct.pack(">HH", 0xA5A5, count)  # what comes during the command is nothing


class Mcp3208:
    """Converts within the frame: after five zeros, the start bit and "single ended", three bits of input, a null bit, 12 bits."""

    mode = 0

    def __init__(self) -> None:
        self.conversions = 0

    def frame(self, sent: bytes) -> bytes:
        bits = int.from_bytes(sent, "big") >> 14
        if len(sent) != 3 or bits & 0b1111111000 != 0b0000011000:
            return b"\xff" * len(sent)
        count = (bits & 7) << 9 | self.conversions & 0x1FF
        self.conversions += 1
        return (0b11111111_111_0_0000_00000000 | count).to_bytes(3, "big")  # not driven before the null bit: pulled up


class Spi:
    """spidev: settings, and messages between the memory of the caller and a chip. `faults` is one entry for each message."""

    def __init__(self, script: dict[str, Any]) -> None:
        self.chip = Ads8688() if script["chip"] == "ads8688" else Mcp3208()
        self.faults = list(script.get("faults", []))
        self.settings = {1: b"\2", 3: b"\x10", 4: struct.pack("=I", 500000)}
        self.found = dict(self.settings)

    def read(self, size: int) -> bytes:
        raise Refused(errno.EINVAL)

    def write(self, data: bytes) -> None:
        raise Refused(errno.EINVAL)

    def waiting(self) -> bool:
        return False

    def ioctl(self, command: int, data: bytes, pid: int) -> tuple[int, bytes]:
        number, is_write = command & 0xFF, command >> 30 == 1
        if number == SPI_MESSAGE and is_write:
            return self.message(data, pid), b""
        if number not in self.settings:
            raise Refused(errno.ENOTTY)
        if is_write:
            self.settings[number] = data
            return 0, b""
        return 0, self.settings[number]

    def message(self, data: bytes, pid: int) -> int:
        fault = self.faults.pop(0) if self.faults else None
        if isinstance(fault, dict) and "errno" in fault:
            raise Refused(fault["errno"])
        total, frame = 0, b""
        waiting: list[tuple[int, int]] = []
        for sent_at, got_at, length, _, _, _, change, *_ in SPI_TRANSFER.iter_unpack(data):
            frame += copy(pid, sent_at, b"\0" * length, write=False)
            waiting.append((got_at, length))
            total += length
            if change:
                self.answer(pid, frame, waiting, fault)
                frame, waiting = b"", []
        self.answer(pid, frame, waiting, fault)
        return total - fault["short"] if isinstance(fault, dict) and "short" in fault else total

    def answer(self, pid: int, frame: bytes, waiting: list[tuple[int, int]], fault: Any) -> None:
        if isinstance(fault, dict) and "unfilled" in fault:  # a driver that says it is done and has written nothing
            return
        right = self.settings[1][0] == self.chip.mode and self.settings[3] == b"\x08"
        got = self.chip.frame(frame) if right else b"\xff" * len(frame)
        if isinstance(fault, dict) and "stuck" in fault:
            got = bytes([fault["stuck"]]) * len(frame)
        for at, length in waiting:
            copy(pid, at, got[:length], write=True)
            got = got[length:]


class Vector(ctypes.Structure):
    _fields_ = [("base", ctypes.c_void_p), ("size", ctypes.c_size_t)]


def copy(pid: int, at: int, data: bytes, *, write: bool) -> bytes:
    """Copy to or from the memory of another process, as a driver does with copy_to_user."""
    buffer = ctypes.create_string_buffer(data, len(data))
    here, there = Vector(ctypes.addressof(buffer), len(data)), Vector(at, len(data))
    call = libc.process_vm_writev if write else libc.process_vm_readv
    if call(pid, ctypes.byref(here), 1, ctypes.byref(there), 1, 0) != len(data):
        raise Refused(errno.EFAULT)
    return buffer.raw


KINDS: dict[str, Callable[[dict[str, Any]], File]] = {"stream": Stream, "constant": Constant, "uio": Interrupts, "spi": Spi}


class Server:
    """Answers the kernel's requests; node 1 is the directory, node 2 the first file ..."""

    def __init__(self, device: int, files: dict[str, File]) -> None:
        self.device, self.names, self.files = device, list(files), list(files.values())

    def serve(self) -> None:
        while True:
            try:
                request = os.read(self.device, 1 << 20)
            except OSError:
                return  # unmounted
            _, code, unique, node, _, _, pid, _ = struct.unpack_from("=IIQQIIII", request)
            if code not in (FORGET, BATCH_FORGET, INTERRUPT):
                self.reply(unique, *self.answer(code, node, pid, request[40:]))

    def reply(self, unique: int, error: int, data: bytes) -> None:
        try:
            os.write(self.device, struct.pack("=IiQ", 16 + len(data), -error, unique) + data)
        except OSError as why:
            if why.errno != errno.ENOENT:  # the caller was interrupted meanwhile
                raise

    def answer(self, code: int, node: int, pid: int, body: bytes) -> tuple[int, bytes]:
        try:
            return 0, self.result(code, node, pid, body)
        except Refused as why:
            return int(why.args[0]), b""

    def result(self, code: int, node: int, pid: int, body: bytes) -> bytes:
        match code:
            case _ if code == INIT:
                return self.hello(body)
            case _ if code == LOOKUP:
                return self.look_up(body.rstrip(b"\0").decode())
            case _ if code in (GETATTR, SETATTR):
                return struct.pack("=QII", 1, 0, 0) + self.attributes(node)
            case _ if code == OPEN:
                return struct.pack("=QII", node, DIRECT_IO | NONSEEKABLE, 0)
            case _ if code in (RELEASE, FLUSH, DESTROY):
                return b""
            case _ if node >= 2:
                return self.file_request(code, self.files[node - 2], pid, body)
        raise Refused(errno.ENOSYS)

    def hello(self, body: bytes) -> bytes:
        flags, more = struct.unpack_from("=II", body, 12)
        extended = flags & INIT_EXT
        allow = more & DIRECT_IO_ALLOW_MMAP if extended else 0
        return struct.pack("=IIIIHHIIHHII24x", 7, 31, 0, extended, 0, 0, 1 << 17, 1, 0, 0, allow, 0)

    def look_up(self, name: str) -> bytes:
        if name not in self.names:
            raise Refused(errno.ENOENT)
        node = self.names.index(name) + 2
        return struct.pack("=QQQQII", node, 0, 1, 1, 0, 0) + self.attributes(node)

    def attributes(self, node: int) -> bytes:
        mode = 0o040755 if node == 1 else 0o100666
        return struct.pack("=QQQQQQIIIIIIIIII", node, 4096, 0, 0, 0, 0, 0, 0, 0, mode, 1, 0, 0, 0, 4096, 0)

    def file_request(self, code: int, file: File, pid: int, body: bytes) -> bytes:
        match code:
            case _ if code == READ:
                return file.read(struct.unpack_from("=I", body, 16)[0])
            case _ if code == WRITE:
                file.write(body[40:])
                return struct.pack("=II", len(body) - 40, 0)
            case _ if code == IOCTL:
                result, data = file.ioctl(struct.unpack_from("=I", body, 12)[0], body[32:], pid)
                return struct.pack("=iIII", result, 0, 0, 0) + data
            case _ if code == POLL:
                return struct.pack("=II", POLLIN if file.waiting() else 0, 0)
        raise Refused(errno.ENOSYS)


def mount(directory: str) -> int:
    """Mount on `directory`, for this process and its children only."""
    device = os.open("/dev/fuse", os.O_RDWR | os.O_CLOEXEC)
    options = f"fd={device},rootmode=40000,user_id=0,group_id=0".encode()
    done = libc.unshare(CLONE_NEWNS) or libc.mount(b"none", b"/", None, ctypes.c_ulong(MS_PRIVATE_RECURSIVE), None)
    if done or libc.mount(b"fuse_files", directory.encode(), b"fuse", ctypes.c_ulong(0), options):
        raise OSError(ctypes.get_errno(), "mount")
    return device


def main() -> int:
    directory, script, *program = sys.argv[1:]
    files = {name: KINDS[entry["kind"]](entry) for name, entry in json.loads(script).items()}
    server = Server(mount(directory), files)
    threading.Thread(target=server.serve, daemon=True).start()
    code = subprocess.run(program, check=False).returncode
    if any(isinstance(file, Spi) and file.settings != file.found for file in files.values()):
        sys.stderr.write("a spidev file was not left as it was found\n")
        return 3
    return code


if __name__ == "__main__":
    sys.exit(main())
