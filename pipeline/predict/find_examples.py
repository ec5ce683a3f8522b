"""Where `everlong predict` finds examples, or makes them, and whether a model can score them."""

from __future__ import annotations

import json
from pathlib import Path

import pydantic
from google.protobuf import text_format
from tensorflow_metadata.proto.v0 import schema_pb2

from components.artifact_content import CONTENT, fault
from components.behavior_example_gen.check import fingerprint
from components.behavior_example_gen.config.ingest_config import IngestConfig
from components.errors import InputError
from components.schema.assemble import schema_text
from components.scoring import exported_model
from components.secrets import resolve
from pipeline.config import Config
from pipeline.run_folder.folder import METADATA, executions

_NODE, _OUTPUT = "BehaviorExampleGen", "examples"


def load(model: Path, config: Config) -> exported_model.Model:
    """Loads a model that can score the configuration's examples.

    Raises:
      InputError: if it cannot be loaded, or naming every feature at fault.
    """
    schema = text_format.Parse(schema_text(config.ingest), schema_pb2.Schema())
    try:
        problem = exported_model.incompatible(str(model), schema)
        if not problem:
            return exported_model.Model(str(model))
    except Exception as error:  # of TensorFlow, as many as there are files to be damaged
        reason = " ".join(str(error).split())[:200]
        raise InputError(
            f"--model {model}: cannot be loaded, as its files are damaged or not all there "
            f"({reason}). Copy it again, complete, or give another"
        ) from error
    raise InputError(
        f"--model {model}: does not fit the configuration {config.name!r}: {problem}. Give the "
        "configuration that it was trained with"
    )


def existing(ingest: IngestConfig, folders: list[Path]) -> Path | None:
    """The newest examples of this very log and configuration in one of the run folders.

    Examples whose files are not as they were written are passed over.
    """
    wanted = fingerprint(ingest)
    for folder in folders:
        if not (folder / METADATA).is_file():
            continue
        for execution in executions(folder.resolve(), _NODE):
            found = execution.outputs[_OUTPUT]
            if (
                execution.parameters["fingerprint"] == wanted
                and _same(execution.parameters["ingest_json"], ingest)
                and fault(found.uri, found.properties.get(CONTENT)) is None
            ):
                return Path(found.uri)
    return None


def make(ingest: IngestConfig, split: str, folder: Path, beam_args: list[str]) -> None:
    """Ingests the log into `folder`, as the pipeline would, to score one split.

    A split without any label holds candidates: its rows are scored as they are.

    Raises:
      InputError: if the log cannot be used.
    """
    # Importing TFX takes long; only this way needs it.
    from tfx.types import standard_artifacts

    from components.behavior_example_gen.executor import Executor

    examples = standard_artifacts.Examples()
    examples.uri = str(folder)
    arguments = resolve(beam_args, "beam.args")
    context = Executor.Context(beam_pipeline_args=arguments, unique_id="predict")
    for scored in ("labelled", "unlabelled"):
        asked = ingest.model_copy(update={"scored": scored}).model_dump_json()
        Executor(context).Do({}, {_OUTPUT: [examples]}, {"ingest_json": asked})
        counts = json.loads((folder / "counts.json").read_text())
        if counts["splits"][split]["targets"] or ingest.label.column is None:
            return


def _same(told: str, ingest: IngestConfig) -> bool:
    try:
        return IngestConfig.model_validate_json(told) == ingest
    except pydantic.ValidationError:
        return False  # made by a version with other keys
