"""What a file is that cannot be read as what it is taken for, by how it begins."""

from __future__ import annotations

import codecs

from components.behavior_example_gen.read.packing import packing_of

PARQUET = b"PAR1"
_BYTES = 1 << 12  # in which a file that is no text shows it
_MARKS = {  # that of UTF-32 begins with that of UTF-16
    codecs.BOM_UTF32_LE: "utf-32",
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}
_BINARY = {
    PARQUET: (
        "is a Parquet file. Set `{section}.format: parquet`, or let its name end with .parquet."
    ),
    b"ORC": "is an ORC file. Write it as Parquet.",
    b"Obj\x01": "is an Avro file. Set `{section}.source: beam:apache_beam.io.ReadFromAvro`.",
    b"ARROW1": "is an Arrow file. Write it as Parquet.",
    b"\xd0\xcf\x11\xe0": "is a document, such as a spreadsheet. Save it as CSV.",
    b"SQLite format 3": "is an SQLite database. Export its table as CSV.",
    b"\x89HDF": "is an HDF5 file. Write it as Parquet.",
    b"\x80\x04": "is a Python pickle. Write it as Parquet.",
    b"\x80\x05": "is a Python pickle. Write it as Parquet.",
}


def told(head: bytes, section: str, encoding: str | None = None) -> str | None:
    """Returns what a file is and the way out, None if it may be what it is taken for.

    Args:
      head: its first bytes, unpacked.
      section: the dotted key of the table, for messages.
      encoding: of a text that can have another one; None: it must be UTF-8.
    """
    if kind := packing_of(head):
        return f"was packed twice, within as {kind}. Unpack it once."
    wide = next((name for mark, name in _MARKS.items() if head.startswith(mark)), None)
    if wide and encoding is None:
        return f"is a text in {wide.upper()}. Write it again in UTF-8: `iconv -f {wide} -t utf-8`."
    if wide and codecs.lookup(encoding or "").name == "utf-8":
        return f"is a text in {wide.upper()}. Set `{section}.csv.encoding: {wide}`."
    if b"\0" not in head[:_BYTES]:  # a header may begin with any letters
        return None
    found = next((text for begin, text in _BINARY.items() if head.startswith(begin)), None)
    return found and found.format(section=section)


def is_python(head: bytes) -> bool:
    """Whether a text begins as Python prints a dictionary, which is no JSON."""
    return head.lstrip().startswith((b"{'", b"{u'", b'{u"'))


def is_json_lines(head: bytes) -> bool:
    """Whether a text begins with the first line of JSON lines."""
    line = head.lstrip().partition(b"\n")[0].rstrip()
    return line.startswith(b'{"') and line.endswith(b"}")
