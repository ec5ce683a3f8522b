"""Whether a run folder's ML Metadata can be gone on with, asked before anything is imported."""

from __future__ import annotations

import contextlib
import sqlite3
import urllib.parse
from pathlib import Path

from components.errors import InputError

METADATA = "metadata.sqlite"


def check_metadata(path: Path) -> None:
    """Refuses a file that is no sound ML Metadata; one that is absent or empty is begun.

    Raises:
      InputError: naming the file, its fault and the way out.
    """
    if not path.exists() or (path.is_file() and not path.stat().st_size):
        return
    try:
        # Read and write: what a killed run had half written is rolled back first.
        address = f"file:{urllib.parse.quote(str(path))}?mode=rw"
        with contextlib.closing(sqlite3.connect(address, uri=True)) as database:
            fault = database.execute("PRAGMA quick_check(1)").fetchone()[0]
            tables = {row[0] for row in database.execute("SELECT name FROM sqlite_master")}
    except sqlite3.Error as error:
        if "locked" in str(error):  # by a run that is going on: sound enough for it
            return
        fault, tables = str(error), {"MLMDEnv"}
    if fault == "ok" and tables and "MLMDEnv" not in tables:
        fault = "it is another program's"
    if fault != "ok":
        raise InputError(
            f"{path}: is no sound ML Metadata ({' '.join(fault.split())[:120]}); remove it to "
            "begin anew, which forgets what was finished and blessed, or choose another folder"
        )
