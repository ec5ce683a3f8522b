"""The frame that all models share."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

import tensorflow as tf
import tensorflow_recommenders as tfrs

from models import features
from models.config import FrameConfig
from models.features import FeatureSizes
from models.interests import RecentInterest
from models.layers import BehaviorEmbedding, ItemBias, RequestFeatures, embedding_of
from models.ranking_loss import ranking_loss
from models.view import View


class Head(tf.keras.layers.Layer):
    """TFRS Cross layers, then an MLP, then one logit."""

    def __init__(self, config: FrameConfig, **kwargs):
        super().__init__(**kwargs)
        self.cross = [tfrs.layers.dcn.Cross() for _ in range(config.cross_layers)]
        self.mlp = [tf.keras.layers.Dense(units, activation="relu") for units in config.mlp_units]
        self.dropout = tf.keras.layers.Dropout(config.dropout)
        self.logit = tf.keras.layers.Dense(1, dtype=tf.float32)

    def call(self, x: tf.Tensor, training: bool = False) -> tf.Tensor:
        """Returns logits [N] of rows [N, D]."""
        x0 = x
        for layer in self.cross:
            x = layer(x0, x)
        for layer in self.mlp:
            x = self.dropout(layer(x), training=training)
        return self.logit(x)[:, 0]


class CtrModel(tfrs.Model):
    """Click-through rate of T targets of each user, who is read once.

    Targets and behaviours share embedding tables; a short-term module reads the newest behaviours,
    a long-term module the whole history; TFRS `Cross` and an MLP turn
    `[target, short, long, target * short, target * long]`, and what is known of the user and of the
    request, into a logit, to which the target's item may add a bias.

    Args:
      config: hyper-parameters of the frame.
      sizes: rows of the embedding tables.
      long_term: builds the long-term module from the embedding; None leaves it out.
      cross_features: whether behaviours are embedded with their cross features.

    Attributes:
      sizes: rows of the embedding tables.
      reads_match: whether `call` reads `target_match`; only then do batches hold it.
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
        self.request = (
            RequestFeatures(sizes, self.embedding, config.cross_dim, name="request")
            if sizes.user or sizes.context
            else None
        )
        self.short_term = (
            RecentInterest(
                config.num_heads, config.short_seq_len, self.embedding, name="short_term"
            )
            if config.short_seq_len
            else None
        )
        self.long_term = long_term(self.embedding) if long_term else None
        self.head = Head(config, name="head")
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
        """Returns logits [B, T] float32 of a batch (docs/architecture.md, "The example")."""
        modules = [module for module in (self.short_term, self.long_term) if module is not None]
        min_length = max((module.min_length for module in modules), default=1)
        view = View.of(batch, self.embedding, min_length)
        interests = [module(view, training=training) for module in modules]
        parts = [view.target, *interests, *(view.target * interest for interest in interests)]
        if self.request is not None:
            parts.append(self.request(batch))
        x = tf.concat(parts, -1)
        logits = self.head(tf.reshape(x, [-1, x.shape[-1]]), training=training)
        items = batch[features.TARGET_ITEM]
        logits = tf.reshape(logits, tf.shape(items))
        if self.item_bias is None:
            return logits
        return logits + self.item_bias(tf.minimum(items, self.sizes.item - 1))

    def embed_all_items(self) -> None:
        """Embeds all items once and for all, for serving; the model cannot be trained on."""
        for module in self.submodules:
            if isinstance(module, BehaviorEmbedding):
                module.embed_all_items()

    def losses_of(
        self, inputs: Mapping[str, tf.Tensor], training: bool = False
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """Returns the cross-entropy averaged over valid targets, and the weighted ranking loss."""
        logits = self(inputs, training=training)
        labels = tf.cast(inputs[features.LABEL], tf.float32)
        valid = tf.cast(inputs[features.TARGET_VALID], tf.float32)
        total = self.task(
            labels=tf.reshape(labels, [-1, 1]),
            predictions=tf.reshape(logits, [-1, 1]),
            sample_weight=tf.reshape(valid, [-1, 1]),
            compute_metrics=False,
        )
        cross_entropy = total / tf.maximum(tf.reduce_sum(valid), 1)
        weight = self.config.ranking_weight
        if not weight:
            return cross_entropy, 0.0
        requests = inputs[features.TARGET_REQUEST]
        return cross_entropy, weight * ranking_loss(logits, labels, valid, requests)

    def compute_loss(self, inputs: Mapping[str, tf.Tensor], training: bool = False) -> tf.Tensor:
        """Returns what training minimizes: the cross-entropy and the weighted ranking loss."""
        return tf.add(*self.losses_of(inputs, training=training))
