"""What a source of optical samples is called, and what can be told of it without its hardware. Nothing is opened here.

The words of an invented converter are those of native/sim_script.h, the layout of a register is that of IIO's scan elements
(Linux, Documentation/ABI/testing/sysfs-bus-iio) with the limits of native/scan_type.h. Both are read again in C.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from stationd.config.problem import closest, listed, shown
from stationd.config.values import refused

LONGEST_WHERE = 511  # bytes behind the kind: sampler_source.where of native/sampler.h has 512 with its NUL
LONGEST_ROOT = 127  # and its sysfs_root and device_root have 128
MOST_BITS = 24  # SAMPLER_COUNT_BITS
MOST_PHRASES = 128  # SIM_STEPS
HIGHEST = (1 << MOST_BITS) - 1
MOST_32 = (1 << 31) - 1
STORAGE = (8, 16, 32, 64)
_PATH = re.compile(r"(?:/[A-Za-z0-9._:@+-]+)+")
_IIO_NAME = re.compile(r"[A-Za-z0-9:_.-]{1,64}")
_LAYOUT = re.compile(r"(?:be|le):[su](\d{1,3})/(\d{1,3})(?:X(\d{1,3}))?(?:>>(\d{1,3}))?", re.ASCII)
ERRORS = (
    "EIO", "ETIMEDOUT", "ESTALE", "EPROTO", "EREMOTEIO", "EBUSY", "EOVERFLOW", "ENODEV", "ENXIO", "ENOENT", "EBADF", "ENODATA",
)  # fmt: skip
CHANNEL, ERROR = "CHANNEL", "NAME"
Range = tuple[str, int, int]  # what a number is, the lowest and the highest
VERBS: Mapping[str, tuple[str | Range, ...]] = {
    "level": (CHANNEL, ("COUNTS", -HIGHEST, HIGHEST)),
    "wave": (CHANNEL, ("AMPLITUDE", -HIGHEST, HIGHEST), ("PERIOD", 1, MOST_32)),
    "noise": (("AMPLITUDE", 0, 1 << 20),),
    "error": (ERROR, ("TIMES", 1, MOST_32)),
    "skip": (("SCANS", 1, MOST_32),),
    "gone": (),
    "stall": (("MILLISECONDS", 1, 3_600_000),),
    "back": (("NANOSECONDS", 0, 10**15),),
    "ahead": (("NANOSECONDS", 0, 10**15),),
    "paced": (("SCANS", 1, 1_000_000),),
    "timed": (("SCANS", 1, 1_000_000),),
}
AT = ("SCAN", 0, (1 << 63) - 1)


def sample_source(value: str) -> str:
    """Where optical samples come from."""
    kind, separator, where = value.partition(":")
    if len(where.encode(errors="replace")) > LONGEST_WHERE:
        what = "script" if kind == "sim" else "name"
        raise refused(f'is too long: a {what} has at most {LONGEST_WHERE} characters behind "{kind[:8]}:", this one has {len(where)}')
    if kind == "spi" and not all(_PATH.fullmatch(path) and path.startswith("/dev/") for path in where.split(",")):
        raise refused("needs a device below /dev/, or several with a comma between them", 'for example "spi:/dev/spidev0.0"')
    if _names_a_source(kind, separator, where):
        return value
    raise refused('must be "iio:NAME", "spi:/dev/...", "mmap:/path", "shm:/path", "sim" or "sim:SCRIPT"', 'for example "iio:iio:device0"')


def _names_a_source(kind: str, separator: str, where: str) -> bool:
    match kind:
        case "sim":
            return not separator or (where != "" and where.isascii() and where.isprintable())
        case "iio":
            return _IIO_NAME.fullmatch(where) is not None
        case "spi":
            return True
        case "mmap" | "shm":
            return _PATH.fullmatch(where) is not None
        case _:
            return False


def folder(value: str, example: str, longest: int = 4095) -> str:
    """The path of a directory; whether it is there is seen when it is used."""
    if not value.startswith("/") or not value.isprintable() or ".." in value.split("/") or (value != "/" and value.endswith("/")):
        raise refused("must be an absolute path, without a slash at its end", f'for example "{example}"')
    if len(value.encode(errors="replace")) > longest:
        raise refused(f"is longer than {longest} bytes", f'for example "{example}"')
    return value


def sysfs_folder(value: str) -> str:
    """Where the kernel's tree is."""
    return folder(value, "/sys", LONGEST_ROOT)


def device_folder(value: str) -> str:
    """Where the device files are."""
    return folder(value, "/dev", LONGEST_ROOT)


def captures_folder(value: str) -> str:
    """Where files of raw samples are kept."""
    return folder(value, "/var/lib/stationd/captures")


# The layout of a register.


@dataclass(frozen=True, slots=True)
class Layout:
    """A register: `bits` that mean something out of `storage`."""

    bits: int
    storage: int
    repeat: int
    shift: int

    @property
    def bytes(self) -> int:
        """Return how long it is."""
        return max(1, self.storage // 8)


def layout_of(text: str) -> Layout | None:
    """Return the layout that this text says, right or wrong, or None where it is none."""
    match = _LAYOUT.fullmatch(text)
    return Layout(int(match[1]), int(match[2]), int(match[3] or 1), int(match[4] or 0)) if match else None


def layout_mistake(text: str) -> tuple[str, str] | None:
    """Return what is wrong with a layout, and what would be right."""
    layout = layout_of(text)
    if layout is None:
        return "is no layout of a register", '[be|le]:[s|u]bits/storage[>>shift], for example "le:s12/16>>4"'
    if layout.storage not in STORAGE:
        return f"has {layout.storage} storage bits", f"one of {listed(map(str, STORAGE))}"
    if not 1 <= layout.bits <= layout.storage:
        return f"has {layout.bits} significant bits in {layout.storage}", f"1 to {layout.storage}"
    if layout.bits > MOST_BITS:
        return f"has counts of {layout.bits} bits", f"the sampler takes at most {MOST_BITS}"
    if layout.shift + layout.bits > layout.storage:
        hint = f"a shift of at most {layout.storage - layout.bits}"
        return f"has {layout.bits} bits and a shift of {layout.shift} in {layout.storage}", hint
    return None if layout.repeat == 1 else (f"has {layout.repeat} values in one register", "a channel of the sampler is one value")


# The script of an invented converter.


def script_mistake(script: str, channels: int) -> tuple[str, str] | None:
    """Return the first mistake of a script for so many channels, and what would be right."""
    phrases = [phrase.split() for phrase in script.split(";") if phrase.strip()]
    for words in phrases:
        mistake = next(_phrase_mistakes(words, channels), None)
        if mistake is not None:
            return f"in its script, {shown(' '.join(words))}: {mistake[0]}", mistake[1]
    verbs = {_without_at(words)[0] for words in phrases}
    if not verbs.isdisjoint(("back", "ahead")) and "timed" not in verbs:
        return 'in its script, "back" and "ahead" move times of its own', 'add "timed 1"'
    return (f"has a script of {len(phrases)} phrases", f"at most {MOST_PHRASES}") if len(phrases) > MOST_PHRASES else None


def _without_at(words: Sequence[str]) -> Sequence[str]:
    return words[2:] if words[0] == "at" and len(words) > 2 else words


def _phrase_mistakes(words: Sequence[str], channels: int) -> Iterator[tuple[str, str]]:
    if words[0] == "at" and len(words) < 3:
        yield "is not complete", "at SCAN and what happens then"
        return
    if words[0] == "at":
        yield from _number_mistakes(words[1], AT)
    verb, *rest = _without_at(words)
    if verb not in VERBS:
        near = closest(verb, VERBS)
        yield f"{shown(verb)} is no word of a script", f'did you mean "{near}"?' if near else f"known: {listed([*VERBS, 'at'], 20)}"
        return
    wanted = VERBS[verb]
    if len(rest) != len(wanted):
        names = " ".join(each if isinstance(each, str) else each[0] for each in wanted) or "nothing"
        yield f'there are {len(rest)} words behind "{verb}"', f"it needs {names}; phrases end with a semicolon"
        return
    for word, kind in zip(rest, wanted, strict=True):
        yield from _word_mistakes(word, kind, channels)
    if words[0] == "at" and verb in ("paced", "timed") and int(words[1]) != 0:
        yield f'"{verb}" holds from the beginning', 'leave "at" away'


def _word_mistakes(word: str, kind: str | Range, channels: int) -> Iterator[tuple[str, str]]:
    if isinstance(kind, tuple):
        yield from _number_mistakes(word, kind)
    elif kind == ERROR:
        if word not in ERRORS:
            yield f"{shown(word)} is no error of a converter", f"one of: {listed(ERRORS)}"
    elif word != "all":
        hint = f'0 to {channels - 1}, the place of a [[sampler.channel]], or "all"'
        yield from ((reason, hint) for reason, _ in _number_mistakes(word, (CHANNEL, 0, channels - 1)))


def _number_mistakes(word: str, kind: Range) -> Iterator[tuple[str, str]]:
    name, lowest, highest = kind
    if re.fullmatch(r"[+-]?[0-9]{1,19}", word) is None or not lowest <= int(word) <= highest:
        yield f"{shown(word)} is no {name}", f"a whole number from {lowest} to {highest}"


# Converters behind an SPI bus.


def twice(paths: Sequence[str]) -> str | None:
    """Return the first of these that is there twice."""
    return next((path for place, path in enumerate(paths) if path in paths[:place]), None)
