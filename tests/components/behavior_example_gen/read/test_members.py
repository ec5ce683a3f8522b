"""Packed files of several members, padded or damaged: all of it is read, or it is an error."""

import bz2
import contextlib
import gzip
import io
import lzma
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from components.behavior_example_gen.config.log_config import CsvConfig
from components.behavior_example_gen.errors import LogError
from components.behavior_example_gen.read import members
from components.behavior_example_gen.read.file import read_file

PACK = {"gzip": lambda data: gzip.compress(data, mtime=0), "bz2": bz2.compress, "xz": lzma.compress}
SUFFIX = {"gzip": "gz", "bz2": "bz2", "xz": "xz"}
DAMAGED = (zlib.error, OSError, EOFError, lzma.LZMAError)
KINDS = sorted(PACK)


def _read(packed: bytes, kind: str, size: int = 1 << 20) -> bytes:
    stream, found = members.unpacked(io.BytesIO(packed), kind), b""
    while chunk := stream.read(size):
        found += chunk
    return found


@pytest.mark.parametrize("kind", KINDS)
@given(
    st.lists(st.tuples(st.binary(max_size=300), st.integers(0, 600)), min_size=1, max_size=4),
    st.integers(1, 700),
    st.integers(1, 5000),
)
def test_members_and_the_zeros_behind_them(kind, parts, repeats, size):
    packed = b"".join(PACK[kind](data * repeats) + bytes(zeros) for data, zeros in parts)
    assert _read(packed, kind, size) == b"".join(data * repeats for data, _ in parts)


@pytest.mark.parametrize("kind", KINDS)
def test_a_changed_byte_changes_nothing_or_is_an_error(kind):
    """Nothing, as in a header that holds a time."""
    data = [b"1,x\n" * 50, b"2,y\n" * 50]
    packed = b"".join(map(PACK[kind], data))
    for place in range(len(packed)):
        changed = bytes([*packed[:place], packed[place] ^ 0x55, *packed[place + 1 :]])
        with contextlib.suppress(*DAMAGED):
            assert _read(changed, kind) == b"".join(data)


@pytest.mark.parametrize("kind", KINDS)
def test_a_file_that_was_cut_off_is_an_error_but_between_members(kind):
    first, second = PACK[kind](b"1,x\n" * 50), PACK[kind](b"2,y\n" * 50)
    for place in range(1, len(first + second)):
        if place == len(first):
            assert _read(first, kind) == b"1,x\n" * 50
            continue
        with pytest.raises(DAMAGED):
            _read((first + second)[:place], kind)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("tail", [b"hello, this is no member", b"\0\0\0\0hello", b"\x1f\x8b"])
def test_anything_else_behind_a_member_is_told(tmp_path, kind, tail):
    path = tmp_path / f"log.csv.{SUFFIX[kind]}"
    path.write_bytes(PACK[kind](b"a,b\n1,x\n") + tail)
    says = rf"log.csv.{SUFFIX[kind]}: is a (damaged|truncated) {kind} file. Copy it again"
    with pytest.raises(LogError, match=says):
        list(read_file(str(path), 0, "auto", CsvConfig(), ("a", "b")))


@pytest.mark.parametrize("kind", KINDS)
def test_a_padded_log_is_read(tmp_path, kind):
    path = tmp_path / f"log.csv.{SUFFIX[kind]}"
    path.write_bytes(PACK[kind](b"a,b\n1,x\n") + bytes(512) + PACK[kind](b"2,y\n") + bytes(10_000))
    (block,) = read_file(str(path), 0, "auto", CsvConfig(), ("a", "b"))
    assert block.batch.to_pylist() == [{"a": "1", "b": "x"}, {"a": "2", "b": "y"}]
    assert not block.rejected
