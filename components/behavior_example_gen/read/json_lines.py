"""Reads JSON lines in blocks of Arrow: an object a line, its values as text, exactly as written.

As text, `1` and `"1"` are one id, an integer keeps all its digits, and a key may hold values of
different types in different lines and files.
"""

from __future__ import annotations

import codecs
import functools
import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, BinaryIO

import numpy as np
import pyarrow as pa

from components.behavior_example_gen.errors import LogError
from components.behavior_example_gen.read.block import NO_OBJECT, NOT_UTF8, Block, Rejected
from components.behavior_example_gen.read.files import check_columns
from components.behavior_example_gen.read.nested import by_event, pick
from components.behavior_example_gen.read.packing import open_unpacked

_BLOCK_BYTES = 8 << 20
_LONGEST_LINE = 64 << 20
_TRUTH = {True: "true", False: "false"}

_parse = functools.partial(json.loads, parse_int=str, parse_float=str, parse_constant=str)


def json_blocks(
    path: str, part: int, columns: Sequence[str], given: Mapping[str, object]
) -> Iterator[Block]:
    """Reads the values of keys, or of dotted paths of keys, in the order of the file.

    A key that an object lacks is a missing cell.

    Args:
      path: the file.
      part: its place in the log.
      columns: the keys.
      given: keys that need not be in the file; one that its first objects lack is not read.

    Raises:
      LogError: if no object has a key, or a key holds objects.
    """
    line, place, own = 1, 0, list(columns)
    present: set[str] = set()
    with open_unpacked(path) as file:
        for lines in _lines(path, file):
            rows, numbers, rejected = _objects(lines, line)
            present.update(*rows)
            if line == 1:
                own = [name for name in columns if _is_in(present, name) or name not in given]
            cells = [_column(path, name, [pick(row, name) for row in rows]) for name in own]
            batch = pa.RecordBatch.from_arrays(cells, own)
            block = Block(path, part, line, batch, tuple(rejected), np.array(numbers, np.int64))
            block = by_event(block, place).checked()
            yield block
            line, place = line + len(lines), place + block.batch.num_rows
    if line == 1:
        raise LogError(f"{path}: the file is empty. Remove it, or write it again.")
    if present:
        lacking = [name for name in own if not _is_in(present, name)]
        check_columns(path, lacking, sorted(present))


def _is_in(keys: set[str], path: str) -> bool:
    return path in keys or path.partition(".")[0] in keys


def _lines(path: str, file: BinaryIO) -> Iterator[list[bytes]]:
    """Yields some whole lines at a time."""
    rest = file.read(_BLOCK_BYTES).removeprefix(codecs.BOM_UTF8)
    if rest.lstrip().startswith(b"["):
        raise LogError(
            f"{path}: holds a JSON array. Write JSON lines, an object a line: with jq, `-c '.[]'`."
        )
    while rest:
        chunk = file.read(_BLOCK_BYTES)
        end = rest.rfind(b"\n") + 1 if chunk else len(rest)
        if end:
            yield rest[:end].removesuffix(b"\n").split(b"\n")
        elif len(rest) > _LONGEST_LINE:
            raise LogError(
                f"{path}: a line is longer than {_LONGEST_LINE >> 20} MiB. Write an object a line."
            )
        rest = rest[end:] + chunk


def _objects(
    lines: Sequence[bytes], first: int
) -> tuple[list[dict[str, Any]], list[int], list[Rejected]]:
    """Returns the objects of some lines, the numbers of their lines, and the faulty lines."""
    rows, numbers, rejected = [], [], []
    for number, line in enumerate(lines, first):
        try:
            row = _parse(line.decode())
        except UnicodeDecodeError:
            rejected.append(Rejected.of(number, NOT_UTF8, line.decode(errors="replace")))
            continue
        except (ValueError, RecursionError):
            row = None
        if isinstance(row, dict):
            rows.append(row)
            numbers.append(number)
        elif line.strip():
            rejected.append(Rejected.of(number, NO_OBJECT, line.decode()))
    return rows, numbers, rejected


def _column(path: str, name: str, values: list[Any]) -> pa.Array:
    if any(isinstance(value, list) for value in values):
        lists = [v if v is None or isinstance(v, list) else [v] for v in values]
        ends = np.cumsum([0, *(len(v or ()) for v in lists)])
        inner = _column(path, name, [cell for v in lists for cell in v or ()])
        return pa.LargeListArray.from_arrays(pa.array(ends, pa.int64()), inner)
    cells = [v if v is None or type(v) is str else _scalar(path, name, v) for v in values]
    try:
        return pa.array(cells, pa.string())
    except UnicodeEncodeError:  # half of a pair that stands for one character: no text
        packed = [None if cell is None else cell.encode("utf-8", "surrogatepass") for cell in cells]
        return pa.array(packed, pa.binary())


def _scalar(path: str, name: str, value: Any) -> str:
    if isinstance(value, Mapping):
        fields = ", ".join(f"{name}.{key}" for key in list(value)[:10])
        raise LogError(f"{path}: the key {name!r} holds objects. Name one of their keys: {fields}.")
    return _TRUTH[value]
