"""The executor of BehaviorExampleGen."""

from __future__ import annotations

import json
import os
import time
from typing import Any

from absl import logging
from apache_beam.io.filesystems import FileSystems
from tfx import types
from tfx.components.util import examples_utils
from tfx.dsl.components.base import base_beam_executor
from tfx.proto import example_gen_pb2
from tfx.types import artifact_utils

from components.behavior_example_gen.config import SPLITS, IngestConfig
from components.behavior_example_gen.counts import Counts, check_rows, check_splits
from components.behavior_example_gen.ingest import ingest, unwrap

EXAMPLES = "examples"
COUNTS_FILE = "counts.json"


class Executor(base_beam_executor.BaseBeamExecutor):
    """Runs `ingest` with the Beam arguments of the pipeline.

    `counts.json` at the root of the artifact is written last: where it is missing, the rest is
    incomplete.
    """

    def Do(
        self,
        input_dict: dict[str, list[types.Artifact]],
        output_dict: dict[str, list[types.Artifact]],
        exec_properties: dict[str, Any],
    ) -> None:
        """Writes the examples of a log.

        Args:
          input_dict: empty.
          output_dict: `examples`, one artifact.
          exec_properties: `ingest_json`, an `IngestConfig`.

        Raises:
          LogError: if the log cannot be used.
        """
        self._log_startup(input_dict, output_dict, exec_properties)
        config = IngestConfig.model_validate_json(exec_properties["ingest_json"])
        examples = artifact_utils.get_single_instance(output_dict[EXAMPLES])
        begun = time.monotonic()

        aside = os.path.join(examples.uri, f".{COUNTS_FILE}")
        try:
            with self._make_beam_pipeline() as pipeline:
                ingest(pipeline, config, examples.uri, aside)
        except Exception as fault:
            raise unwrap(fault) from fault
        with FileSystems.open(aside) as file:
            counts = Counts.from_json(file.read().decode())
        check_rows(counts, config)
        check_splits(counts, config)

        examples.split_names = artifact_utils.encode_split_names(list(SPLITS))
        examples.span, examples.version = 0, 0
        examples_utils.set_payload_format(examples, example_gen_pb2.FORMAT_TF_EXAMPLE)
        examples_utils.set_file_format(examples, "tfrecords_gzip")
        result = counts.to_dict() | {"seconds": round(time.monotonic() - begun, 3)}
        with FileSystems.create(os.path.join(examples.uri, COUNTS_FILE)) as file:
            file.write(json.dumps(result, indent=2).encode())
        FileSystems.delete([aside])
        logging.info("BehaviorExampleGen: %s", result)
