"""IIO's words for the layout of an element ("le:s12/16>>4"): every case of the grammar, and decoding against an oracle in Python.

The parser and the decoder are those of native/scan_type.c, through the extension; native/fuzz_scan_type.c goes on with them where
there is clang.
"""

from __future__ import annotations

import errno
import shutil
import subprocess
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

_sampler = pytest.importorskip("stationd._sampler", reason="the extension is not built (python setup.py build_ext --inplace)")
NATIVE = Path(__file__).resolve().parents[2] / "native"


def decode(layout: bytes, data: bytes) -> tuple[int, int, str]:
    """Return code, value (0 if none) and the sentence."""
    value, error = _sampler.ffi.new("int64_t *"), _sampler.ffi.new("char[300]")
    code = _sampler.lib.sampler_decode(layout, data, len(data), value, error, 300)
    return code, value[0], _sampler.ffi.string(error).decode("utf-8", "replace")


GOOD = [
    ("le:u8/8", "ff", 255), ("le:s8/8", "ff", -1), ("be:u8/8", "80", 128), ("be:s8/8", "80", -128), ("le:u16/16", "3412", 0x1234),
    ("be:u16/16", "1234", 0x1234), ("le:s16/16", "feff", -2), ("be:s16/16", "fffe", -2), ("le:u32/32", "78563412", 0x12345678),
    ("be:u32/32", "12345678", 0x12345678), ("be:s32/32", "80000000", -(1 << 31)), ("le:s64/64", "ffffffffffffffff", -1),
    ("be:s64/64", "8000000000000000", -(1 << 63)), ("le:u64/64", "ffffffffffffff7f", (1 << 63) - 1), ("be:u64/64", "0000000000000001", 1),
    ("le:u12/16>>4", "f0ff", 0xFFF), ("le:s12/16>>4", "0080", -2048), ("le:s12/16>>4", "f07f", 2047), ("le:s12/16>>4", "0f00", 0),
    ("be:s12/16>>4", "8010", -2047), ("be:u24/32>>8", "123456ff", 0x123456), ("be:s24/32>>8", "800000ff", -(1 << 23)),
    ("le:u13/16>>0", "ffff", 0x1FFF), ("le:s13/16>>0", "00f0", -4096), ("le:s1/8", "01", -1), ("le:u1/8>>7", "80", 1),
    ("le:u1/64>>63", "0000000000000080", 1), ("be:s48/64>>16", "ffffffffffff1234", -1), ("le:u16/32>>16", "0000cdab", 0xABCD),
    ("le:s16/16X1", "ffff", -1), ("le:s16/16X2", "01000200", 1), ("be:u32/32X4>>0", "00000007" + "00" * 12, 7),
    ("le:s12/16X3>>4", "1000", 1), ("le:u16/16", "0100ffff", 1), ("le:u016/016>>000", "0100", 1),
]  # fmt: skip


@pytest.mark.parametrize(("layout", "data", "value"), GOOD)
def test_a_layout_of_the_grammar_is_decoded(layout: str, data: str, value: int) -> None:
    assert decode(layout.encode(), bytes.fromhex(data)) == (0, value, "")


BAD = [
    ("", 'neither "be:" nor "le:" at character 1'), ("u16/16", 'neither "be:" nor "le:" at character 1'),
    ("LE:u16/16", 'neither "be:" nor "le:"'), (" le:u16/16", 'neither "be:" nor "le:"'), ("le", 'neither "be:" nor "le:"'),
    ("me:u16/16", 'neither "be:" nor "le:"'), ("le:", "neither s (signed) nor u (unsigned) at character 4"),
    ("le:16/16", "neither s (signed) nor u (unsigned)"), ("le:f32/32", "neither s (signed) nor u (unsigned)"),
    ("le:S16/16", "neither s (signed) nor u (unsigned)"), ("le:s/16", "no number of significant bits at character 5"),
    ("le:s-1/16", "no number of significant bits"), ("le:s+1/16", "no number of significant bits"),
    ("le:s 8/16", "no number of significant bits"), ("le:s12", 'no "/" after the significant bits at character 7'),
    ("le:s12\\16", 'no "/" after the significant bits'), ("le:s12/", "no number of storage bits at character 8"),
    ("le:s12/x", "no number of storage bits"), ("le:s12/16X", 'no number of repeats after "X" at character 11'),
    ("le:s12/16Xa", 'no number of repeats after "X"'), ("le:s12/16>>", 'no number of bits after ">>" at character 12'),
    ("le:s12/16>>-1", 'no number of bits after ">>"'), ("le:s12/16>4", "something that is not of the layout at character 10"),
    ("le:s12/16<<4", "something that is not of the layout"), ("le:s12/16>>4X2", "something that is not of the layout"),
    ("le:s12/16>>4 ", "something that is not of the layout at character 13"), ("le:s12/16>>4\n", "something that is not of the layout"),
    ("le:s12/16x2", "something that is not of the layout"), ("le:s0012/16", "a number of more than three digits at character 5"),
    ("le:s12/99999999999999999999", "a number of more than three digits"),
    ("le:s12/16>>4294967296", "a number of more than three digits"), ("le:s12/16X1000", "a number of more than three digits"),
    ("le:s12/12", "12 storage bits; right are 8, 16, 32 or 64"), ("le:s12/24", "24 storage bits"), ("le:s12/128", "128 storage bits"),
    ("le:s0/0", "0 storage bits"), ("le:s0/16", "0 significant bits; right are 1 to 16"),
    ("le:s17/16", "17 significant bits; right are 1 to 16"), ("le:u65/64", "65 significant bits; right are 1 to 64"),
    ("le:s12/16>>5", "a shift of 5 are more than 16 storage bits; right is a shift of at most 4"),
    ("le:u16/16>>1", "right is a shift of at most 0"), ("le:u1/8>>999", "right is a shift of at most 7"),
    ("le:s12/16X0", "0 repeats; right is 1 or more"),
]  # fmt: skip


@pytest.mark.parametrize(("layout", "words"), BAD)
def test_each_mistake_has_its_sentence(layout: str, words: str) -> None:
    code, _, sentence = decode(layout.encode(), bytes(64))
    assert code == -errno.EINVAL
    assert words in sentence
    assert f'layout "{layout}"' in sentence
    assert "right" in sentence


@pytest.mark.parametrize(("layout", "size"), [("le:u8/8", 0), ("le:u16/16", 1), ("le:s24/32", 3), ("le:s64/64", 7)])
def test_too_few_bytes_are_no_value(layout: str, size: int) -> None:
    code, value, sentence = decode(layout.encode(), b"\xff" * size)
    assert (code, value) == (-errno.ENODATA, 0)
    assert f"{size} bytes" in sentence


def test_a_value_that_the_result_cannot_hold_is_refused() -> None:
    code, value, sentence = decode(b"le:u64/64", b"\xff" * 8)
    assert (code, value) == (-errno.ERANGE, 0)
    assert "2^63" in sentence


@st.composite
def layouts(draw: st.DrawFn) -> tuple[bool, bool, int, int, int]:
    storage = draw(st.sampled_from((8, 16, 32, 64)))
    bits = draw(st.integers(1, storage))
    return draw(st.booleans()), draw(st.booleans()), bits, storage, draw(st.integers(0, storage - bits))


@given(layout=layouts(), data=st.binary(min_size=8, max_size=8))
def test_decoding_agrees_with_the_arithmetic_of_whole_numbers(layout: tuple[bool, bool, int, int, int], data: bytes) -> None:
    big, signed, bits, storage, shift = layout
    word = int.from_bytes(data[: storage // 8], "big" if big else "little") >> shift & (1 << bits) - 1
    expected = word - (1 << bits) if signed and word >> bits - 1 else word
    text = f"{'be' if big else 'le'}:{'s' if signed else 'u'}{bits}/{storage}>>{shift}"
    assert decode(text.encode(), data) == ((0, expected, "") if expected < 1 << 63 else (-errno.ERANGE, 0, decode(text.encode(), data)[2]))


PARTS = ["le", "be", ":", "s", "u", "/", "X", ">>", "8", "16", "12", "64", "0", "4", "999", "\n", " ", "é"]
WORDS = st.lists(st.sampled_from(PARTS), max_size=9).map("".join)


@given(st.one_of(WORDS.map(str.encode), st.binary(max_size=80).map(lambda data: data.replace(b"\0", b""))))
@example(b"le:u16/16")
def test_no_text_upsets_the_parser(text: bytes) -> None:
    code, _, sentence = decode(text, bytes(8))
    assert code in (0, -errno.EINVAL)
    assert (sentence == "") == (code == 0)


@pytest.mark.skipif(shutil.which("clang") is None, reason="no clang (Debian packages clang and libclang-rt-dev)")
def test_the_fuzzer_finds_nothing(tmp_path: Path) -> None:
    program, seeds = tmp_path / "fuzz", tmp_path / "seeds"
    sources = [str(NATIVE / name) for name in ("fuzz_scan_type.c", "scan_type.c")]
    flags = ["-std=c11", "-g", "-O1", "-fsanitize=fuzzer,address,undefined", "-fno-sanitize-recover=all"]
    built = subprocess.run(["clang", *flags, *sources, "-o", str(program)], capture_output=True, text=True, check=False)
    if "cannot find" in built.stderr or "No such file" in built.stderr:
        pytest.skip("clang has no libFuzzer (Debian package libclang-rt-dev)")
    assert built.returncode == 0, built.stderr
    seeds.mkdir()
    for number, (layout, data, _) in enumerate(GOOD):
        (seeds / str(number)).write_bytes(f"{layout}\nle:u16/16\n{layout}\nle:s64/64".encode() + b"\0" + bytes.fromhex(data) * 4)
    (seeds / "row").write_bytes(b"be:s12/16>>4\n" * 12 + b"\0" + bytes(range(24)))
    command = [str(program), "-runs=100000", "-seed=1", "-max_len=400", str(seeds)]
    ran = subprocess.run(command, capture_output=True, text=True, check=False, cwd=tmp_path)
    assert ran.returncode == 0, ran.stderr[-3000:]
