"""One ingest, from the log to a folder of examples that is complete or not there."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any

import apache_beam as beam
from apache_beam.io.filesystems import FileSystems

from components.behavior_example_gen.beam.storage import make, remove, write_text
from components.behavior_example_gen.clean.account import Counts
from components.behavior_example_gen.clean.refuse import check_splits
from components.behavior_example_gen.config.ingest_config import SPLITS, IngestConfig
from components.behavior_example_gen.ingest import COUNTS, ingest, unwrap
from components.literal_paths import take_paths_literally
from models.features import ITEMS

WORK = ".work"


def write_examples(
    config: IngestConfig, folder: str, make_pipeline: Callable[[], beam.Pipeline]
) -> dict[str, Any]:
    """Runs `ingest`.

    Args:
      config: the configuration.
      folder: gets the examples, `quarantine.jsonl` and, last, `counts.json`: where that is
        missing, the rest is incomplete. All workers must share its file system.
      make_pipeline: makes the Beam pipeline to run.

    Returns:
      The content of `counts.json`.

    Raises:
      LogError: if the log cannot be used. The quarantine may be there, the counts are not.
    """
    take_paths_literally()
    begun = time.monotonic()
    work, result = FileSystems.join(folder, WORK), FileSystems.join(folder, COUNTS)
    every = [FileSystems.join(folder, f"Split-{split}") for split in (*SPLITS, ITEMS)]
    for leftover in (result, work, *every):
        remove(leftover)
    make(work)
    for split in config.splits:
        make(FileSystems.join(folder, f"Split-{split}"))
    try:
        with make_pipeline() as pipeline:
            ingest(pipeline, config, folder, work)
        with FileSystems.open(FileSystems.join(work, COUNTS)) as file:
            counts = json.loads(file.read())
    except Exception as fault:
        found = unwrap(fault)
        if found is fault:
            raise  # `from` itself would make it its own cause: who follows causes never ends
        raise found from fault
    finally:
        remove(work)
    if config.scored is None:
        check_splits(Counts.from_dict(counts), config, counts["times"])
    counts["seconds"] = round(time.monotonic() - begun, 3)
    write_text(json.dumps(counts, indent=2), result)
    return counts
