"""Executor of Evaluator."""

from __future__ import annotations

import json
import os
import time
from typing import Any

import apache_beam as beam
import tensorflow_model_analysis as tfma
from tensorflow_metadata.proto.v0 import schema_pb2
from tfx import types
from tfx.components.evaluator import constants
from tfx.dsl.components.base import base_beam_executor
from tfx.dsl.io import fileio
from tfx.types import artifact_utils
from tfx.utils import io_utils, path_utils

from components.evaluator import trivial_rules
from components.evaluator.config import GateConfig
from components.evaluator.earlier_split import learned_from
from components.evaluator.gate.judge import Verdict, judge
from components.evaluator.gate.scored import Scored
from components.evaluator.tfma import validation
from components.evaluator.tfma.eval_config import eval_config
from components.evaluator.tfma.extractors import EXTRACTOR, to_extracts
from components.evaluator.tfma.read import VERDICT
from components.scoring import predictions
from components.scoring.exported_model import (
    ScoreFiles,
    incompatible,
    protocol,
    slice_features,
    trained_items,
)
from components.scoring.slices import ITEM_RANK
from models import features
from models.settings import PreprocessingSettings

_SPLIT = "eval"


class Executor(base_beam_executor.BaseBeamExecutor):
    """Scores both models once; the table, TFMA's metrics and the verdict come from those scores."""

    def Do(
        self,
        input_dict: dict[str, list[types.Artifact]],
        output_dict: dict[str, list[types.Artifact]],
        exec_properties: dict[str, Any],
    ) -> None:
        """Writes predictions, metrics, verdict (also as TFMA's) and, last, the blessing."""
        self._log_startup(input_dict, output_dict, exec_properties)
        begun = time.monotonic()
        gate = GateConfig.model_validate_json(exec_properties["gate"])
        model = artifact_utils.get_single_instance(input_dict["model"])
        baseline = next(iter(input_dict.get("baseline_model") or []), None)
        schema = io_utils.SchemaReader().read(
            io_utils.get_only_uri_in_dir(artifact_utils.get_single_uri(input_dict["schema"]))
        )
        folder = artifact_utils.get_single_uri(output_dict["evaluation"])

        problem = incompatible(_saved_model(baseline), schema) if baseline else None
        compared = baseline if problem is None else None
        graph = artifact_utils.get_single_uri(input_dict["transform_graph"])
        files = _files(input_dict["examples"], _SPLIT)
        rules = trivial_rules.read(files, schema, graph)
        configured = PreprocessingSettings.model_validate_json(exec_properties["features"]).features
        sliced = {name: configured[name] for name in gate.sliced if name in configured}
        of_items = any(feature.of == "item" for feature in configured.values())
        items = _files(input_dict["examples"], features.ITEMS) if of_items else []
        score = ScoreFiles(
            _saved_model(model),
            _saved_model(compared) if compared else None,
            gate.sliced,
            graph,
            schema,
            protocol(rules),
            slice_features(sliced, files, items, schema),
            trained_items(items, schema) if items and ITEM_RANK in gate.sliced else None,
        )
        self._evaluate(score, files, schema, gate, compared is not None, folder)

        table = predictions.read(folder)
        scored = Scored.from_table(table, gate.sliced, exec_properties["drawn_negatives"])
        labels = {
            name: Scored.from_table(table, [], exec_properties["drawn_negatives"], name)
            for name in predictions.labels(table.column_names)
        }
        earlier = learned_from(_saved_model(compared), _saved_model(model)) if compared else None
        verdict = judge(scored, gate, problem, labels=labels, learned=earlier)
        told = verdict.to_json() | {
            "model": model.uri,
            "baseline": baseline and baseline.uri,
            "trivial_rules": trivial_rules.aucs(rules),
            "seconds": round(time.monotonic() - begun, 3),
        }
        io_utils.write_string_file(
            os.path.join(folder, VERDICT), json.dumps(told, indent=2, allow_nan=False) + "\n"
        )
        validation.write(folder, verdict)
        blessing = artifact_utils.get_single_instance(output_dict["blessing"])
        _bless(blessing, verdict, model, baseline, exec_properties)

    def _evaluate(
        self,
        score: ScoreFiles,
        files: list[str],
        schema: schema_pb2.Schema,
        gate: GateConfig,
        compared: bool,
        folder: str,
    ) -> None:
        """Writes the predictions table and TFMA's metrics."""
        oracle = any(feature.name == features.TARGET_ORACLE for feature in schema.feature)
        prefix = features.label_feature("")
        labels = [f.name.removeprefix(prefix) for f in schema.feature if f.name.startswith(prefix)]
        config = eval_config(gate.slices, compared, oracle, labels)
        with self._make_beam_pipeline() as pipeline:
            scored = (
                pipeline
                | "Files" >> beam.Create(files)
                | "OneFileAWorker" >> beam.Reshuffle()
                | "Score" >> beam.ParDo(score)
            )
            _ = (
                scored
                | "Gather" >> beam.CombineGlobally(beam.combiners.ToListCombineFn())
                | "WritePredictions" >> beam.Map(predictions.write, folder)
            )
            _ = (
                scored
                | "Slice" >> beam.FlatMap(to_extracts, config)
                | "Metrics"
                >> tfma.ExtractEvaluateAndWriteResults(
                    eval_config=config, extractors=[EXTRACTOR], output_path=folder
                )
            )


def _files(examples: list[types.Artifact], split: str) -> list[str]:
    return [
        os.fsdecode(path)
        for uri in artifact_utils.get_split_uris(examples, split)
        for path in sorted(fileio.glob(io_utils.all_files_pattern(uri)))
    ]


def _saved_model(model: types.Artifact) -> str:
    return path_utils.serving_model_path(model.uri)


def _bless(
    blessing: types.Artifact,
    verdict: Verdict,
    model: types.Artifact,
    baseline: types.Artifact | None,
    exec_properties: dict[str, Any],
) -> None:
    """Marks the blessing as TFX's Evaluator does, and why."""
    blessing.set_string_custom_property(
        constants.ARTIFACT_PROPERTY_CURRENT_MODEL_URI_KEY, model.uri
    )
    blessing.set_int_custom_property(constants.ARTIFACT_PROPERTY_CURRENT_MODEL_ID_KEY, model.id)
    if baseline is not None:
        blessing.set_string_custom_property(
            constants.ARTIFACT_PROPERTY_BASELINE_MODEL_URI_KEY, baseline.uri
        )
        blessing.set_int_custom_property(
            constants.ARTIFACT_PROPERTY_BASELINE_MODEL_ID_KEY, baseline.id
        )
    if "current_component_id" in exec_properties:
        blessing.set_string_custom_property("component_id", exec_properties["current_component_id"])
    failed = [check.code for check in verdict.checks if not check.passed]
    blessing.set_string_custom_property("verdict", verdict.sentence)
    blessing.set_string_custom_property("failed_checks", json.dumps(failed))
    name, value = (
        (constants.BLESSED_FILE_NAME, constants.BLESSED_VALUE)
        if verdict.blessed
        else (constants.NOT_BLESSED_FILE_NAME, constants.NOT_BLESSED_VALUE)
    )
    io_utils.write_string_file(os.path.join(blessing.uri, name), "")
    blessing.set_int_custom_property(constants.ARTIFACT_PROPERTY_BLESSED_KEY, value)
