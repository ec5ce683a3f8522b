"""Small logs as raw examples, run through the real Transform: what a Trainer is handed."""

from __future__ import annotations

import dataclasses
import functools
import json
import os
from pathlib import Path
from typing import Any

import apache_beam as beam
import numpy as np
import pytest
import tensorflow as tf
import tensorflow_transform as tft
import tensorflow_transform.beam as tft_beam
from tensorflow_metadata.proto.v0 import schema_pb2
from tensorflow_transform.tf_metadata import dataset_metadata, metadata_io
from tfx.components.trainer.fn_args_utils import FnArgs
from tfx_bsl.coders.example_coder import RecordBatchToExamplesEncoder
from tfx_bsl.public import tfxio

from models import features, item_table, preprocessing
from models.settings import PreprocessingSettings
from tests.once import once

MATCH = 4
HISTORY = {
    "max_length": 32,
    "match": MATCH,
    "session_gap": 30,
    "min_local": 3,
    "targets_per_example": 8,
}
BOUNDARIES = [1.0, 5.0]
DWELL = {"dwell": {"of": "event", "type": "number", "column": "dwell", "boundaries": BOUNDARIES}}

UNKNOWN = {int: 999, bytes: b"id-999"}  # an item that `train` does not have

RawExample = dict[str, list[Any]]


def random_example(
    rng: np.random.Generator, user: int, *, as_bytes: bool = False, optional: bool = True
) -> RawExample:
    """Returns a user with up to 32 behaviours and 8 targets; clicks follow the item's parity."""
    length, targets = int(rng.integers(0, 33)), int(rng.integers(1, 9))
    items = rng.integers(0, 60, length + targets)
    times = np.sort(rng.integers(0, 400, length + targets)).tolist()
    categories = items % 7
    clicks = rng.random(targets) < np.where(items[length:] % 2, 0.9, 0.1)

    def ids(values: np.ndarray) -> list[Any]:
        return [f"id-{v}".encode() for v in values] if as_bytes else values.tolist()

    example = {
        features.USER_ID: ids(np.array([user])),
        features.HISTORY_ITEM: ids(items[:length]),
        features.HISTORY_CATEGORY: ids(categories[:length]),
        features.HISTORY_TIME: times[:length],
        features.TARGET_ITEM: ids(items[length:]),
        features.TARGET_CATEGORY: ids(categories[length:]),
        features.TARGET_TIME: [time + 1 for time in times[length:]],  # what comes before is seen
        features.LABEL: clicks.astype(float).tolist(),
    }
    if optional:
        example[features.HISTORY_BEHAVIOR] = ids(rng.integers(1, 4, length))
        example[features.history_feature("dwell")] = (rng.random(length) * 8).tolist()
    return with_positions(example)


def with_positions(example: RawExample) -> RawExample:
    """Adds the positions, by the letter of their definitions; all targets see all behaviours."""
    times, length = example[features.HISTORY_TIME], len(example[features.HISTORY_ITEM])
    begins, matches = [], []
    for time, category in zip(
        example[features.TARGET_TIME], example[features.TARGET_CATEGORY], strict=True
    ):
        begins.append(literal_local_begin(times, time, **local_settings()))
        matches += literal_match(example[features.HISTORY_CATEGORY], category, MATCH)
    return example | {
        features.TARGET_REQUEST: [0] * len(begins),
        features.TARGET_HIST_END: [length] * len(begins),
        features.TARGET_LOCAL_BEGIN: begins,
        features.TARGET_MATCH: matches,
    }


def local_settings() -> dict[str, int]:
    """Returns the session settings of `HISTORY`."""
    return {"session_gap": HISTORY["session_gap"], "min_local": HISTORY["min_local"]}


def literal_local_begin(
    visible: list[int], time: int, session_gap: int | None, min_local: int
) -> int:
    """Walks back from the target for as long as no gap ends the session."""
    begin = len(visible)
    if session_gap is not None:
        later = time
        while begin > 0 and later - visible[begin - 1] <= session_gap:
            begin -= 1
            later = visible[begin]
    return min(begin, max(0, len(visible) - min_local))


def literal_match(visible: list[Any], category: Any, match: int) -> list[int]:
    """Returns the positions of the last `match` behaviours of `category`, -1 padded."""
    found = [place for place, other in enumerate(visible) if other == category][-match:]
    return found + [-1] * (match - len(found))


def serialize(example: RawExample) -> bytes:
    """Returns a serialized `tf.Example`."""

    def feature(name: str, values: list[Any]) -> tf.train.Feature:
        if values and isinstance(values[0], bytes):
            return tf.train.Feature(bytes_list=tf.train.BytesList(value=values))
        if values and isinstance(values[0], float):
            return tf.train.Feature(float_list=tf.train.FloatList(value=values))
        if not values:
            return tf.train.Feature()
        return tf.train.Feature(int64_list=tf.train.Int64List(value=values))

    fields = {name: feature(name, values) for name, values in example.items()}
    return tf.train.Example(features=tf.train.Features(feature=fields)).SerializeToString()


def schema_of(example: RawExample) -> schema_pb2.Schema:
    """Returns the schema of examples like this one, which must have a behaviour."""
    schema = schema_pb2.Schema(represent_variable_length_as_ragged=True)
    for name, values in example.items():
        kind = {bytes: schema_pb2.BYTES, int: schema_pb2.INT, float: schema_pb2.FLOAT}
        feature = schema.feature.add(name=name, type=kind[type(values[0])])
        if name == features.USER_ID:
            feature.shape.dim.add(size=1)
            feature.presence.min_fraction = 1
    return schema


def settings_of(example: RawExample) -> PreprocessingSettings:
    """Returns the settings for examples like this one."""
    has_dwell = features.history_feature("dwell") in example
    return PreprocessingSettings.model_validate({"features": DWELL if has_dwell else {}})


@dataclasses.dataclass(frozen=True)
class Transformed:
    """The outputs of Transform, and the raw examples that went in."""

    folder: Path
    splits: dict[str, list[RawExample]]
    settings: PreprocessingSettings

    @property
    def output(self) -> tft.TFTransformOutput:
        """Transform's graph, schemas and vocabularies."""
        return tft.TFTransformOutput(str(self.folder / "transform"))

    def files(self, split: str) -> list[str]:
        """Returns the glob of a split's transformed examples, as TFX gives it."""
        return [str(self.folder / split / "*")]

    def items(self) -> features.ItemTable | None:
        """Returns what is known of items, where they have features."""
        files = tf.io.gfile.glob(self.files(features.ITEMS))
        return item_table.read(files, self.output, self.settings) if files else None

    def fn_args(self, folder: Path, training: dict[str, Any], **model: Any) -> FnArgs:
        """Returns what TFX hands to `run_fn`, which then writes below `folder`."""
        config = {
            "model": {
                "name": "din",
                "item_dim": 8,
                "category_dim": 4,
                "num_heads": 2,
                "mlp_units": [16],
            }
            | model,
            "training": {"batch_users": 8} | training,
            "seed": 3,
            **self.settings.model_dump(),
            "history": HISTORY,
            "before": {"category": "|"},
        }
        return FnArgs(
            train_files=self.files("train"),
            eval_files=self.files("validation"),
            transform_output=str(self.folder / "transform"),
            serving_model_dir=str(folder / "serving"),
            model_run_dir=str(folder / "run"),
            custom_config={
                "config": json.dumps(config),
                "code": "hash",
                "checkpoint_dir": str(folder / "checkpoints"),
            },
        )


def _telling(splits: dict[str, list[RawExample]]) -> RawExample:
    """An example that tells the types of all features: it has a behaviour."""
    return next(example for example in splits["train"] if example[features.HISTORY_ITEM])


def transform(
    folder: Path,
    splits: dict[str, list[RawExample]],
    settings: PreprocessingSettings | None = None,
) -> Transformed:
    """Runs Transform as TFX does: analyses `train` and `items`, materialises every split."""
    first = _telling(splits)
    if settings is None:
        settings = settings_of(first)
    schema = schema_of(first | next(iter(splits.get(features.ITEMS, [{}]))))
    custom_config = {"config": settings.model_dump_json()}
    function = functools.partial(preprocessing.preprocessing_fn, custom_config=custom_config)
    source = tfxio.TFExampleBeamRecord(
        physical_format="memory", telemetry_descriptors=["tests"], schema=schema
    )
    output = str(folder / "transform")
    with beam.Pipeline() as pipeline, tft_beam.Context(temp_dir=str(folder / "temp")):
        raw = {
            split: pipeline
            | f"Create{split}" >> beam.Create([serialize(example) for example in examples])
            | f"Read{split}" >> source.BeamSource()
            for split, examples in splits.items()
        }
        config = source.TensorAdapterConfig()
        analysed = tuple(raw[split] for split in ("train", features.ITEMS) if split in raw)
        together = analysed | "Together" >> beam.Flatten()
        graph = (together, config) | tft_beam.AnalyzeDataset(function)
        _ = graph | tft_beam.WriteTransformFn(output)
        for split, batches in raw.items():
            (data, metadata) = ((batches, config), graph) | f"Transform{split}" >> (
                tft_beam.TransformDataset(output_record_batches=True)
            )
            encoder = RecordBatchToExamplesEncoder(metadata.schema)
            _ = (
                data
                | f"Encode{split}" >> beam.FlatMapTuple(lambda b, _, e=encoder: e.encode(b))
                | f"Write{split}"
                >> beam.io.WriteToTFRecord(
                    os.path.join(folder, split, "part"), file_name_suffix=".gz"
                )
            )
    metadata_io.write_metadata(
        dataset_metadata.DatasetMetadata(schema), os.path.join(output, "metadata")
    )
    return Transformed(folder, splits, settings)


def transformed_once(
    factory: pytest.TempPathFactory,
    name: str,
    splits: dict[str, list[RawExample]],
    settings: PreprocessingSettings | None = None,
) -> Transformed:
    """Returns what `transform` does, of a Transform that runs once for all processes of tests."""
    settings = settings or settings_of(_telling(splits))
    folder = once(factory, name, lambda folder: transform(folder, splits, settings))
    return Transformed(folder, splits, settings)


def random_splits(seed: int = 0, train: int = 120, **options: Any) -> dict[str, list[RawExample]]:
    """Returns random users; those of `validation` are others, and one has seen an unknown item."""
    rng = np.random.default_rng(seed)
    splits = {
        "train": [random_example(rng, user, **options) for user in range(train)],
        "validation": [random_example(rng, train + user, **options) for user in range(30)],
    }
    first = splits["validation"][0]
    first[features.TARGET_ITEM][0] = UNKNOWN[type(first[features.TARGET_ITEM][0])]
    return splits
