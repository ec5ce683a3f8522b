"""Finds the files of a log and reads them in blocks of Arrow, through Beam's file systems."""

from __future__ import annotations

import contextlib
import csv
import dataclasses
import difflib
import io
from collections.abc import Callable, Iterator, Sequence
from typing import BinaryIO

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet
from apache_beam.io.filesystem import CompressionTypes, FileMetadata
from apache_beam.io.filesystems import FileSystems

from components.behavior_example_gen.config import CsvConfig
from components.behavior_example_gen.errors import LogError

_BLOCK_BYTES = 8 << 20
_BLOCK_ROWS = 1 << 18
_PARQUET = (".parquet", ".pq")
_UNIT_SEPARATOR = "\x1f"  # stands for a delimiter of several characters


@dataclasses.dataclass(frozen=True)
class Block:
    """Some rows of a file.

    Attributes:
      rows: the columns that were asked for.
      first: number of the first row in its file, from 0, not counting the header.
      ragged: rows left out because they had a wrong number of columns.
    """

    rows: pa.RecordBatch
    first: int
    ragged: int = 0


def find_files(folder: str, names: str | Sequence[str]) -> list[FileMetadata]:
    """Returns the files that the names, globs or folders mean, sorted by path, each once.

    Raises:
      LogError: if a name means no file.
    """
    found: dict[str, FileMetadata] = {}
    for name in [names] if isinstance(names, str) else names:
        absolute = name.startswith("/") or "://" in name
        pattern = name if absolute else FileSystems.join(folder, name)
        matches = _match(pattern.rstrip("/") + "/**") or _match(pattern)
        if not matches:
            present = [FileSystems.split(m.path)[1] for m in _match(FileSystems.join(folder, "*"))]
            raise LogError(
                f"No file matches {pattern!r}. {nearest(name, present)} Check `folder` and `files`."
            )
        found |= {match.path: match for match in matches}
    return [found[path] for path in sorted(found)]


def read_blocks(
    path: str, layout: str, config: CsvConfig, columns: Sequence[str]
) -> Iterator[Block]:
    """Reads the columns of one file, as text from CSV and typed from Parquet.

    Args:
      path: the file.
      layout: "auto", "csv" or "parquet".
      config: how a text file is cut.
      columns: names of the columns to read, at least one.

    Yields:
      Blocks, in the order of the file.

    Raises:
      LogError: if the file cannot be read to its end, or lacks a column.
    """
    parquet = layout == "parquet" or (layout == "auto" and path.endswith(_PARQUET))
    try:
        if parquet:
            yield from _parquet_blocks(path, columns)
        else:
            yield from _csv_blocks(path, config, columns)
    except (pa.ArrowException, OSError, UnicodeError, EOFError, LookupError) as fault:
        raise LogError(_explain(path, config, fault, parquet)) from fault


def column_names(path: str, layout: str, config: CsvConfig) -> list[str]:
    """Returns the names of the columns of a file."""
    try:
        if layout == "parquet" or (layout == "auto" and path.endswith(_PARQUET)):
            with _open_plain(path) as file:
                return pyarrow.parquet.ParquetFile(file).schema_arrow.names
        return _csv_names(path, config)
    except (pa.ArrowException, OSError, UnicodeError, EOFError, LookupError) as fault:
        raise LogError(_explain(path, config, fault, path.endswith(_PARQUET))) from fault


def nearest(name: str, present: Sequence[str]) -> str:
    """Returns a sentence on what there is, and what may have been meant."""
    if not present:
        return "There is nothing there."
    near = difflib.get_close_matches(name, present, n=1)
    hint = f" Did you mean {near[0]!r}?" if near else ""
    shown = ", ".join(sorted(present)[:30])
    return f"Present: {shown}.{hint}"


def _match(pattern: str) -> list[FileMetadata]:
    try:
        matches = FileSystems.match([pattern])[0].metadata_list
    except Exception as fault:
        raise LogError(f"{pattern}: cannot be looked up: {fault}") from fault
    hidden = ("_", ".")
    return [m for m in matches if not FileSystems.split(m.path)[1].startswith(hidden)]


@contextlib.contextmanager
def _open_plain(path: str) -> Iterator[BinaryIO]:
    with contextlib.closing(
        FileSystems.open(path, compression_type=CompressionTypes.UNCOMPRESSED)
    ) as file:
        yield file


@contextlib.contextmanager
def _open_text(path: str) -> Iterator[BinaryIO]:
    """Opens a file, decompressed by Arrow, which unlike Beam notices a truncated gzip."""
    with _open_plain(path) as file:
        if path.endswith(".gz"):
            with pa.CompressedInputStream(pa.PythonFile(file, mode="r"), "gzip") as stream:
                yield stream
        else:
            yield file


def _parquet_blocks(path: str, columns: Sequence[str]) -> Iterator[Block]:
    with _open_plain(path) as file:
        table = pyarrow.parquet.ParquetFile(file)
        _check_columns(path, columns, table.schema_arrow.names)
        first = 0
        for batch in table.iter_batches(_BLOCK_ROWS, columns=list(columns)):
            yield Block(batch.select(list(columns)), first)
            first += batch.num_rows


def _csv_names(path: str, config: CsvConfig) -> list[str]:
    encoding = "utf-8-sig" if config.encoding.lower() in ("utf-8", "utf8") else config.encoding
    with _open_text(path) as stream:
        head = io.BytesIO()
        while b"\n" not in head.getvalue() and (more := stream.read(1 << 14)):
            head.write(more)
    line = head.getvalue().split(b"\n", 1)[0].decode(encoding).rstrip("\r")
    if not line:
        raise LogError(f"{path}: the file is empty. Remove it, or write it again.")
    line = line.replace(config.delimiter, _separator(config))
    quoting = csv.QUOTE_NONE if config.quote is None else csv.QUOTE_MINIMAL
    cells = next(
        csv.reader(
            [line], delimiter=_separator(config), quotechar=config.quote or '"', quoting=quoting
        )
    )
    if config.header is None:
        return cells
    if len(cells) != len(config.header):
        raise LogError(
            f"{path}: `csv.header` names {len(config.header)} columns, but the first row has "
            f"{len(cells)}: {line[:200]!r}. Mend `csv.header` or `csv.delimiter` "
            f"({config.delimiter!r})."
        )
    return config.header


def _has_rows(path: str) -> bool:
    """Whether anything but white space follows the first line."""
    with _open_text(path) as stream:
        header = True
        while more := stream.read(1 << 14):
            if header:
                _, newline, more = more.partition(b"\n")
                header = not newline
            if not header and more.strip():
                return True
    return False


def _csv_blocks(path: str, config: CsvConfig, columns: Sequence[str]) -> Iterator[Block]:
    names = _csv_names(path, config)
    _check_columns(path, columns, names)
    ragged = 0

    def skip(_: pyarrow.csv.InvalidRow) -> str:
        nonlocal ragged
        ragged += 1
        return "skip"

    if config.header is None and not _has_rows(path):
        return  # of a header alone, Arrow's reader leaves a thread that aborts the process at exit
    with _open_text(path) as stream:
        if len(config.delimiter) > 1:
            stream = _Replaced(stream, config.delimiter.encode(), _separator(config).encode())
        with pyarrow.csv.open_csv(
            stream,
            pyarrow.csv.ReadOptions(
                block_size=_BLOCK_BYTES,
                column_names=names,
                skip_rows=int(config.header is None),
                encoding=config.encoding,
            ),
            pyarrow.csv.ParseOptions(
                delimiter=_separator(config),
                quote_char=config.quote or False,
                invalid_row_handler=skip,
            ),
            pyarrow.csv.ConvertOptions(
                include_columns=list(columns),
                column_types=dict.fromkeys(columns, pa.string()),
                strings_can_be_null=True,
                null_values=[""],
            ),
        ) as reader:
            first = seen = 0
            for batch in reader:
                yield Block(batch, first, ragged - seen)
                first, seen = first + batch.num_rows + ragged - seen, ragged
            if ragged > seen:
                yield Block(batch.slice(0, 0), first, ragged - seen)


def _separator(config: CsvConfig) -> str:
    return config.delimiter if len(config.delimiter) == 1 else _UNIT_SEPARATOR


class _Replaced(io.RawIOBase):
    """A stream with every delimiter of several bytes replaced by a single byte."""

    def __init__(self, stream: BinaryIO, old: bytes, new: bytes):
        super().__init__()
        self._stream, self._old, self._new = stream, old, new
        self._rest, self._ready = b"", b""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:
        while not self._ready:
            more = self._stream.read(_BLOCK_BYTES)
            lines = self._rest + more
            # Only whole lines are replaced at a time, so that no delimiter lies across two reads.
            end = lines.rfind(b"\n") + 1 if more else len(lines)
            self._ready = lines[:end].replace(self._old, self._new)
            self._rest = lines[end:]
            if not more:
                break
        size = min(len(buffer), len(self._ready))
        buffer[:size] = self._ready[:size]
        self._ready = self._ready[size:]
        return size


def _check_columns(path: str, wanted: Sequence[str], present: Sequence[str]) -> None:
    for name in wanted:
        if present.count(name) != 1:
            times = "no" if name not in present else "more than one"
            raise LogError(
                f"{path}: has {times} column {name!r}. {nearest(name, present)} Mend the name in "
                f"`log.columns` (or `features`, `label`, `where`, `split`), or `csv.header`."
            )


def _explain(path: str, config: CsvConfig, fault: Exception, parquet: bool) -> str:
    text = " ".join(str(fault).split())
    remedies: dict[str, Callable[[], bool]] = {
        f"is not {config.encoding} text. Set `csv.encoding`, for example to latin-1.": lambda: (
            isinstance(fault, UnicodeError) or "UTF8" in text or "UTF-8" in text
        ),
        f"`csv.encoding` {config.encoding!r} is unknown. Set utf-8, latin-1 or another.": lambda: (
            isinstance(fault, LookupError)
        ),
        "is a truncated gzip file. Copy it again, complete.": lambda: (
            path.endswith(".gz") and "truncated" in text.lower()
        ),
        "is no gzip file, or a damaged one. Copy it again, or drop `.gz`.": lambda: (
            path.endswith(".gz") and "zlib" in text.lower()
        ),
        "is no Parquet file, or a truncated one. Copy it again, complete.": lambda: parquet,
        "holds no row. Remove it, or write it again.": lambda: "Empty CSV file" in text,
    }
    for remedy, applies in remedies.items():
        if applies():
            return f"{path}: {remedy} ({text})"
    return f"{path}: cannot be read: {text}. Check its permissions and that it is complete."
