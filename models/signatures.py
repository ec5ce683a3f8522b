"""The exported model: from raw features to probabilities, in one graph.

Two signatures give the same numbers. `serving_default` reads serialized `tf.Example`s, `score` raw
tensors (and `score_new_items` those of features of items as well, which examples may have); they
check that the features of a request fit each other (`models/requests.py`), run
Transform's graph, compute the positions that training examples carry, and score.
The SavedModel holds vocabularies and weights and needs nothing but TensorFlow.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING

import tensorflow as tf
import tensorflow_transform as tft

from models import features, inputs, positions, requests
from models.calibration import Fitted
from models.context_calibration import ContextCalibration
from models.feature_config import Feature
from models.inputs import Layout
from models.layers.rank import BLOCK
from models.masked import kept
from models.new_items import NewItems, told_values
from models.settings import HistorySettings
from models.transform_graph import TransformGraph

if TYPE_CHECKING:
    from models.base import CtrModel

# What a request need not hold: answers, what the graph computes, and what only reports read.
NOT_SERVED = frozenset(
    {
        features.USER_ID,
        features.LABEL,
        features.TARGET_WEIGHT,
        features.TARGET_REQUEST,
        features.TARGET_LOCAL_BEGIN,
        features.TARGET_MATCH,
        features.TARGET_ORACLE,
        features.SLICE_HISTORY_LENGTH,
        features.SLICE_USER_ACTIVITY,
    }
)
# Users are scored in chunks, which bounds the memory of large batches: so many scores [n, T, L] at
# once, where embedding a behaviour weighs as much as scoring it for so many targets.
CHUNK = 2**22
EMBEDDING_WEIGHT = 16


class ServingModule(tf.Module):
    """A trained model behind raw features.

    Args:
      model: trained. Items that are not embedded yet (`CtrModel.embed_all_items`) are, as float32.
      transform_output: of the Transform run on whose examples the model was trained.
      settings: how its examples were cut.
      span: first and last second of the examples; None: their times are an order.
      configured: the features, by name: what a request may tell of items follows from them.
      calibrations: of each label, the primary one's first; None: logits are taken as they are.

    Attributes:
      probabilities: what both signatures return, the primary label's first.
      logits: what they return beside it where there are calibrations: logits before these.
    """

    def __init__(
        self,
        model: CtrModel,
        transform_output: tft.TFTransformOutput,
        settings: HistorySettings,
        span: tuple[int, int] | None = None,
        configured: Mapping[str, Feature] = MappingProxyType({}),
        calibrations: Fitted = None,
    ) -> None:
        super().__init__()
        self.new_items = NewItems(configured, model.sizes.item_features)
        self._settings, self._span = settings, span
        # A SavedModel keeps what it can reach from here. A Keras model would drag its own saved
        # form along: a function keeps it out of sight, the variables that it reads suffice.
        self._logits = lambda batch: model.label_logits(batch, training=False)
        others = model.labels.others
        self.probabilities = [features.PROBABILITY, *map(features.probability, others)]
        self.logits = [features.LOGIT, *map(features.logit, others)] if calibrations else []
        # Hidden likewise: what a module keeps in a list would be wrapped, and saved.
        self._calibrated = lambda logits, batch: _calibrated(
            logits, lambda: model.context(batch), calibrations
        )
        of_curves = [v for c in calibrations or () if isinstance(c, tf.Module) for v in c.variables]
        self._variables = lambda: [*model.variables, *of_curves]
        model.embed_all_items()
        # By this name, and in this order, further items' rows take the place of these.
        self.item_rows = [e.item_rows for e in model.embeddings if e.item_rows is not None]
        self._layout = dataclasses.replace(Layout.of(model.sizes, settings.match), distinct=False)
        self._reads_match = model.reads_match
        self.transform = TransformGraph(transform_output)
        self._spec = {
            name: spec
            for name, spec in transform_output.raw_feature_spec().items()
            if name not in NOT_SERVED
            and not name.startswith((features.item_feature(""), features.label_feature("")))
        } | self.new_items.spec()
        # Of a feature that two hashes make rows of, a request has one column, a batch two.
        self._asked = dataclasses.replace(
            self._layout,
            values={n: most for n, most in self._layout.values.items() if n in self._spec},
            single=self._layout.single & self._spec.keys(),
        )
        # Each traced once for all signatures, and in the SavedModel once.
        spec = {
            name: tf.RaggedTensorSpec([None, None], spec.dtype, ragged_rank=1)
            for name, spec in self._spec.items()
        }
        several = [spec, tf.TensorSpec([], tf.int32)]
        scores = tf.function(self._scores, autograph=False)
        score_users = tf.function(self._score_users, several, autograph=False)
        score_checked = tf.function(self._score_checked, [spec], autograph=False)
        self._scores_of = lambda batch: scores(batch)
        self._scores_of_users = lambda raw, targets: score_users(raw, targets)
        self._scores_of_checked = lambda raw: score_checked(raw)

    def export(self, path: str) -> None:
        """Writes the SavedModel with both signatures to the folder `path`."""
        serving_default = tf.function(
            self.serving_default,
            input_signature=[tf.TensorSpec([None], tf.string, name="examples")],
            autograph=False,
        )
        specs = {features.SCORE: self.score_spec()}
        if self.new_items.features:
            specs[features.SCORE_NEW_ITEMS] = self.score_spec(new_items=True)
        signatures = {
            features.SERVING_DEFAULT: serving_default.get_concrete_function(),
            **{
                name: tf.function(
                    self.score, input_signature=[spec], autograph=False
                ).get_concrete_function()
                for name, spec in specs.items()
            },
        }
        read = {v.ref() for function in signatures.values() for v in function.variables}
        read -= {v.ref() for rows in self.item_rows for v in rows.variables}  # kept by their name
        self.weights = [v for v in self._variables() if v.ref() in read]
        tf.saved_model.save(self, path, signatures)

    def serving_default(self, examples: tf.Tensor) -> dict[str, tf.Tensor]:
        """Scores serialized raw `tf.Example`s.

        Args:
          examples: [n] string. Without `target_hist_end`, a target sees what came before it.
            Features of items as in `new_items` are optional.

        Returns:
          `probability` [n, T] float32, T the most targets of an example, 0 where it has fewer; and
          of each label beside the primary one `probability_<name>`, likewise. Of a calibrated model
          besides `logit` and `logit_<name>`, before calibration.

        Raises:
          tf.errors.InvalidArgumentError: naming the feature that is missing, of another type or
            of another length than it must be.
        """
        return self._score(tf.io.parse_example(examples, self._spec))

    def score(self, tensors: Mapping[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        """Scores raw tensors; a target sees the behaviours that came before it.

        Args:
          tensors: `history_*` [n, L], oldest first, ids as in the log; `history_length` [n] int64,
            the behaviours of each history, what follows them is padding; `target_item`,
            `target_category`, `target_time` [n, T]; features of items as in `new_items`, all of
            them or none.

        Returns:
          What `serving_default` does.

        Raises:
          tf.errors.InvalidArgumentError: naming the tensor whose shape does not fit the others.
        """
        tensors = requests.checked_dense(tensors, self._asked)
        length = tensors.pop(features.HISTORY_LENGTH)
        history: dict[str, tf.Tensor] = {}
        others: dict[str, tf.Tensor] = {}
        for name, x in tensors.items():
            side = history if name.startswith(features.HISTORY_PREFIX) else others
            side[name] = x
        whole = tf.RaggedTensor.from_tensor
        users = {name: whole(others.pop(name)) for name in self._asked.values}
        rows = whole(others[features.TARGET_ITEM])
        targets = {n: rows.with_flat_values(tf.reshape(x, [-1])) for n, x in others.items()}
        return self._score(_unpadded(history, length) | users | targets, dense=True)

    def score_spec(self, new_items: bool = False) -> dict[str, tf.TensorSpec]:
        """Returns the names, shapes and types that `score` takes, or `score_new_items`."""
        spec = {
            name: tf.TensorSpec([None, None], spec.dtype, name=name)
            for name, spec in self._spec.items()
            if name != features.TARGET_HIST_END
            and (new_items or name not in self.new_items.features)
        }
        return spec | {
            features.HISTORY_LENGTH: tf.TensorSpec([None], tf.int64, features.HISTORY_LENGTH)
        }

    def _score(self, raw: dict[str, tf.RaggedTensor], dense: bool = False) -> dict[str, tf.Tensor]:
        """Scores ragged raw features [n, L] and [n, T].

        Args:
          raw: features as in the log.
          dense: whether they were tensors, which are checked.
        """
        told = [name for name in self.new_items.features if name in raw]
        raw = requests.checked(
            raw,
            self._asked,
            self._span,
            told,
            max_length=self._settings.max_length,
            dense=dense,
        )
        nothing = tf.zeros_like(raw[features.TARGET_ITEM].row_splits)
        for name, spec in self._spec.items():
            if name not in raw:  # what a request need not tell
                values = tf.zeros([0], spec.dtype)
                raw[name] = tf.RaggedTensor.from_row_splits(values, nothing, validate=False)
        scores = self._scores_of_checked(raw)
        return dict(zip(self.probabilities + self.logits, tf.unstack(scores, axis=-1), strict=True))

    def _score_checked(self, raw: dict[str, tf.RaggedTensor]) -> tf.Tensor:
        """Returns all outputs [n, T, outputs] of features that were checked, by chunks of users."""
        users = raw[features.TARGET_ITEM].nrows(tf.int32)
        length = raw[features.HISTORY_ITEM].bounding_shape(1, out_type=tf.int32)
        targets = raw[features.TARGET_ITEM].bounding_shape(1, out_type=tf.int32)
        user = tf.maximum(length, 1) * (targets + EMBEDDING_WEIGHT)
        step = tf.maximum(CHUNK // user, 1)
        chunks = tf.maximum((users + step - 1) // step, 1)
        outputs = len(self.probabilities + self.logits)

        def score_chunk(chunk: tf.Tensor) -> tf.Tensor:
            begin = chunk * step
            rows = {name: _rows(values, begin, step) for name, values in raw.items()}
            scores = self._scores_of_users(rows, targets)
            return tf.pad(scores, [[0, step - tf.shape(scores)[0]], [0, 0], [0, 0]])

        def in_chunks() -> tf.Tensor:
            scores = tf.map_fn(
                score_chunk,
                tf.range(chunks),
                fn_output_signature=tf.TensorSpec([None, None, outputs], tf.float32),
                parallel_iterations=1,
            )
            return tf.reshape(scores, [chunks * step, targets, outputs])[:users]

        return tf.cond(
            (users == 1) & (targets == 1),
            lambda: self._score_users(raw, 1, one=True),
            lambda: tf.cond(chunks > 1, in_chunks, lambda: self._scores_of_users(raw, targets)),
        )

    def _score_users(
        self, raw: dict[str, tf.RaggedTensor], targets: tf.Tensor, one: bool = False
    ) -> tf.Tensor:
        """Returns all outputs [n, `targets`, outputs] of ragged raw features."""
        settings = self._settings
        raw = requests.with_common_rows(raw, self._asked, self.new_items.features)
        # Before those beyond the most are cut: an empty value must not take the place of one.
        raw |= {
            n: told_values(raw[n]) for n in sorted(self._asked.values.keys() - self._asked.single)
        }
        given_end = raw.pop(features.TARGET_HIST_END)
        told = {name: raw.pop(name) for name in self.new_items.features}
        history = {n: x for n, x in raw.items() if n.startswith(features.HISTORY_PREFIX)}
        full_length = _row_lengths(raw[features.HISTORY_ITEM])
        newest, cut_off = tf.cond(
            tf.reduce_any(full_length > settings.max_length),
            lambda: self._newest(history, raw[features.TARGET_TIME], given_end),
            lambda: (history, tf.zeros_like(full_length)),  # cutting copies; seldom is it needed
        )
        raw |= newest
        # In whole blocks, which a search looks at: here, padding costs nothing.
        length = -(-raw[features.HISTORY_ITEM].bounding_shape(1) // BLOCK) * BLOCK
        ids = {name: inputs.narrow(name, x) for name, x in self.transform(raw).items()}
        batch = inputs.pad(ids, length, targets, self._layout)
        kept = _row_lengths(raw[features.HISTORY_ITEM])
        hist_end = positions.hist_end(
            raw[features.HISTORY_TIME].flat_values[None] if one else batch[features.HISTORY_TIME],
            None if one else kept,
            batch[features.TARGET_TIME],
            ties=settings.ties == "order",
        )
        end = tf.cast(inputs.dense(given_end, targets, -1), tf.int32)
        hist_end = tf.where(end < 0, hist_end, tf.maximum(end - cut_off, 0))
        batch[features.TARGET_HIST_END] = hist_end
        if self._reads_match:
            batch[features.TARGET_MATCH] = positions.target_match(
                inputs.dense(raw[features.HISTORY_CATEGORY], length),
                inputs.dense(raw[features.TARGET_CATEGORY], targets),
                hist_end,
                match=settings.match,
            )
        if told:
            unknown = self.item_rows[0].count - 1
            items = batch[features.TARGET_ITEM]
            batch |= self.new_items.batch(told, items, unknown, self.transform)
        if one:
            batch = {name: _of_one(name, x) for name, x in batch.items()}
        return self._scores_of(batch)

    def _newest(
        self,
        history: dict[str, tf.RaggedTensor],
        target_time: tf.RaggedTensor,
        given_end: tf.RaggedTensor,
    ) -> tuple[dict[str, tf.RaggedTensor], tf.Tensor]:
        """Returns the newest behaviours [n, L] that targets see, `max_length` of a user at most.

        What comes after all of a user's targets must not take the place of what they see.

        Returns:
          `history`, cut, and how many of the oldest behaviours were cut off, [n, 1] int32.
        """
        times = history[features.HISTORY_TIME]
        row, latest = times.value_rowids(), tf.reduce_max(target_time, 1)
        before = tf.less_equal if self._settings.ties == "order" else tf.less
        seen = tf.cast(before(times.flat_values, tf.gather(latest, row)), tf.int64)
        seen = tf.math.unsorted_segment_sum(seen, row, times.nrows())
        end = tf.where(given_end.row_lengths() > 0, tf.reduce_max(given_end, 1), seen)
        begin = tf.maximum(end - self._settings.max_length, 0)
        starts = times.row_starts()
        kept = tf.ragged.range(starts + begin, starts + end)
        newest = {
            name: kept.with_flat_values(tf.gather(x.flat_values, kept.flat_values))
            for name, x in history.items()
        }
        return newest, tf.cast(begin[:, None], tf.int32)

    def _scores(self, batch: dict[str, tf.Tensor]) -> tf.Tensor:
        """Returns all outputs [n, T, outputs] of a batch that lacks `target_local_begin`."""
        begin = positions.local_begin(
            batch[features.HISTORY_TIME],
            batch[features.TARGET_TIME],
            batch[features.TARGET_HIST_END],
            session_gap=self._settings.session_gap,
            min_local=self._settings.min_local,
        )
        logits = self._logits(batch | {features.TARGET_LOCAL_BEGIN: begin})
        logits = tf.cast(logits, tf.float32)
        scores = tf.sigmoid(self._calibrated(logits, batch))
        if self.logits:
            scores = tf.concat([scores, logits], -1)
        return tf.where(batch[features.TARGET_VALID][..., None], scores, 0.0)


def _calibrated(
    logits: tf.Tensor, context: Callable[[], tf.Tensor], calibrations: Fitted
) -> tf.Tensor:
    """Returns the logits [..., labels], each label's calibrated, in the context of the targets."""
    if not calibrations:
        return logits
    of_labels = zip(calibrations, tf.unstack(logits, axis=-1), strict=True)
    known = context() if isinstance(calibrations[0], ContextCalibration) else None
    return tf.stack([calibration(logit, known) for calibration, logit in of_labels], -1)


def _of_one(name: str, values: tf.Tensor) -> tf.Tensor:
    """Returns a feature of a batch of one user with one target, whose shape says so.

    What is told of items has a row for each target, or none where nothing is told.
    """
    if name.startswith(features.fresh_feature("")):
        return values
    known = 2 if name.startswith(features.TARGET_PREFIX) else 1
    return tf.ensure_shape(values, [1] * known + values.shape[known:])


def _unpadded(history: dict[str, tf.Tensor], length: tf.Tensor) -> dict[str, tf.RaggedTensor]:
    """Returns the first `length` [n] behaviours of each row of features [n, L]."""
    columns = tf.shape(history[features.HISTORY_ITEM], tf.int64)[1]

    def cut() -> list[tf.Tensor]:
        mask = tf.reshape(tf.sequence_mask(length, columns), [-1])
        return kept(mask, *(tf.reshape(x, [-1]) for x in history.values()))

    values = tf.cond(
        tf.reduce_all(length == columns),
        lambda: [tf.reshape(x, [-1]) for x in history.values()],  # as one user's, without a copy
        cut,
    )
    rows = tf.RaggedTensor.from_row_lengths(values[0], length, validate=False)
    return {name: rows.with_flat_values(x) for name, x in zip(history, values, strict=True)}


def _rows(values: tf.RaggedTensor, begin: tf.Tensor, count: tf.Tensor) -> tf.RaggedTensor:
    """Returns up to `count` rows: a slice in a fifth of the operations that it is elsewhere."""
    splits = values.row_splits[begin : begin + count + 1]
    flat = values.flat_values[splits[0] : splits[-1]]
    return tf.RaggedTensor.from_row_splits(flat, splits - splits[0], validate=False)


def _row_lengths(ragged: tf.RaggedTensor) -> tf.Tensor:
    """Returns [n, 1] int32."""
    return tf.cast(ragged.row_lengths()[:, None], tf.int32)
