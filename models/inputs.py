"""From transformed files to the dense batches that models read.

Examples are parsed once, into columns in memory. An epoch is then a list of batches, each a list
of example numbers and the shape to pad them to; gathering and padding run in `tf.data`, ahead of
the training step. The list depends on (seed, epoch) alone, so that a run that was killed goes on
at the very batch that comes next.
"""

from __future__ import annotations

import collections
import dataclasses
import itertools
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from models import features, moments
from models.buckets import BatchShape, assign

PARSED_AT_ONCE = 256  # examples
DISTINCT_PARTS = 8  # steps in which the number of a batch's distinct items grows
TIMES = (features.HISTORY_TIME, features.TARGET_TIME)


@dataclasses.dataclass(frozen=True)
class Batch:
    """The rows [B] of `Examples` that make up a batch, and the shape to pad them to."""

    rows: np.ndarray
    shape: BatchShape


@dataclasses.dataclass(frozen=True)
class Layout:
    """What batches hold beside the features of every model.

    Attributes:
      match: M of `target_match`; None: it is not read.
      values: most values V of each feature of users, by name.
      single: the features of users that have exactly one.
      distinct: whether batches name their distinct items, see `distinct_items`.
      moments: whether batches tell the moments of their targets, see `moments.of_batch`.
    """

    match: int | None = None
    values: Mapping[str, int] = dataclasses.field(default_factory=dict)
    single: frozenset[str] = frozenset()
    distinct: bool = False
    moments: bool = False

    @classmethod
    def of(
        cls, sizes: features.FeatureSizes, match: int | None = None, moments: bool = False
    ) -> Layout:
        """Returns the layout of a model with these tables."""
        values = {features.user_feature(field.name): field.values for field in sizes.user}
        single = {features.user_feature(f.name) for f in sizes.user if f.pooling is None}
        return cls(match, values, frozenset(single), sizes.items is not None, moments)


class Examples:
    """Parsed examples, as ragged columns in memory.

    Attributes:
      users: [N] int64 or bytes, the `user_id` of each example.
      columns: [N + 1, L], [N + 1, T], [N + 1, T * M], or [N + 1, V] of users, by feature name; ids
        and positions int32, times int64, labels float32. The last row is empty: it stands for "no
        example".
      layout: of the batches.
    """

    def __init__(
        self, users: np.ndarray, columns: dict[str, tf.RaggedTensor], layout: Layout
    ) -> None:
        self.users = users
        self.columns = columns
        self.layout = layout
        # Traced once for all epochs, of the columns alone: of `self` it would be a cycle.
        self._gather = tf.function(
            lambda rows, shape: _gather(columns, layout, rows, shape),
            [tf.TensorSpec([None], tf.int64), tf.TensorSpec([3], tf.int64)],
            autograph=False,
        )

    def __len__(self) -> int:
        return len(self.users)

    def dataset(self, batches: Sequence[Batch]) -> tf.data.Dataset:
        """Returns the padded batches, in order; see `pad` for what each holds."""
        rows = tf.RaggedTensor.from_row_lengths(
            np.concatenate([batch.rows for batch in batches]), [len(b.rows) for b in batches]
        )
        shapes = np.array([_padded(batch.shape) for batch in batches])
        dataset = tf.data.Dataset.from_tensor_slices((rows, shapes))
        gathered = dataset.map(self._gather, num_parallel_calls=2, deterministic=True)
        return untuned(gathered.prefetch(2))

    def batch(self, batch: Batch) -> dict[str, tf.Tensor]:
        """Returns one of the padded batches: of few, this costs less than a dataset."""
        shape = tf.constant(_padded(batch.shape), tf.int64)
        return self._gather(tf.constant(batch.rows, tf.int64), shape)


class EmptySplitError(ValueError):
    """A split without any example."""


class Split:
    """The examples of one split, in parts that fit in memory; a single part stays there.

    Args:
      files: gzipped TFRecord files of transformed examples.
      feature_spec: of these examples.
      layout: of the batches.
      part_bytes: size of the columns at which a part ends.

    Attributes:
      lengths: [N] behaviours of each example.
      targets: [N] targets of each example.
      moments: [N] moments of these; None where the layout has none.
      span: the first and the last time of all behaviours and targets.

    Raises:
      EmptySplitError: if the files hold no example.
    """

    def __init__(
        self,
        files: Sequence[str],
        feature_spec: Mapping[str, Any],
        layout: Layout,
        part_bytes: int,
    ) -> None:
        self._files = sorted(files)
        self._spec = {
            name: kind
            for name, kind in feature_spec.items()
            if not name.startswith(features.item_feature(""))
            and (name != features.TARGET_MATCH or layout.match is not None)
        }
        self._layout, self._part_bytes = layout, part_bytes
        self._kept: Examples | None = None
        lengths: list[np.ndarray] = []
        targets: list[np.ndarray] = []
        counted: list[np.ndarray] = []
        times: list[int] = []
        for part in self._read(skip=0):
            self._kept = None if lengths else part
            for values in (part.columns[name].flat_values.numpy() for name in TIMES):
                times += [int(values.min()), int(values.max())] if len(values) else []
            lengths.append(part.columns[features.HISTORY_ITEM].row_lengths()[:-1].numpy())
            targets.append(part.columns[features.TARGET_ITEM].row_lengths()[:-1].numpy())
            if layout.moments:
                counted.append(moments.counts(part.columns)[:-1])
        if not lengths:
            raise EmptySplitError(f"`files` must hold an example. Received: {list(files)}")
        self._part_sizes = [len(part) for part in lengths]
        self.lengths, self.targets = np.concatenate(lengths), np.concatenate(targets)
        self.moments = np.concatenate(counted) if counted else None
        self.span = min(times), max(times)

    @property
    def in_memory(self) -> bool:
        """Whether it is a single part, which stays there."""
        return self._kept is not None

    def parts(self) -> Iterator[Examples]:
        """Yields all examples, part by part."""
        return iter([self._kept]) if self._kept is not None else self._read(skip=0)

    def steps(self, shapes: Sequence[BatchShape]) -> int:
        """Returns the number of batches in an epoch, the same for every epoch."""
        return sum(len(plan) for plan in self._plans(shapes, None))

    def batches(
        self, shapes: Sequence[BatchShape], seed: tuple[int, int] | None, first: int = 0
    ) -> Iterator[tuple[tf.data.Dataset, list[np.ndarray]]]:
        """Yields part by part the padded batches of an epoch, from batch `first` on.

        Args:
          shapes: to pad to; the largest holds every example.
          seed: (seed, epoch) of the order; None: the order of the files.
          first: batches to leave out.

        Yields:
          A dataset of batches, and for each batch its users, [B]; the last batches of a shape
          may have fewer users than rows, the missing ones at the end.
        """
        read: Iterator[Examples] | None = None
        begin = 0
        for size, plan in zip(self._part_sizes, self._plans(shapes, seed), strict=True):
            if first >= len(plan):
                first -= len(plan)
                begin += size
                continue
            if self._kept is not None:
                part = self._kept
            else:
                read = read or self._read(skip=begin)
                part = next(read)
            plan = plan[first:]
            first = 0
            users = [part.users[batch.rows[batch.rows < size]] for batch in plan]
            yield part.dataset(plan), users

    def _plans(
        self, shapes: Sequence[BatchShape], seed: tuple[int, int] | None
    ) -> Iterator[list[Batch]]:
        """Yields for each part its batches of one epoch."""
        ends = list(itertools.accumulate(self._part_sizes))
        for number, (begin, end) in enumerate(itertools.pairwise([0, *ends])):
            rng = None if seed is None else np.random.default_rng([*seed, number])
            yield plan_batches(shapes, self.lengths[begin:end], self.targets[begin:end], rng)

    def _read(self, skip: int) -> Iterator[Examples]:
        """Yields the parts that follow the first `skip` examples; reading is the same each time."""

        @tf.autograph.experimental.do_not_convert
        def parse(serialized: tf.Tensor) -> dict[str, tf.Tensor]:
            parsed = tf.io.parse_example(serialized, self._spec)
            return {name: narrow(name, values) for name, values in parsed.items()}

        records = tf.data.TFRecordDataset(self._files, "GZIP", buffer_size=2**22)
        parsed = (
            records.skip(skip)
            .batch(PARSED_AT_ONCE)
            .map(parse, num_parallel_calls=2, deterministic=True)
            .prefetch(2)
        )
        pieces: dict[str, list[Any]] = collections.defaultdict(list)
        size = 0
        for batch in untuned(parsed):
            for name, values in batch.items():
                pieces[name].append(values)
                size += 0 if name == features.USER_ID else _bytes(values)
            if size >= self._part_bytes:
                yield _join(pieces, self._layout)
                pieces.clear()
                size = 0
        if pieces:
            yield _join(pieces, self._layout)


def untuned(dataset: tf.data.Dataset) -> tf.data.Dataset:
    """Returns the dataset without tf.data's tuning of its parallelism, which is given here.

    The thread that tunes sleeps ever longer, up to a minute, and the end of an iteration at times
    waits for it: 10 to 40 s after an epoch of 30 s, of which nothing is computed.
    """
    options = tf.data.Options()
    options.autotune.enabled = False
    return dataset.with_options(options)


def plan_batches(
    shapes: Sequence[BatchShape],
    lengths: np.ndarray,
    targets: np.ndarray,
    rng: np.random.Generator | None,
) -> list[Batch]:
    """Groups examples by the shape that they need, and cuts the groups into batches.

    Args:
      shapes: to choose from.
      lengths: [N] behaviours of each example.
      targets: [N] targets of each example.
      rng: shuffles examples and batches; None: both stay in order.

    Returns:
      Batches of full shape; row number N fills up the last of each shape.
    """
    group = assign(shapes, lengths, targets)
    batches = []
    for number, shape in enumerate(shapes):
        rows = np.flatnonzero(group == number)
        if rng is not None:
            rng.shuffle(rows)
        missing = -len(rows) % shape.users
        filled = np.concatenate([rows, np.full(missing, len(lengths))]).reshape(-1, shape.users)
        batches += [Batch(batch, shape) for batch in filled]
    if rng is not None:
        rng.shuffle(batches)
    return batches


def pad(
    ragged: Mapping[str, tf.RaggedTensor],
    length: tf.Tensor | int,
    targets: tf.Tensor | int,
    layout: Layout,
) -> dict[str, tf.Tensor]:
    """Returns the dense batch that models read.

    Args:
      ragged: transformed features [B, L], [B, T], [B, V] of users, and `target_match` [B, T * M]
        where present.
      length: L to pad histories to.
      targets: T to pad targets to.
      layout: M of `target_match`, and V of each feature of users.

    Returns:
      The features padded on the right with 0 (`target_request`, and `target_match`, [B, T, M]:
      with -1),
      `history_length` [B] int32 and `target_valid` [B, T] bool.
    """
    batch = {}
    for name, values in ragged.items():
        if name == features.TARGET_MATCH:
            assert layout.match is not None, "it is read only where a model asks for it"
            flat = dense(values, targets * layout.match, -1)
            batch[name] = tf.reshape(flat, [-1, targets, layout.match])
        elif name in layout.values:
            batch[name] = tf.ensure_shape(
                dense(values, layout.values[name]), [None, layout.values[name]]
            )
        else:
            size = length if name.startswith(features.HISTORY_PREFIX) else targets
            batch[name] = dense(values, size, -1 if name == features.TARGET_REQUEST else 0)
    batch[features.HISTORY_LENGTH] = tf.cast(ragged[features.HISTORY_ITEM].row_lengths(), tf.int32)
    batch[features.TARGET_VALID] = tf.sequence_mask(
        ragged[features.TARGET_ITEM].row_lengths(), targets
    )
    return batch


def distinct_items(batch: Mapping[str, tf.Tensor]) -> dict[str, tf.Tensor]:
    """Returns the distinct items of a batch, which are then embedded once each.

    Args:
      batch: with `history_item` [B, L] and `target_item` [B, T].

    Returns:
      `batch_items` [U], padded to an eighth, two, ... of all B * (L + T) for few shapes, and
      `history_place` [B, L] and `target_place` [B, T]: `batch_items[history_place]` are the items.
    """
    history, targets = batch[features.HISTORY_ITEM], batch[features.TARGET_ITEM]
    flat = tf.concat([tf.reshape(history, [-1]), tf.reshape(targets, [-1])], 0)
    items, places = tf.unique(flat)
    step = tf.maximum(tf.size(flat) // DISTINCT_PARTS, 1)
    missing = -tf.size(items) % step
    return {
        features.BATCH_ITEMS: tf.pad(items, [[0, missing]]),
        features.HISTORY_PLACE: tf.reshape(places[: tf.size(history)], tf.shape(history)),
        features.TARGET_PLACE: tf.reshape(places[tf.size(history) :], tf.shape(targets)),
    }


def dense(ragged: tf.RaggedTensor, size: tf.Tensor | int, padding: int = 0) -> tf.Tensor:
    """Returns [n, `size`], padded on the right; strings are padded with ""."""
    default = None if ragged.dtype == tf.string else padding
    return ragged.to_tensor(default, shape=tf.stack([-1, tf.cast(size, tf.int64)]))


def narrow(name: str, values: tf.RaggedTensor) -> tf.RaggedTensor:
    """Casts ids and positions to int32: half the memory, and what gathers on a GPU prefer."""
    if values.dtype == tf.int64 and name not in (*TIMES, features.USER_ID):
        return tf.cast(values, tf.int32)
    return values


def _gather(
    columns: Mapping[str, tf.RaggedTensor], layout: Layout, rows: tf.Tensor, shape: tf.Tensor
) -> dict[str, tf.Tensor]:
    """Returns the padded batch of these rows [B], of a shape (L, T, M)."""
    ragged = {name: tf.gather(column, rows) for name, column in columns.items()}
    length, targets, count = tf.unstack(shape)
    batch = pad(ragged, length, targets, layout)
    if layout.moments:
        batch |= moments.of_batch(batch, tf.cast(count, tf.int32))
    return batch | distinct_items(batch) if layout.distinct else batch


def _padded(shape: BatchShape) -> tuple[int, int, int]:
    return shape.length, shape.targets, shape.moments


def _bytes(values: tf.RaggedTensor) -> int:
    return int(tf.size(values.flat_values)) * values.dtype.size


def _join(pieces: Mapping[str, list[Any]], layout: Layout) -> Examples:
    columns = {}
    for name, parts in pieces.items():
        if name == features.USER_ID:
            continue
        values = np.concatenate([part.flat_values.numpy() for part in parts])
        lengths = np.concatenate([part.row_lengths().numpy() for part in parts] + [[0]])
        columns[name] = tf.RaggedTensor.from_row_lengths(values, lengths, validate=False)
    users = np.concatenate([part.numpy()[:, 0] for part in pieces[features.USER_ID]])
    return Examples(users, columns, layout)
