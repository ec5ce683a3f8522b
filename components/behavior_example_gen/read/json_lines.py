"""Reads JSON lines in blocks of Arrow: an object a line, its values as text, exactly as written.

As text, `1` and `"1"` are one id, an integer keeps all its digits, and a key may hold values of
different types in different lines and files.
"""

from __future__ import annotations

import json
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from typing import Any, BinaryIO

import numpy as np
import pyarrow as pa

from components.behavior_example_gen.cells.parse import of_texts
from components.behavior_example_gen.errors import LogError
from components.behavior_example_gen.read.block import NO_OBJECT, Block, Rejected
from components.behavior_example_gen.read.byte_order import without_marks
from components.behavior_example_gen.read.files import check_columns
from components.behavior_example_gen.read.first_bytes import is_python, told
from components.behavior_example_gen.read.nested import by_event, has, names_in, pick
from components.behavior_example_gen.read.packing import open_unpacked
from components.unique_keys import RepeatedKeyError, unique

_BLOCK_BYTES = 8 << 20
_LONGEST_LINE = 64 << 20
_LOOKED_AT = 1000  # objects, for the names in them
NOT_JSON = "row: not utf-8 text, which JSON must be"
REPEATED = "a key is twice in an object"
OBJECT = "row: an object where most rows hold a value"
_TRUTH = {True: "true", False: "false"}

_parse = json.JSONDecoder(
    object_pairs_hook=unique, parse_int=str, parse_float=str, parse_constant=str
).decode


def json_blocks(
    path: str,
    part: int,
    columns: Sequence[str],
    given: Mapping[str, object],
    section: str,
    optional: Container[str],
    carriers: Container[str],
) -> Iterator[Block]:
    """Reads the values of keys, or of dotted paths of keys, in the order of the file.

    A key that an object lacks is a missing cell. An object that has a key twice is faulty.

    Args:
      path: the file.
      part: its place in the log.
      columns: the keys.
      given: keys that need not be in the file; one that its first objects lack is not read.
      section: the dotted key of the table, for messages.
      optional: keys that all objects may lack.
      carriers: as `by_event`.

    Raises:
      LogError: if no object has a key that is not optional, or a key holds objects.
    """
    line, place, own = 1, 0, list(columns)
    present: set[str] = set()
    found: set[str] = set()
    with open_unpacked(path) as file:
        for lines in _lines(path, file, section):
            rows, numbers, rejected = _objects(lines, line, columns)
            here = {name for name in columns if any(has(row, name) for row in rows)}
            found |= here
            present.update(*map(names_in, rows[:_LOOKED_AT]))
            if line == 1:
                own = [name for name in columns if name in here or name not in given]
            values = {name: [pick(row, name) for row in rows] for name in own}
            if strays := _strays(values.values()):
                values = {name: _without(cells, strays) for name, cells in values.items()}
                for number in (numbers[place] for place in sorted(strays)):
                    text = lines[number - line].decode()
                    rejected.append(Rejected.of(number, OBJECT, text))
                numbers = _without(numbers, strays)
                rejected.sort()
            cells = [_column(path, name, values[name]) for name in own]
            batch = pa.RecordBatch.from_arrays(cells, own)
            block = Block(
                path, part, line, batch, tuple(rejected), np.array(numbers, np.int64),
                absent=frozenset(own) - here,
            )  # fmt: skip
            block = by_event(block, place, carriers).checked()
            yield block
            line, place = line + len(lines), place + block.batch.num_rows
    if line == 1:
        yield Block.nothing(path, part, columns)
    if present:
        lacking = [name for name in own if name not in found and name not in optional]
        check_columns(path, lacking, sorted(present), section)


def json_names(path: str, section: str) -> list[str]:
    """Returns the keys of the first objects of a file, and the dotted paths of theirs.

    `section` is the dotted key of the table, for messages.
    """
    with open_unpacked(path) as file:
        rows, _, faulty = _objects(next(_lines(path, file, section), [])[:_LOOKED_AT], 1)
    if faulty and not rows:
        raise LogError(
            f"{path}: {faulty[0].reason.removeprefix('row: ')} in line {faulty[0].number} and all "
            f"of the first others. Write an object a line: with jq, `-c .`."
        )
    return list(dict.fromkeys(name for row in rows for name in names_in(row)))


def _lines(path: str, file: BinaryIO, section: str) -> Iterator[list[bytes]]:
    """Yields some whole lines at a time."""
    rest = without_marks(file.read(_BLOCK_BYTES))
    if other := told(rest, section):
        raise LogError(f"{path}: {other}")
    if rest.lstrip().startswith(b"["):
        raise LogError(
            f"{path}: holds a JSON array. Write JSON lines, an object a line: with jq, `-c '.[]'`."
        )
    if is_python(rest):
        raise LogError(
            f"{path}: holds dictionaries as Python prints them, which is no JSON. Write each line "
            f"again: in Python, `json.dumps(ast.literal_eval(line))`."
        )
    while rest:
        chunk = file.read(_BLOCK_BYTES)
        end = rest.rfind(b"\n") + 1 if chunk else len(rest)
        if end:
            yield without_marks(rest[:end]).removesuffix(b"\n").split(b"\n")
        elif len(rest) > _LONGEST_LINE:
            raise LogError(
                f"{path}: a line is longer than {_LONGEST_LINE >> 20} MiB. Write an object a line."
            )
        rest = rest[end:] + chunk


def _objects(
    lines: Sequence[bytes], first: int, columns: Iterable[str] = ()
) -> tuple[list[dict[str, Any]], list[int], list[Rejected]]:
    """Returns the objects of some lines, the numbers of their lines, and the faulty lines.

    A key that comes twice is named if `columns` have it: there are not many of them.
    """
    rows, numbers, rejected = [], [], []
    named = {part for name in columns for part in (name, *name.split("."))}
    for number, line in enumerate(lines, first):
        try:
            row = _parse(line.decode())
        except UnicodeDecodeError:
            rejected.append(Rejected.of(number, NOT_JSON, line.decode(errors="replace")))
            continue
        except RepeatedKeyError as fault:
            reason = f"row: {fault if fault.key in named else REPEATED}"
            rejected.append(Rejected.of(number, reason, line.decode()))
            continue
        except (ValueError, RecursionError):
            row = None
        if isinstance(row, dict):
            rows.append(row)
            numbers.append(number)
        elif line.strip():
            rejected.append(Rejected.of(number, NO_OBJECT, line.decode()))
    return rows, numbers, rejected


def _strays(columns: Iterable[list[Any]]) -> set[int]:
    """Returns the places of the few rows that hold an object where the others hold a value.

    Where most do, another column is meant, which `_column` says.
    """
    strays: set[int] = set()
    for values in columns:
        if dict in set(map(type, values)):
            objects = {place for place, value in enumerate(values) if isinstance(value, dict)}
            plain = sum(value is not None for value in values) - len(objects)
            strays |= objects if len(objects) < plain else set()
    return strays


def _without(values: list[Any], places: Container[int]) -> list[Any]:
    return [value for place, value in enumerate(values) if place not in places]


def _column(path: str, name: str, values: list[Any]) -> pa.Array:
    if list in set(map(type, values)):
        lists = [v if v is None or isinstance(v, list) else [v] for v in values]
        ends = np.cumsum([0, *(len(v or ()) for v in lists)])
        inner = _column(path, name, [cell for v in lists for cell in v or ()])
        return pa.LargeListArray.from_arrays(pa.array(ends, pa.int64()), inner)
    cells = [v if v is None or type(v) is str else _scalar(path, name, v) for v in values]
    return of_texts(cells)


def _scalar(path: str, name: str, value: Any) -> str:
    if isinstance(value, Mapping):
        fields = ", ".join(f"{name}.{key}" for key in list(value)[:10])
        raise LogError(f"{path}: the key {name!r} holds objects. Name one of their keys: {fields}.")
    return _TRUTH[value]
