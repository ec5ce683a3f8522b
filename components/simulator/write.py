"""The simulated log as a file."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet

from components.errors import InputError
from components.simulator.config import SimulatorConfig
from components.simulator.simulator import simulate

SUFFIXES = (".parquet", ".csv", ".csv.gz")


def write(config: SimulatorConfig, out: Path) -> pa.Table:
    """Simulates all users and writes them, aside at first, then under the name asked for.

    Args:
      config: the simulator's configuration.
      out: file to write; its ending, one of `SUFFIXES`, says how.

    Returns:
      The log that was written.

    Raises:
      InputError: if the ending is another, or the folder cannot be written.
    """
    if not out.name.endswith(SUFFIXES):
        raise InputError(f"--out {str(out)!r}: must end in {', '.join(SUFFIXES)}")
    table = simulate(config, range(config.users))
    aside = out.with_name(f".partial-{os.getpid()}-{out.name}")
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        if out.suffix == ".parquet":
            pa.parquet.write_table(table, aside)
        else:
            with pa.output_stream(
                aside, compression="gzip" if out.suffix == ".gz" else None
            ) as sink:
                pa.csv.write_csv(table, sink)
        os.replace(aside, out)
    except OSError as error:
        raise InputError(f"--out {str(out)!r}: cannot be written: {error}") from error
    finally:
        with contextlib.suppress(OSError):
            aside.unlink()
    return table
