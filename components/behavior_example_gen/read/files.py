"""Finds files through Beam's file systems: local, gs://, s3:// and others."""

from __future__ import annotations

import difflib
import fnmatch
import glob
import os
import re
import stat
import unicodedata
import urllib.parse
from collections.abc import Iterator, Mapping, Sequence

from apache_beam.io.filesystem import FileMetadata
from apache_beam.io.filesystems import FileSystems

from components import literal_paths
from components.behavior_example_gen.errors import LogError
from components.errors import NO_HOME
from components.utf8 import is_utf8

# What of apache-beam must be installed for a scheme of paths.
_EXTRAS = {"gs": "gcp", "s3": "aws", "azfs": "azure", "hdfs": "hadoop"}
_ANY = "**"  # of a pattern: any folders
_HIDDEN = re.compile(r"\.|_[^=]*$")  # names of what programs leave beside data; `_dt=1` is a value
_METADATA = "metadata.sqlite"  # what the output folder of a run holds
_NO_VALUE = "__HIVE_DEFAULT_PARTITION__"
_SPECIAL = {
    stat.S_IFIFO: "a named pipe",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
}


def find_files(
    folder: str, names: str | Sequence[str], key: str = "log.files"
) -> list[FileMetadata]:
    """Returns the files that the names, globs or folders mean, sorted by path, each once.

    Numbers in paths are sorted by their value, so that part-2 comes before part-10.
    A path that exists is taken as it is, whatever characters it has. Of folders and globs, files
    and folders whose names begin with `.` or `_` are left out at every level, but for partitions
    such as `_dt=1`; a file that is named is not. Of several names for one file, such as links, the
    first counts. `key` is the dotted key of the names, for messages.

    Raises:
      LogError: if a name means no file, or one that is no regular file or that a run wrote, or if
        its kind of path needs a package that is missing.
    """
    if not names or (not isinstance(names, str) and "" in names):
        raise LogError(f"`files` must name files. Received: {names!r}; name one, or `.` for all.")
    found: dict[str, FileMetadata] = {}
    for name in [names] if isinstance(names, str) else names:
        absolute = name.startswith("/") or "://" in name
        if not absolute:
            _check_scheme(folder)
        path = name if absolute else FileSystems.join(folder, name)
        _check_scheme(path)
        matches = _remote(path) if "://" in path else _local(path)
        if not matches:
            there = [] if absolute else _beside(folder)
            home = f" {NO_HOME}." if "~" in (folder[:1], name[:1]) else ""
            raise LogError(
                f"No file matches {path!r}. {nearest(name, there)} Check the folder and "
                f"`{key}`; names that begin with . or _ are read only where a file is named.{home}"
            )
        found |= {match.path: match for match in matches}
        if "://" not in path:
            _check_of_no_run(path, [match.path for match in matches], key)
    once = {_real(path): path for path in sorted(found, reverse=True)}
    return [found[path] for path in sorted(once.values(), key=lambda path: (_parts(path), path))]


def partitions(path: str) -> dict[str, str | None]:
    """Returns the columns that the folders of a file name, as in `dt=2024-01-01/part-0.parquet`.

    Names and values are as Hive and Spark write them: encoded as in addresses, and a missing value
    by a name of its own.

    Raises:
      LogError: if two folders name one column, with different values.
    """
    decode, found = urllib.parse.unquote, dict[str, str | None]()
    for name, equals, text in (part.partition("=") for part in path.split("/")[:-1]):
        if not equals or not name:
            continue
        key, value = decode(name), None if text == _NO_VALUE else decode(text)
        if found.setdefault(key, value) != value:
            raise LogError(
                f"{path}: its folders name the column {key!r} twice, as {found[key]!r} and as "
                f"{value!r}. Rename one of them."
            )
    return found


def nearest(name: str, present: Sequence[str]) -> str:
    """Returns a sentence on what there is, and what may have been meant."""
    if not present:
        return "There is nothing there."
    others = [other for other in present if other != name]
    same = [other for other in others if _folded(other) == _folded(name)]
    near = same or difflib.get_close_matches(name, others, n=1)
    hint = f" Did you mean {near[0]!r}?" if near else ""
    if near and _composed(near[0]) == _composed(name):
        hint += " It looks the same, but its accents are written otherwise (NFC or NFD of Unicode)."
    shown = ", ".join(printable(name) for name in sorted(present)[:30])
    return f"Present: {shown}.{hint}"


def _composed(name: str) -> str:
    return unicodedata.normalize("NFC", name)


def _folded(name: str) -> str:
    return _composed(name).casefold()


def printable(text: str) -> str:
    """Returns a text with its control characters as a program would write them."""
    return "".join(c if c.isprintable() else repr(c)[1:-1] for c in text)


def name_keys(section: str) -> str:
    """Returns the keys that name the columns of a table."""
    if section.startswith("log.tables."):
        return f"`{section}.key`"
    features = ", `features`" if section == "log" else ""
    return f"the name in `{section}.columns` (or `{section}.where`{features}, `label`, `split`)"


def check_columns(
    path: str, wanted: Sequence[str], present: Sequence[str], section: str, hint: str = ""
) -> None:
    """Refuses a table without exactly one column of each wanted name.

    Args:
      path: the table, for messages.
      wanted: the names.
      present: those of the table.
      section: its dotted key.
      hint: the way out, if it is known better than by the keys that name columns.

    Raises:
      LogError: naming the table, the column, the nearest one and, if given, a hint.
    """
    for name in wanted:
        if name not in present:
            hint = hint or f"Mend {name_keys(section)}, or write it again with the column."
            raise LogError(f"{path}: has no column {name!r}. {nearest(name, present)} {hint}")
        if list(present).count(name) > 1:
            raise LogError(
                f"{path}: has more than one column {name!r}. Write it again with others renamed."
            )


def own_columns(
    path: str,
    wanted: Sequence[str],
    present: Sequence[str],
    given: Mapping[str, object],
    section: str,
    hint: str = "",
) -> list[str]:
    """Returns the wanted columns that a file itself has; the others its folders must have given.

    Raises:
      LogError: if a column is in neither.
    """
    own = [name for name in wanted if name in present or name not in given]
    check_columns(path, own, present, section, hint)
    return own


def _parts(path: str) -> list[tuple[str, int]]:
    """Returns a path as texts, each with the number behind it, 0 without one."""
    return [(text, int(number or 0)) for text, number in re.findall("([^0-9]*)([0-9]*)", path)]


def _real(path: str) -> str:
    return path if "://" in path else os.path.realpath(path)


def _check_of_no_run(asked: str, paths: Sequence[str], key: str) -> None:
    """Refuses what a run wrote below the folder of its own log, such as its predictions."""
    base = literal_paths.split(asked)[0]
    for folder in {os.path.dirname(path) for path in paths}:
        while len(folder) > len(base):
            if os.path.isfile(os.path.join(folder, _METADATA)):
                raise LogError(
                    f"`{key}` means files in {folder}, the output folder of a run, too. Name the "
                    f"files of the log more closely, or move the run elsewhere."
                )
            folder = os.path.dirname(folder)


def _local(path: str) -> list[FileMetadata]:
    try:
        if os.path.isdir(path):
            return [_metadata(file) for file in _walk(path)]
        if os.path.lexists(path):
            return [_metadata(path)]
        base, pattern = literal_paths.split(path)
        if _ANY in (parts := pattern.split("/")):  # which glob follows in circles of links
            files = [(file, os.path.relpath(file, base).split("/")) for file in _walk(base)]
            return [_metadata(file) for file, names in files if _fits(names, parts)]
        found = glob.glob(pattern, root_dir=base) if pattern else []
        visible = [os.path.join(base, name) for name in found if not _is_hidden(name)]
        inside = [_walk(path) if os.path.isdir(path) else [path] for path in visible]
        return [_metadata(file) for files in inside for file in files]
    except OSError as fault:
        raise LogError(f"{path}: cannot be looked up: {fault}.") from fault


def _fits(names: Sequence[str], pattern: Sequence[str]) -> bool:
    """Whether a pattern, whose parts may be `**`, means a path or a folder on it."""
    if not pattern:
        return True
    first, rest = pattern[0], pattern[1:]
    if first == _ANY:
        return any(_fits(names[skipped:], rest) for skipped in range(len(names) + 1))
    return bool(names) and fnmatch.fnmatchcase(names[0], first) and _fits(names[1:], rest)


def _walk(folder: str, above: tuple[str, ...] = ()) -> Iterator[str]:
    """Yields the visible files in a folder; links are followed, but in no circle."""
    above = (*above, os.path.realpath(folder))
    with os.scandir(folder) as entries:
        for entry in entries:
            if _HIDDEN.match(entry.name):
                continue
            if not entry.is_dir():
                yield entry.path
            elif os.path.realpath(entry.path) not in above:
                yield from _walk(entry.path, above)


def _metadata(path: str) -> FileMetadata:
    if not is_utf8(path):
        raise LogError(
            f"{os.fsencode(path)!r}: its name is no text in UTF-8, as workers need it. Rename it."
        )
    try:
        facts = os.stat(path)
    except FileNotFoundError as fault:
        raise LogError(f"{path}: is a link to a file that is not there. Mend it.") from fault
    special = _SPECIAL.get(stat.S_IFMT(facts.st_mode))
    if special:
        raise LogError(
            f"{path}: is {special}, which cannot be read twice. Write it into a file first."
        )
    return FileMetadata(path, facts.st_size, facts.st_mtime)


def _remote(path: str) -> list[FileMetadata]:
    """An object of a store, the objects below a path, or those that a glob means."""
    path = path.rstrip("/")
    literal = glob.escape(path)
    inside = _visible(_match(f"{literal}/**"), path)
    if found := inside or _match(literal):
        return found
    base = re.split(r"[\[*?]", path, maxsplit=1)[0].rpartition("/")[0]
    return _visible(_match(path) + _match(f"{path}/**"), base)


def _visible(matches: list[FileMetadata], below: str) -> list[FileMetadata]:
    return [match for match in matches if not _is_hidden(match.path[len(below) :])]


def _match(pattern: str) -> list[FileMetadata]:
    try:
        return FileSystems.match([pattern])[0].metadata_list
    except Exception as fault:
        raise LogError(f"{pattern}: cannot be looked up: {fault}.{_needs(pattern)}") from fault


def _is_hidden(path: str) -> bool:
    """Whether a path, below the folder that was asked for, leads through a hidden name."""
    return any(_HIDDEN.match(part) for part in path.split("/"))


def _beside(folder: str) -> list[str]:
    if "://" in folder:
        pattern = FileSystems.join(folder, "*")
        return [FileSystems.split(match.path)[1] for match in _match(pattern)]
    return os.listdir(folder) if os.path.isdir(folder) else []


def _check_scheme(path: str) -> None:
    try:
        FileSystems.get_filesystem(path)
    except ValueError as fault:
        raise LogError(f"{path}: unknown kind of path.{_needs(path)}") from fault


def _needs(path: str) -> str:
    """Returns a sentence on what paths of an object store need."""
    scheme = path.partition("://")[0]
    extra = _EXTRAS.get(scheme)
    if extra is None:
        return ""
    return f" Paths of {scheme}:// need: pip install 'apache-beam[{extra}]', and access to them."
