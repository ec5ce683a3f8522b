"""A TensorFlow dataset as a source, through `tfds.beam.ReadFromTFDS`."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

import apache_beam as beam
import numpy as np
import pyarrow as pa

from components.behavior_example_gen.errors import LogError
from components.behavior_example_gen.read.block import Block
from components.behavior_example_gen.read.files import check_columns, nearest
from components.behavior_example_gen.sources.source import Source

_VERSION = re.compile(r"[\d.*]+")
_BATCH = 1 << 14  # examples that are read at a time, if each is an event


class TfdsSource(Source):
    """A split of a prepared dataset.

    An example is an event, its features scalars; or it is a run of events, such as those of a user:
    features of one value then hold for all of them. Events read many at a time, or runs of many
    events, are what makes this fast.

    Args:
      spec: NAME[/config][:version][:split]; the split is `train` if not given.
      options: further arguments of `tfds.builder`, such as `data_dir`.
      columns: names of the features to read.
      time: the one of them that tells events apart.
      section: the dotted key of the table, for messages.

    Raises:
      LogError: if there is no such dataset, split or feature, or it is not prepared.
    """

    keeps_order = False

    def __init__(
        self,
        spec: str,
        options: Mapping[str, Any],
        columns: Sequence[str],
        time: str,
        section: str,
    ):
        import tensorflow_datasets as tfds

        import components.behavior_example_gen.sources.datasets

        self._spec, self._columns = spec, list(columns)
        name, self._split = _parse(spec)
        try:
            self._builder = tfds.builder(name, **options)
        except (tfds.core.DatasetNotFoundError, ImportError, ValueError, TypeError) as fault:
            raise LogError(
                f"`{section}.source` tfds:{spec}: {_first_line(fault)}. Everlong's own datasets: "
                f"{', '.join(components.behavior_example_gen.sources.datasets.NAMES)}."
            ) from fault
        splits = self._builder.info.splits
        if not splits.total_num_examples:
            raise LogError(
                f"`{section}.source` tfds:{spec}: not prepared in {self._builder.data_dir}. "
                f"Prepare it by `everlong dataset`, or set `{section}.options: {{data_dir: ...}}`."
            )
        plain = re.split(r"[\[+]", self._split)[0]
        if plain not in splits:
            raise LogError(
                f"`{section}.source` tfds:{spec}: no split {plain!r}. "
                f"{nearest(plain, list(splits))}"
            )
        features = self._builder.info.features
        check_columns(f"tfds:{spec}", self._columns, list(features), section)
        lists = [name for name in self._columns if features[name].shape != ()]
        self._runs = time in lists
        wrong = [name for name in lists if not self._runs or features[name].shape != (None,)]
        if wrong:
            raise LogError(
                f"`{section}.source` tfds:{spec}: the feature {wrong[0]!r} has several values for "
                f"an event: its shape is {features[wrong[0]].shape}. Remove it from the columns."
            )

    @property
    def names(self) -> list[str]:
        """Of all features."""
        return list(self._builder.info.features)

    def blocks(self, pipeline: beam.Pipeline) -> beam.PCollection[Block]:
        """Reads every shard of the split on one worker."""
        import tensorflow_datasets as tfds

        wanted = tfds.decode.PartialDecoding(dict.fromkeys(self._columns, True))
        # Subsplits such as train[:10%] cannot be read in batches.
        batch = None if self._runs or "[" in self._split else _BATCH
        read = tfds.beam.ReadFromTFDS(
            self._builder, split=self._split, decoders=wanted, batch_size=batch
        )
        return pipeline | read | "ToArrow" >> beam.Map(_block, f"tfds:{self._spec}", self._columns)

    def fingerprint(self) -> str:
        """Its name, version, folder and the sizes of its shards."""
        info = self._builder.info
        shards = {name: split.shard_lengths for name, split in info.splits.items()}
        return (
            f"{info.full_name}:{self._split} {self._builder.data_dir} {shards} {info.dataset_size}"
        )

    def size(self) -> int:
        """By the size of its files."""
        return int(self._builder.info.dataset_size)


def _parse(spec: str) -> tuple[str, str]:
    """Returns the name, with config and version, and the split."""
    name, *rest = re.split(r":(?![^\[]*\])", spec)  # not the colon of train[:10%]
    split = "train"
    for part in rest:
        if _VERSION.fullmatch(part):
            name = f"{name}:{part}"
        else:
            split = part
    return name, split


def _first_line(fault: Exception) -> str:
    return str(fault).strip().split("\n")[0].rstrip(".")


def _block(example: Mapping[str, Any], name: str, columns: list[str]) -> Block:
    """Turns an example, or a batch of them, into rows."""
    cells = {column: np.atleast_1d(np.asarray(example[column])) for column in columns}
    lengths = {len(values) for values in cells.values()} - {1}
    if len(lengths) > 1:
        shown = {column: len(values) for column, values in cells.items()}
        raise LogError(f"{name}: the features of an example have different lengths: {shown}")
    size = lengths.pop() if lengths else 1
    whole = {column: _to_arrow(np.broadcast_to(v, (size,))) for column, v in cells.items()}
    return Block(f"{name} (an example)", 0, 1, pa.RecordBatch.from_pydict(whole)).checked()


def _to_arrow(values: np.ndarray) -> pa.Array:
    return pa.array(values.tolist(), pa.binary()) if values.dtype == object else pa.array(values)
