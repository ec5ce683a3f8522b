"""The frame that all models share."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

import tensorflow as tf
import tensorflow_recommenders as tfrs

from models import features
from models.config import FrameConfig
from models.features import FeatureSizes, Store
from models.head import Head
from models.interests import RecentInterest
from models.joint import joint_logits
from models.layers import (
    BehaviorEmbedding,
    HistorySummary,
    IdDropout,
    ItemBias,
    RequestFeatures,
    embedding_of,
)
from models.ranking_loss import ranking_loss
from models.view import View


class CtrModel(tfrs.Model):
    """Click-through rate of T targets of each user, who is read once.

    Targets and behaviours share embedding tables; a short-term module reads the newest behaviours,
    a long-term module the whole history; TFRS `Cross` and an MLP turn
    `[target, short, long, target * short, target * long]`, what is known of the user and of the
    request, and a summary of the history, into a logit for each label, to which the target's item
    may add a bias.

    Args:
      config: hyper-parameters of the frame.
      sizes: rows of the embedding tables.
      long_term: builds the long-term module from the embedding; None leaves it out.
      cross_features: whether behaviours are embedded with their cross features.

    Attributes:
      sizes: rows of the embedding tables.
      reads_match: whether `call` reads `target_match`; only then do batches hold it.
      reads_moments: whether it reads the moments of targets, where batches tell them (`moments`).
    """

    reads_match = False

    def __init__(
        self,
        config: FrameConfig,
        sizes: FeatureSizes,
        long_term=None,
        cross_features: bool = True,
    ):
        super().__init__(name=config.name)
        self.config = config
        self.embedding = embedding_of(
            sizes if cross_features else dataclasses.replace(sizes, cross={}, cross_tables={}),
            config.item_dim,
            config.category_dim,
            config.cross_dim,
            name="embedding",
        )
        tables = {features.ITEM: sizes.item, features.CATEGORY: sizes.category}
        self.id_dropout = (
            IdDropout(config.id_dropout, tables, name="id_dropout") if config.id_dropout else None
        )
        self.request = (
            RequestFeatures(sizes, self.embedding, config.cross_dim, name="request")
            if sizes.user or sizes.context
            else None
        )
        self.short_term = (
            RecentInterest(
                config.num_heads,
                config.short_seq_len,
                self.embedding,
                config.length_modulation,
                name="short_term",
            )
            if config.short_seq_len
            else None
        )
        self.long_term = long_term(self.embedding) if long_term else None
        self.reads_moments = self.long_term is not None and self.long_term.reads_moments
        self.history_summary = (
            HistorySummary(config.cross_dim, name="history_summary") if config.summary_len else None
        )
        self.labels = sizes.labels
        self.head = Head(config, len(self.labels.names), name="head")
        self.item_bias = ItemBias(sizes.item, name="item_bias") if config.item_bias else None
        self.sizes = sizes
        self.task = tfrs.tasks.Ranking(
            loss=tf.keras.losses.BinaryCrossentropy(
                from_logits=True, reduction=tf.keras.losses.Reduction.SUM
            )
        )

    @property
    def embedding_variables(self) -> list[tf.Variable]:
        """The tables, whose gradients are sparse."""
        kinds = (BehaviorEmbedding, RequestFeatures, ItemBias)
        return [v for m in self.submodules if isinstance(m, kinds) for v in m.tables.values()]

    def call(self, batch: Mapping[str, tf.Tensor], training: bool = False) -> tf.Tensor:
        """Returns the primary label's logits [B, T] float32 of a batch (docs/architecture.md)."""
        return self.label_logits(batch, training)[..., 0]

    def label_logits(self, batch: Mapping[str, tf.Tensor], training: bool = False) -> tf.Tensor:
        """Returns logits [B, T, labels] float32 of a batch, the primary label's first.

        Of a label that is given another one it is the chance of both (`joint`).
        """
        if self.id_dropout is not None:
            named = self.sizes.items is None or features.BATCH_ITEMS in batch
            assert named or not training, "items have features: batches name their distinct items"
            batch = self.id_dropout(batch, training=training)
        modules = [module for module in (self.short_term, self.long_term) if module is not None]
        min_length = max((module.min_length for module in modules), default=1)
        view = View.of(batch, self.embedding, min_length)
        interests = [module(view, training=training) for module in modules]
        parts = [view.target, *interests, *(view.target * interest for interest in interests)]
        if self.request is not None:
            parts.append(self.request(batch))
        if (summary := self.history_summary) is not None:
            size = view.window.size
            parts.append(
                view.of_recent(
                    self.config.summary_len,
                    lambda rows, mask: summary(size, rows, mask),
                    self.embedding.cross_sizes,
                )
            )
        x = tf.concat(parts, -1)
        logits = self.head(tf.reshape(x, [-1, x.shape[-1]]), training=training)
        items = batch[features.TARGET_ITEM]
        logits = tf.reshape(logits, tf.concat([tf.shape(items), [len(self.labels.names)]], 0))
        if self.item_bias is not None:
            bias = self.item_bias(tf.minimum(items, self.sizes.item - 1))
            logits = tf.concat([logits[..., :1] + bias[..., None], logits[..., 1:]], -1)
        return joint_logits(logits, self.labels)

    def context(self, batch: Mapping[str, tf.Tensor]) -> tf.Tensor:
        """Returns what is known of targets without a look into their histories, [B, T, C] float.

        That is how long these are (their logarithm), the row of the target's category, and the
        features of user and request.
        """
        size = tf.minimum(batch[features.TARGET_HIST_END], batch[features.HISTORY_LENGTH][:, None])
        category = self.embedding({"category": batch[features.TARGET_CATEGORY]})
        parts = [tf.math.log1p(tf.cast(size, category.dtype))[..., None], category]
        if self.request is not None:
            parts.append(self.request(batch))
        return tf.concat(parts, -1)

    @property
    def embeddings(self) -> list[BehaviorEmbedding]:
        """All embeddings of behaviours and targets, in the same order each time."""
        return [module for module in self.submodules if isinstance(module, BehaviorEmbedding)]

    def embed_all_items(self, store: Store = "float32") -> None:
        """Embeds all items once and for all, for serving; the model cannot be trained on.

        Args:
          store: how the tables of items' rows hold them.
        """
        for embedding in self.embeddings:
            embedding.embed_all_items(store)

    def losses_of(
        self, inputs: Mapping[str, tf.Tensor], training: bool = False
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """Returns the primary label's cross-entropy, and what training minimizes.

        That is the cross-entropy of all labels and the ranking loss of the primary one, by their
        weights. Each is a mean over the valid targets whose label is known, by `target_weight`
        where batches hold it.
        """
        logits = self.label_logits(inputs, training)
        valid = tf.cast(inputs[features.TARGET_VALID], tf.float32)
        weights = valid
        if features.TARGET_WEIGHT in inputs:
            weights *= inputs[features.TARGET_WEIGHT]
        primary = tf.cast(inputs[features.LABEL], tf.float32)
        others = [inputs[features.label_feature(name)] for name in self.labels.others]
        losses = [
            self._cross_entropy(logits[..., number], labels, weights)
            for number, labels in enumerate([primary, *others])
        ]
        total = tf.add_n([w * loss for w, loss in zip(self.labels.weights, losses, strict=True)])
        if self.config.ranking_weight:
            requests = inputs[features.TARGET_REQUEST]
            of_pairs = ranking_loss(logits[..., 0], primary, weights, requests)
            total += self.config.ranking_weight * of_pairs
        return losses[0], total

    def _cross_entropy(self, logits: tf.Tensor, labels: tf.Tensor, weights: tf.Tensor) -> tf.Tensor:
        """The mean over the targets [B, T] whose label is known, weighted; 0 without any."""
        known = ~tf.math.is_nan(labels)
        weights *= tf.cast(known, tf.float32)
        total = self.task(
            labels=tf.reshape(tf.where(known, labels, 0.0), [-1, 1]),
            predictions=tf.reshape(logits, [-1, 1]),
            sample_weight=tf.reshape(weights, [-1, 1]),
            compute_metrics=False,
        )
        return tf.math.divide_no_nan(total, tf.reduce_sum(weights))

    def compute_loss(self, inputs: Mapping[str, tf.Tensor], training: bool = False) -> tf.Tensor:
        """Returns what training minimizes, see `losses_of`."""
        return self.losses_of(inputs, training=training)[1]
