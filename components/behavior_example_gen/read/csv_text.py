"""Cuts a text file into blocks of whole rows, from behind its preamble."""

from __future__ import annotations

import codecs
import functools
import re
from collections.abc import Iterator
from typing import BinaryIO

from components.behavior_example_gen.config.log_config import CsvConfig
from components.behavior_example_gen.errors import LogError
from components.behavior_example_gen.read.byte_order import without_marks
from components.behavior_example_gen.read.csv_rows import Dialect

_BLOCK_BYTES = 8 << 20
_LONGEST_ROW = 64 << 20
_SURE = 20  # letters beyond ASCII
UNIT_SEPARATOR = b"\x1f"  # stands for a delimiter of several bytes
_EXCEL = re.compile(rb'"?sep=(.+?)"?\r?\n', re.IGNORECASE)
_BLANK = re.compile(rb"\r?\n")


def whole_rows(
    path: str, file: BinaryIO, config: CsvConfig, section: str
) -> tuple[int, Iterator[bytes]]:
    """Returns the number of the first row's line, and the text from there, some rows at a time.

    The text is UTF-8, without a byte-order mark, and has one byte between two columns. `section` is
    the dotted key of the table, for messages.

    Raises:
      LogError: if the text cannot be cut so.
    """
    text = _decoded(path, file, config.encoding, section)
    line, chunks = _without_preamble(path, text, config, section)
    return line, _whole_rows(path, chunks, config, section)


def dialect_of(config: CsvConfig) -> Dialect:
    """Returns how the blocks are cut into rows and cells."""
    delimiter = config.delimiter.encode()
    return Dialect(
        delimiter if len(delimiter) == 1 else UNIT_SEPARATOR,
        config.quote.encode() if config.quote else None,
        config.escape.encode() if config.escape else None,
    )


def _decoded(path: str, file: BinaryIO, encoding: str, section: str) -> Iterator[bytes]:
    """Yields the text as UTF-8, without a byte-order mark."""
    chunks = iter(functools.partial(file.read, _BLOCK_BYTES), b"")
    if not codecs.lookup(encoding).name.startswith("utf-8"):
        raw = (_checked(path, chunk, encoding, section) for chunk in chunks)
        chunks = (text.encode() for text in codecs.iterdecode(raw, encoding))
    yield next(chunks, b"").removeprefix(codecs.BOM_UTF8)
    yield from chunks


def _checked(path: str, chunk: bytes, encoding: str, section: str) -> bytes:
    """Refuses UTF-8 that would be read in another encoding: each letter would be several.

    No text of another encoding is by chance valid UTF-8 with more than a few letters beyond ASCII.
    """
    if chunk.isascii():
        return chunk
    text = re.sub(rb"\A[\x80-\xbf]{1,3}", b"", chunk)  # of a letter that the last chunk began
    try:
        letters = codecs.getincrementaldecoder("utf-8")().decode(text)
    except UnicodeDecodeError:
        return chunk
    if sum(not letter.isascii() for letter in letters) < _SURE:
        return chunk
    raise LogError(
        f"{path}: is UTF-8 text, but `{section}.csv.encoding` = {encoding} would read each letter "
        f"beyond ASCII as several. Remove `{section}.csv.encoding`."
    )


def _without_preamble(
    path: str, chunks: Iterator[bytes], config: CsvConfig, section: str
) -> tuple[int, Iterator[bytes]]:
    """Leaves out the lines before the first row: returns its number, and the text from there.

    That is `skip_rows` lines, a line `sep=;` as Excel writes it, and blank lines.
    """
    head = next(chunks, b"")
    while head.count(b"\n") < config.skip_rows + 1 and (chunk := next(chunks, b"")):
        head += chunk
    line, begin = 1, 0
    while line <= config.skip_rows and (end := head.find(b"\n", begin) + 1):
        line, begin = line + 1, end
    if head and line <= config.skip_rows:
        raise LogError(
            f"{path}: `{section}.csv.skip_rows` leaves out {config.skip_rows} lines, but the file "
            f"has no more than {line}. Lower it."
        )
    if excel := _EXCEL.match(head, begin):
        separator = excel[1].decode(errors="replace")
        if separator != config.delimiter:
            raise LogError(
                f"{path}: its first line says that {separator!r} is between columns. Set "
                f"`{section}.csv.delimiter: {separator!r}`. Received: {config.delimiter!r}"
            )
        line, begin = line + 1, excel.end()
    while blank := _BLANK.match(head, begin):
        line, begin = line + 1, blank.end()

    def rest() -> Iterator[bytes]:
        yield head[begin:]
        yield from chunks

    return line, rest()


def _whole_rows(
    path: str, chunks: Iterator[bytes], config: CsvConfig, section: str
) -> Iterator[bytes]:
    """Cuts a text where no row is cut.

    A quotation mark that is not closed before the end of the file, or within the longest row that
    can be meant, would take all rows behind it for one cell: its line is handed on alone.
    """
    old, dialect = config.delimiter.encode(), dialect_of(config)
    rest, chunk = b"", next(chunks, b"")
    while chunk or rest:
        rest += chunk or b"\n" * (not rest.endswith(b"\n"))
        end = _cut(rest, dialect)
        if not end and (not chunk or len(rest) > _LONGEST_ROW):
            end = rest.find(b"\n") + 1
            if not end:
                raise LogError(
                    f"{path}: a row is longer than {_LONGEST_ROW >> 20} MiB. Write it as text, "
                    f"with a row a line."
                )
        if end:
            whole = without_marks(rest[:end])
            yield _separated(path, whole, old, dialect.delimiter, section)
            rest = rest[end:]
        chunk = next(chunks, b"")


def _separated(path: str, text: bytes, old: bytes, new: bytes, section: str) -> bytes:
    """Puts one byte between columns."""
    if old == new:
        return text
    if new in text:
        raise LogError(
            f"{path}: holds the control character {new.decode()!r}, so it cannot be cut by a "
            f"`{section}.csv.delimiter` of several bytes ({old.decode()!r}). Write it "
            f"with another one."
        )
    return text.replace(old, new)


def _cut(text: bytes, dialect: Dialect) -> int:
    """Returns behind which newline a text can be cut, 0 if nowhere.

    A newline between quotation marks is none: there, the number of marks before it is odd.
    """
    if dialect.escape is not None and dialect.escape in text:  # what is escaped counts for nothing
        text = re.sub(re.escape(dialect.escape) + b".", b"\0\0", text, flags=re.DOTALL)
    end, mark = text.rfind(b"\n") + 1, dialect.quote
    if mark is None or mark not in text:
        return end
    marks = text.count(mark, 0, end)
    while end and marks % 2:
        before = text.rfind(b"\n", 0, text.rfind(mark, 0, end)) + 1
        marks -= text.count(mark, before, end)
        end = before
    return end
