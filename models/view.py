"""A batch as the modules of a model see it."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable, Collection, Mapping

import tensorflow as tf

from models import features, moments
from models.layers import BehaviorEmbedding, Selection, TargetPositionEncoding, Window
from models.layers.distinct import STEP, distinct
from models.layers.either import either
from models.layers.gather import gather_rows
from models.layers.item_rows import ItemRows
from models.layers.subsequence import Subsequence, flat_positions
from models.layers.xla_jit import in_plain_graph

# Up to this length, attention over all of a user's behaviours under a mask costs less than
# gathering the chosen ones: see benchmarks.
MASKED_LENGTH = 512
# The newest behaviours of a user's targets are read as one stretch of so many times what one target
# reads: what was shown in one request needs no more than once that.
STRETCH = 2


@dataclasses.dataclass(frozen=True, repr=False, eq=False)
class View:
    """Users' histories, newest first, with what each target may see of them.

    Attributes:
      embedding: of behaviours and targets.
      ids: [B, L] int32 by feature name, newest first.
      time: [B, L] int64, newest first.
      length: L, padded; an int where it is static.
      window: the visible history of each target.
      local: the local subsequence of each target.
      target_ids: [B, T] int32 by feature name.
      target_time: [B, T] int64.
      target: [B, T, Dq] float, embedded targets.
      batch_items: [U] int32, the batch's distinct items, which "item" of `ids` and `target_ids` are
        places in; None: among all items, or, where items have no features, ids.
      own_items: [U] int32, the items whose own rows these have; None: themselves.
      items: [U, D] float, the same, embedded, or the table of all; None where ids say all of them.
      fresh: `target_fresh` and `fresh_<name>` of a batch that has them.
      told_moments: `moment_of_target` [B, T] and `moment_target` [B, M] of a batch that has them.
    """

    embedding: BehaviorEmbedding
    ids: Mapping[str, tf.Tensor]
    time: tf.Tensor
    length: int | tf.Tensor
    window: Window
    local: Window
    target_ids: Mapping[str, tf.Tensor]
    target_time: tf.Tensor
    target: tf.Tensor
    batch_items: tf.Tensor | None = None
    own_items: tf.Tensor | None = None
    items: tf.Tensor | ItemRows | None = None
    fresh: Mapping[str, tf.Tensor] = dataclasses.field(default_factory=dict)
    told_moments: tuple[tf.Tensor, tf.Tensor] | None = None

    @classmethod
    def of(
        cls, batch: Mapping[str, tf.Tensor], embedding: BehaviorEmbedding, min_length: int
    ) -> View:
        """Returns the view of a batch (docs/architecture.md, "The example").

        Args:
          batch: dense tensors by feature name; `target_valid` and `history_length` as padding says.
          embedding: of behaviours and targets.
          min_length: int, padded length that the modules need at least (their K).
        """
        batch_items = batch.get(features.BATCH_ITEMS)
        columns = {name: features.history_feature(name) for name in embedding.features}
        target_item = features.TARGET_ITEM
        if batch_items is not None:
            columns["item"], target_item = features.HISTORY_PLACE, features.TARGET_PLACE
        oldest_first = batch[features.HISTORY_TIME]
        given = oldest_first.shape[1] or tf.shape(oldest_first)[1]
        missing = min_length - given
        ids = {name: newest_first(batch[column], missing) for name, column in columns.items()}
        time = newest_first(oldest_first, missing)
        # Not the shape of `time`, which no graph would then leave out.
        length = time.shape[1] or tf.maximum(given, min_length)
        end = tf.minimum(batch[features.TARGET_HIST_END], batch[features.HISTORY_LENGTH][:, None])
        end = tf.where(batch[features.TARGET_VALID], end, 0)
        target_ids = {
            "item": batch[target_item],
            "category": batch[features.TARGET_CATEGORY],
        }
        own_items = batch.get(features.OWN_ITEMS)
        items = embedding.items(batch_items, own_items)
        prefixes = (features.TARGET_FRESH, features.fresh_feature(""))
        fresh = {name: values for name, values in batch.items() if name.startswith(prefixes)}
        return cls(
            embedding=embedding,
            ids=ids,
            time=time,
            length=length,
            window=Window.of(tf.zeros_like(end), end, length),
            local=Window.of(batch[features.TARGET_LOCAL_BEGIN], end, length),
            target_ids=target_ids,
            target_time=batch[features.TARGET_TIME],
            target=embedding.targets(target_ids, items, fresh),
            batch_items=batch_items,
            own_items=own_items,
            items=items,
            fresh=fresh,
            told_moments=(
                (batch[features.MOMENT_OF_TARGET], batch[features.MOMENT_TARGET])
                if features.MOMENT_TARGET in batch
                else None
            ),
        )

    def through(self, embedding: BehaviorEmbedding) -> View:
        """Returns the same view with other embeddings of behaviours and targets."""
        items = embedding.items(self.batch_items, self.own_items)
        target = embedding.targets(self.target_ids, items, self.fresh)
        return dataclasses.replace(self, embedding=embedding, target=target, items=items)

    @functools.cached_property
    def rows(self) -> tf.Tensor:
        """Embedded behaviours, newest first, [B, L, D] float.

        Looked up on demand: TensorFlow does not leave out of a graph what reads a table in vain.
        """
        return self.embedding(self.ids, self.items)

    @property
    def is_static(self) -> bool:
        """Whether the graph knows how many targets and behaviours there are: it trains."""
        return self.window.first.shape.is_fully_defined() and self.time.shape[1] is not None

    @property
    def shares_moments(self) -> bool:
        """Whether to compute once a moment what depends on nothing else of a target.

        Where shapes are static, a batch tells whether there are fewer moments than targets.
        """
        if self.window.first.shape[1] == 1:
            return False
        if not self.is_static:
            return True
        return self.told_moments is not None and (
            self.told_moments[1].shape[1] < self.told_moments[0].shape[1]
        )

    def moments(self) -> tuple[View, tf.Tensor]:
        """Returns a view of the moments at which targets are shown, and where each target is there.

        Targets that follow each other and see the same behaviours at one time share a moment, as
        those of a request do.

        Returns:
          the view of [B, M], with one of the targets of each moment, the last of them repeated
          where a user has fewer; [B, T] int32, places of targets among moments.
        """
        if self.told_moments is not None:
            place, of_moment = self.told_moments
        else:
            edges = (*self.window, *self.local)
            told = tf.stack([*(tf.cast(x, tf.int64) for x in edges), self.target_time], -1)
            place = moments.places(told)
            of_moment = moments.first_targets(place, tf.maximum(tf.reduce_max(place) + 1, 1))

        def chosen(values: tf.Tensor) -> tf.Tensor:
            return tf.gather(values, of_moment, batch_dims=1)

        view = dataclasses.replace(
            self,
            window=Window(*map(chosen, self.window)),
            local=Window(*map(chosen, self.local)),
            target_ids={name: chosen(ids) for name, ids in self.target_ids.items()},
            target_time=chosen(self.target_time),
            target=chosen(self.target),
            told_moments=None,
        )
        if "rows" in vars(self):  # they are the same
            vars(view)["rows"] = self.rows
        return view, place

    @property
    def is_masked(self) -> bool:
        """Whether histories are so short that attention reads them whole, under a mask."""
        return self.time.shape[1] is not None and self.time.shape[1] <= MASKED_LENGTH

    def recall(self, chosen: Selection) -> tuple[tf.Tensor, tf.Tensor]:
        """Returns the chosen behaviours' rows, with gradients, and which of them are real.

        Returns:
          rows [B, L, D] and mask [B, T, L] of short histories, else [B, T, K, D] and [B, T, K].
        """
        if self.is_masked:
            return self.rows, chosen.mask(self.length)
        return self.gather(chosen), chosen.valid

    def of_recent(
        self,
        count: int,
        pool: Callable[[tf.Tensor | None, tf.Tensor], tf.Tensor],
        names: Collection[str] | None = None,
    ) -> tf.Tensor:
        """Returns what `pool` makes of the newest `count` behaviours that each target sees.

        Targets of one moment see the same, and those that follow each other nearly the same: what
        a request's targets see is read once, not for each of them, and so it is of short histories.

        Args:
          count: int.
          pool: of rows and mask like those of `recall`, for some number of behaviours.
          names: features whose columns rows have; None: all. Of none of them, rows are None.
        """
        recent, chosen = self.window.newest(count), self.window.select(count)
        columns = self.embedding.features if names is None else names
        if not columns:
            return pool(None, chosen.valid)
        ids = {name: self.ids[name] for name in columns}

        def rows_at(positions: tf.Tensor) -> tf.Tensor:
            return self.embedding({n: take(x, positions) for n, x in ids.items()}, self.items)

        def rows_of(selection: Selection) -> tf.Tensor:
            return self.gather(selection) if names is None else rows_at(selection.positions)

        def apart() -> tf.Tensor:
            return pool(rows_of(chosen), chosen.valid)

        if self.is_masked and not in_plain_graph():  # how far apart targets are says no shape
            rows = self.rows if names is None else self.embedding(ids)
            return pool(rows, recent.mask(self.length))
        if self.window.first.shape[1] == 1 or (self.is_static and not self.is_masked):
            return apart()
        begin, size = recent.stretch()
        places = begin + tf.range(size)  # [B, M]
        inside = tf.minimum(places, self.length - 1)[:, None]

        def together() -> tf.Tensor:
            rows = rows_of(Selection(inside, tf.ones_like(inside, tf.bool)))[:, 0]
            return pool(rows, recent.holds(places))

        if self.is_masked:
            return together()
        return either(size <= STRETCH * count, together, apart)

    def gather(self, chosen: Selection) -> tf.Tensor:
        """Returns the chosen behaviours' rows, [B, T, K, D], with gradients to their embeddings."""
        own = self._sources(chosen)
        if own is None and not self.is_static and "rows" in vars(self):
            own = self.rows, chosen.positions  # a search has looked them up already
        if own is None:
            ids = {name: take(ids, chosen.positions) for name, ids in self.ids.items()}
            return self.embedding(ids, self.items)
        rows, positions = own
        flat = tf.reshape(rows, [-1, rows.shape[-1]])
        return gather_rows(flat, flat_positions(positions, tf.shape(rows)[1]))

    def subsequence(self, chosen: Selection, encoding: TargetPositionEncoding) -> Subsequence:
        """Returns the chosen behaviours with their position encoding, in factors."""
        phi, weights = encoding.factors(*self.distance(chosen))
        own = self._sources(chosen)
        if own is None:
            rows = self.gather(chosen)
            rows *= tf.cast(chosen.valid, rows.dtype)[..., None]
            return Subsequence(rows, None, phi, weights, chosen.valid)
        rows, positions = own
        positions = tf.where(chosen.valid, positions, tf.shape(rows)[1])
        rows = tf.pad(rows, [[0, 0], [0, 1], [0, 0]])
        return Subsequence(rows, positions, phi, weights, chosen.valid)

    def _sources(self, chosen: Selection) -> tuple[tf.Tensor, tf.Tensor] | None:
        """Returns rows of a user's [B, M, D] and where in them the chosen are [B, T, K].

        All of the user's if they are no more than the choices, else those that are chosen at all:
        so gradients reach the tables as one row for each behaviour. None where these cannot pay, or
        their number must not depend on the data: each choice is then gathered.
        """
        choices, length = chosen.positions.shape[1:].num_elements(), self.time.shape[1]
        if choices is None and self.is_masked:
            return self.rows, chosen.positions
        if choices is None or length is None:
            return None
        if length <= choices:
            return self.rows, chosen.positions
        if choices <= STEP or chosen.positions.shape[0] is None or not in_plain_graph():
            return None
        behaviors, places = distinct(chosen.positions, length)
        ids = {name: tf.gather(ids, behaviors, batch_dims=1) for name, ids in self.ids.items()}
        return self.embedding(ids, self.items), places

    def distance(self, chosen: Selection) -> tuple[tf.Tensor, tf.Tensor]:
        """Returns how far before its target each chosen behaviour lies.

        Args:
          chosen: of [B, T * G, K]: G choices for each target.

        Returns:
          behaviours in between, int32, and time in between, int64, each [B, T * G, K]; 0 where not
          valid.
        """
        choices = tf.shape(chosen.positions)[1] // tf.shape(self.target_time)[1]
        first, now = (
            tf.repeat(x, choices, 1)[..., None] for x in (self.window.first, self.target_time)
        )
        time = take(self.time, chosen.positions)
        return tuple(tf.where(chosen.valid, x, 0) for x in (chosen.positions - first, now - time))


def newest_first(values: tf.Tensor, missing: int | tf.Tensor) -> tf.Tensor:
    """Reverses [B, L] in L, after padding it by what is missing, if anything is."""
    if not isinstance(missing, int) or missing > 0:
        values = tf.pad(values, [[0, 0], [0, tf.maximum(missing, 0)]])
    return values[:, ::-1]  # `tf.reverse` takes twice as long


def take(values: tf.Tensor, positions: tf.Tensor) -> tf.Tensor:
    """Returns `values[b, positions[b, t, k]]`, [B, T, K], of [B, L]."""
    return tf.gather(tf.reshape(values, [-1]), flat_positions(positions, tf.shape(values)[1]))
