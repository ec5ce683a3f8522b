"""What the first rows of a text say: the names of its columns."""

from __future__ import annotations

import contextlib
import csv
import re
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from components.behavior_example_gen.config.log_config import CsvConfig
from components.behavior_example_gen.errors import LogError
from components.behavior_example_gen.read.files import name_keys, own_columns
from components.behavior_example_gen.read.first_bytes import is_json_lines, told
from components.behavior_example_gen.read.packing import is_named_packed, packing

_BYTES = 1 << 12  # in which a file that is no text shows it
_TAR = slice(257, 262)  # where an archive says that it is one
_ROWS = 20  # by which a header is judged, and no fewer
_PREAMBLE = 50  # lines among which a header is looked for
_TAIL = "behind the last delimiter"
_NUMBER = re.compile(r"\s*-?\d+(\.\d+)?\s*")  # no name of a column that is asked for
_DELIMITERS = (",", ";", "\t", "|", "\x01")


class Head(NamedTuple):
    """The columns of a text.

    Attributes:
      names: of all columns, in order.
      columns: of those that are asked for.
      tail: of a last column that must be empty, as rows end with a delimiter and their header does
        not.
      size: bytes of the header.
    """

    names: list[str]
    columns: list[str]
    tail: str | None
    size: int


def read_head(
    path: str,
    text: bytes,
    line: int,
    config: CsvConfig,
    columns: Sequence[str],
    given: Mapping[str, object],
    section: str,
) -> Head:
    """Reads the names of the columns.

    Args:
      path: the file, for messages.
      text: the first rows, one at least, cut by a delimiter of one byte.
      line: the number of the first one's line.
      config: how they are cut.
      columns: the names that are asked for.
      given: those of them that need not be there.
      section: the dotted key of the table, for messages.

    Raises:
      LogError: if it is no text, or lacks a column.
    """
    lines = text[:_BYTES].split(b"\n")
    # Behind the first line, in fewer than half of them, zero bytes are damage: rows are faulty.
    binary = b"\0" in lines[0] or 2 * sum(b"\0" in line for line in lines) > len(lines)
    if (other := told(text, section, config.encoding)) or binary:
        raise LogError(f"{path}: {other or _no_text(path, text, config, section)}")
    size = _row_end(text, 0, config)
    first = text[:size].rstrip(b"\r\n").decode(errors="replace")
    if "\r" in first and (config.quote is None or config.quote not in first):
        raise LogError(
            f"{path}: its lines end with a return alone, as on old systems. Write it with "
            f"newlines: `tr '\\r' '\\n'`."
        )
    try:
        cells = _cells(first, config)
    except csv.Error as fault:
        raise LogError(
            f"{path}: the first row cannot be read: {fault}. Write it as text whose lines end "
            f"with a newline."
        ) from fault
    if config.header is None:
        names = [cell.strip() for cell in cells]
        row = text[size : _row_end(text, size, config)].rstrip(b"\r\n").decode(errors="replace")
        with contextlib.suppress(csv.Error):
            cells = _cells(row, config)
    else:
        names, size = config.header, 0
    ends_empty = len(cells) == len(names) + 1 and not cells[-1]
    if config.header is not None and len(cells) != len(names) and not ends_empty:
        shown = config.delimiter.join(cells)[:200]
        raise LogError(
            f"{path}: `{section}.csv.header` names {len(names)} columns, but the first row has "
            f"{len(cells)}: {shown!r}. Mend `{section}.csv.header` or `{section}.csv.delimiter` "
            f"({config.delimiter!r})."
        )
    lacking = [name for name in columns if name not in names and name not in given]
    hint = _hint(text, line, config, lacking, section) if lacking else ""
    if lacking and is_json_lines(text):
        hint = (
            f"It holds JSON lines: set `{section}.format: json`, or let its name end with .jsonl."
        )
    own = own_columns(path, columns, names, given, section, hint)
    if config.header is None:
        _check_width(path, text, size, names, config, section)
    tail = _TAIL if ends_empty else None
    return Head([*names, *filter(None, [tail])], own, tail, size)


def _check_width(
    path: str, text: bytes, begin: int, names: Sequence[str], config: CsvConfig, section: str
) -> None:
    """Refuses a header that fits none of the first rows, of which all have one other width."""
    rows: list[list[str]] = []
    while begin < len(text) and len(rows) < _ROWS:
        end = _row_end(text, begin, config)
        if row := text[begin:end].rstrip(b"\r\n").decode(errors="replace"):
            with contextlib.suppress(csv.Error):
                rows.append(_cells(row, config))
        begin = end
    widths = {len(row) for row in rows}
    tailed = widths == {len(names) + 1} and not any(row[-1] for row in rows)
    if len(rows) < _ROWS or len(widths) > 1 or widths == {len(names)} or tailed:
        return
    width = widths.pop()
    way_out = f"Mend the header or `{section}.csv.delimiter` ({config.delimiter!r})"
    if width == len(names) + 1:
        way_out = (
            f"If they begin with the row names of R, write it with `row.names = FALSE`, or set "
            f"`{section}.csv.skip_rows: {config.skip_rows + 1}` and "
            f"`{section}.csv.header: {['row', *names]}`"
        )
    raise LogError(
        f"{path}: its header names {len(names)} columns, but its rows have {width}: "
        f"{config.delimiter.join(rows[0])[:200]!r}. {way_out}."
    )


def _no_text(path: str, text: bytes, config: CsvConfig, section: str) -> str:
    if text[_TAR] == b"ustar":
        return "is a tar archive. Unpack it into a folder."
    if is_named_packed(path) and packing(path) is None:
        return f"is not packed as its name says, and no {config.encoding} text. Copy it again."
    wide = "utf-16-be" if text.startswith(b"\0") else "utf-16-le"  # a mark would have told
    return (
        f"is no {config.encoding} text, as it holds zero bytes. Unpack it, name it by its format, "
        f"such as *.parquet, or set `{section}.csv.encoding`, for example to {wide}."
    )


def _row_end(text: bytes, begin: int, config: CsvConfig) -> int:
    """Returns where the row ends that begins at some byte."""
    marks = 0
    while begin < len(text):
        end = text.find(b"\n", begin) + 1 or len(text)
        marks += text.count(config.quote.encode(), begin, end) if config.quote else 0
        begin = end
        if marks % 2 == 0:
            break
    return begin


def _cells(row: str, config: CsvConfig) -> list[str]:
    one_byte = len(config.delimiter.encode()) == 1
    lines = re.split(r"(?<=\n)", row)
    rows = csv.reader(
        lines,
        delimiter=config.delimiter if one_byte else "\x1f",
        quotechar=config.quote or '"',
        escapechar=config.escape,
        quoting=csv.QUOTE_NONE if config.quote is None else csv.QUOTE_MINIMAL,
    )
    return next(rows, [])


def _hint(text: bytes, line: int, config: CsvConfig, wanted: Sequence[str], section: str) -> str:
    """Returns the way out: that of another line, or another delimiter, if it has the columns."""
    csv_keys = f"`{section}.csv.header` or `{section}.csv.delimiter`"
    general = f"Mend {name_keys(section)}, {csv_keys}, or write it again with the column."
    if config.header is not None:
        return general
    lines = text[: 1 << 20].decode(errors="replace").splitlines()[:_PREAMBLE]
    names = set(wanted)
    for delimiter in (config.delimiter, *_DELIMITERS):
        for number, row in enumerate(lines, line):
            if names <= {cell.strip().strip(config.quote or "") for cell in row.split(delimiter)}:
                skip = f"`{section}.csv.skip_rows: {number - 1}`" if number > line else ""
                cut = f"`{section}.csv.delimiter: {delimiter!r}`"
                cut = cut if delimiter != config.delimiter else ""
                if cut or skip:
                    ways = " and ".join(filter(None, [cut, skip]))
                    return f"Line {number} names them: set {ways}."
                return "Marks behind a space quote nothing: write cells without these spaces."
    if any(_NUMBER.fullmatch(cell) for cell in lines[0].split(config.delimiter)):
        return (
            f"Its first row seems to be no header, but values: write one, or name the columns by "
            f"`{section}.csv.header` if no file has one."
        )
    return general
