"""The executor of BehaviorExampleGen."""

from __future__ import annotations

from typing import Any

from absl import logging
from tfx import types
from tfx.components.util import examples_utils
from tfx.dsl.components.base import base_beam_executor
from tfx.proto import example_gen_pb2
from tfx.types import artifact_utils

from components.behavior_example_gen.config.ingest_config import IngestConfig
from components.behavior_example_gen.run import write_examples

EXAMPLES = "examples"


class Executor(base_beam_executor.BaseBeamExecutor):
    """Runs `write_examples` with the Beam arguments of the pipeline.

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
        counts = write_examples(config, examples.uri, self._make_beam_pipeline)
        examples.split_names = artifact_utils.encode_split_names(config.splits)
        examples.span, examples.version = 0, 0
        payload = example_gen_pb2.FORMAT_TF_EXAMPLE  # type: ignore[attr-defined]  # made at import
        examples_utils.set_payload_format(examples, payload)
        examples_utils.set_file_format(examples, "tfrecords_gzip")
        logging.info("BehaviorExampleGen: %s", counts)
