"""Turns all rows of some users into the examples of every split."""

from __future__ import annotations

import collections
import functools
from collections.abc import Iterator

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from components.behavior_example_gen.clean.account import SAMPLES, Counts, Known, Sample
from components.behavior_example_gen.clean.clean import lacking
from components.behavior_example_gen.clean.notes import Notes
from components.behavior_example_gen.config.ingest_config import SPLITS, IngestConfig, section
from components.behavior_example_gen.cut.item_features import ItemFeatures
from components.behavior_example_gen.cut.order import sort_rows
from components.behavior_example_gen.cut.pack import Examples, pack
from components.behavior_example_gen.cut.split import TRAIN
from components.behavior_example_gen.cut.targets import (
    Targets,
    UserRows,
    WholeLog,
    find_targets,
    place_targets,
)
from components.behavior_example_gen.cut.training import training_rows
from components.behavior_example_gen.cut.user_features import user_features
from components.behavior_example_gen.hashing import combine
from components.behavior_example_gen.row import (
    DUPLICATE,
    LACKS,
    NO_TARGET,
    PART_ROWS,
    SEQUENCE,
    text,
)
from components.behavior_example_gen.sources.tables import JoinedTables
from components.behavior_example_gen.write.encode import Encoder
from components.behavior_example_gen.write.values import Values
from components.segments import starts
from models import feature_config, features


class Shard:
    """The users of one shard, sorted and cut.

    Args:
      rows: all cleaned rows of these users, in any order; at least one.
      config: the configuration.
      whole: what must be known of the whole log.
      tables: the joined ones of users, if there are any.

    Attributes:
      counts: users, examples, targets, and what is dropped here: `rows_kept` and `notes.missing`
        are minus those of the duplicates, so that they add up with what `clean` kept.
      items: what the training rows say of items; None if no feature is of items.
    """

    def __init__(
        self,
        rows: pa.RecordBatch,
        config: IngestConfig,
        whole: WholeLog,
        tables: JoinedTables | None = None,
    ):
        self._config = config
        by_log = config.history.ties == "order"
        if rows["category"].null_count:
            assert whole.catalogue is not None, "it was made, where categories are looked up"
            rows = whole.catalogue.fill(rows)
        rows, duplicates = sort_rows(rows, by_log, config.log.duplicates == "drop")
        missing = collections.Counter[str]()
        missing.subtract(lacking(duplicates, config))
        rows, duplicates = (found.drop_columns([LACKS]) for found in (rows, duplicates))
        user_rows = UserRows(rows, config)
        placed = place_targets(user_rows, whole)
        targets, dropped, young = find_targets(user_rows, whole, placed)
        self._histories = user_rows.histories
        self._users: dict[str, Values] = {}
        self.items: ItemFeatures | None = None
        if feature_config.of(("item", "user"), config.features):
            training = training_rows(user_rows, whole, placed)
            self._users = Values.of(user_features(user_rows, training, tables), config)
            self.items = ItemFeatures.of(user_rows, training) if config.has_items else None
        dropped[DUPLICATE] = duplicates.num_rows
        self._splits: dict[str, tuple[Targets, Examples]] = {}
        for index, name in enumerate(SPLITS):
            part = targets.take(np.flatnonzero(targets.split == index))
            size = 1 if name == "eval" else config.history.targets_per_example
            self._splits[name] = (
                part,
                pack(part.user, part.window_begin, part.request, part.hist_end, size),
            )
        held_out = targets.seconds[targets.split != TRAIN]
        self.counts = Counts(
            rows_kept=-duplicates.num_rows,
            users=len(rows["user"].unique()),
            dropped=+dropped,
            splits={name: _count(*split) for name, split in self._splits.items()},
            samples={DUPLICATE: _sample(duplicates)} if duplicates.num_rows else {},
            held_out=int(held_out.min()) if len(held_out) else None,
            notes=Notes(
                missing=missing,
                young=+young,
                busiest=_busiest(user_rows),
                contradicting=_contradicting(user_rows),
                late=_late(user_rows),
            ),
            labels={name: _known(targets) for name, (targets, _) in self._splits.items()}
            if config.labels
            else {},
            weighted={name: _weighted(targets) for name, (targets, _) in self._splits.items()}
            if config.weight is not None
            else {},
        )

    def encode(self, split: str) -> Iterator[bytes]:
        """Yields the serialized examples of a split, in an order that mixes the users.

        In eval, examples of a user stay together: they share most of their history, which a reader
        can use, and compression does.
        """
        targets, examples = self._splits[split]
        first = examples.target_begin
        evaluates = split == "eval"
        rank = (
            np.zeros(1) if evaluates else first - np.searchsorted(targets.user, targets.user[first])
        )
        draw = combine(self._config.seed, targets.user_hash[first], 0 if evaluates else rank)
        order = np.argsort(draw, kind="stable")
        yield from self._encoder.encode(examples.take(order), targets, sliced=evaluates)

    @functools.cached_property
    def _encoder(self) -> Encoder:
        users = {features.user_feature(name): values for name, values in self._users.items()}
        return Encoder(self._histories, users, self._config.history.match)


def _busiest(rows: UserRows) -> tuple[int, str]:
    """The rows of the user who has most, and its id."""
    counted = np.bincount(rows.user)
    user = int(counted.argmax())
    return int(counted[user]), text(rows.batch["user"][int(np.argmax(rows.user == user))].as_py())


def _contradicting(rows: UserRows) -> int:
    """Counts rows of label 0 whose user, item and time another row has with label 1."""
    judged = np.flatnonzero((rows.label == 0) | (rows.label == 1))
    begins = starts(rows.user[judged], rows.time[judged])
    tied = ~(begins & np.append(begins[1:], True))
    if not tied.any():
        return 0
    some, group = judged[tied], np.cumsum(begins)[tied]
    item = rows.take("item", some).dictionary_encode().indices.to_numpy()
    _, place = np.unique(group * len(some) + item, return_inverse=True)
    clicked = np.bincount(place, rows.label[some] == 1) > 0
    return int((clicked[place] & (rows.label[some] == 0)).sum())


def _late(rows: UserRows) -> dict[str, tuple[int, int]]:
    """Rows with a label that come more than an hour after the first one of their request."""
    config, ticks = rows.config, rows.config.log.mapping.time.ticks_per_second
    if config.request is None or config.log.mapping.time.unit == "order":
        return {}
    judged = rows.label != NO_TARGET
    late = judged & (rows.time - rows.time[rows.request] > 3_600 * ticks)
    key = f"{section(config.tables()[-1])}.columns.request"
    return {key: (int(late.sum()), int(judged.sum()))}


def _sample(rows: pa.RecordBatch) -> list[Sample]:
    """The first rows of the log among these."""
    first = pc.select_k_unstable(rows, SAMPLES, [(SEQUENCE, "ascending")])
    samples = []
    for row in rows.take(first).to_pylist():
        part, number = divmod(row.pop(SEQUENCE), PART_ROWS)
        samples.append(Sample(part, number, {name: text(cell) for name, cell in row.items()}))
    return samples


def _known(targets: Targets) -> dict[str, Known]:
    return {
        name: Known(int((values >= 0).sum()), int((values == 1).sum()))
        for name, values in targets.labels.items()
    }


def _weighted(targets: Targets) -> Known:
    assert targets.weight is not None, "the configuration names its column"
    counts = targets.weight > 0
    return Known(int(counts.sum()), int((counts & (targets.label == 1)).sum()))


def _count(targets: Targets, examples: Examples) -> collections.Counter[str]:
    return collections.Counter(
        examples=len(examples.target_begin),
        targets=len(targets.user),
        users=int(np.count_nonzero(starts(targets.user))),
        positives=int((targets.label == 1).sum()),
    )
