"""MIRRN: multi-granularity interest retrieval and refinement network."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import tensorflow as tf

from models.base import CtrModel
from models.config import MirrnConfig
from models.features import FeatureSizes
from models.interests import Interest
from models.layers import (
    AgreementSearch,
    BehaviorEmbedding,
    FourierTransformer,
    InterestFusion,
    Selection,
    SelfAttention,
    SimHash,
    TargetPositionEncoding,
    Window,
)
from models.layers.by_user import by_user
from models.layers.simhash import signs
from models.layers.subsequence import Subsequence
from models.layers.target_attention import pool
from models.layers.visibility import ones_between
from models.view import View

MATMUL_LENGTH = 100  # up to it, a Fourier transform is faster as a product: see benchmarks
CLUSTER_BITS = 3  # the coarse buckets of `global_query: cluster`
_STATE = "state"  # the interest that the GRU's state is


class GranularQueries(tf.keras.layers.Layer):
    """The hash codes of a target's queries, one per granularity.

    target: the target's own embedding; local: the pooled local subsequence; global: the pooled
    visible history (MIRRN, arXiv 2411.15005). Hashing is linear up to its signs, so pooling acts on
    projected behaviours [B, L, m], and one matrix product with [T, L] weights pools them for all
    targets.

    Deviates from the released code in that means are over visible behaviours only.
    """

    def __init__(self, config: MirrnConfig, **kwargs):
        super().__init__(**kwargs)
        self.config = config
        self.hash = SimHash(config.target_dim, config.hash_bits, name="hash")
        self.gru = (
            tf.keras.layers.GRU(config.target_dim, name="gru")
            if "local" in config.granularities and config.local_query == "gru"
            else None
        )

    def call(self, view: View, projected: tf.Tensor, names: Sequence[str]):
        """Returns codes [B, T, G, m] of granularities, and the GRU's states [B, T, Dq] or None.

        Args:
          view: of the batch.
          projected: its behaviours, see `project`.
          names: of the granularities.
        """
        local = view.local
        if self.config.local_query != "mean":
            local = local.newest(self.config.local_last)
        queries, states = {}, None
        if "target" in names:
            queries["target"] = self.hash.project(tf.stop_gradient(view.target))
        if self.gru is not None and "local" in names:
            states = self._states(self.gru, view, local)
            queries["local"] = self.hash.project(tf.stop_gradient(states))
        windows = {"local": local, "global": view.window}
        pooled = {name: windows[name] for name in names if name not in queries}
        if pooled:
            sums = by_user(self._sums, projected.shape[1], projected, pooled)
            queries |= zip(pooled, tf.unstack(sums, axis=2), strict=True)
        return signs(tf.stack([queries[name] for name in names], 2)), states

    def project(self, view: View) -> tf.Tensor:
        """Returns behaviours of which the signs are codes and sums are queries, [B, L, m]."""
        return self.hash.project(tf.stop_gradient(view.rows))

    def _states(self, gru: tf.keras.layers.GRU, view: View, local: Window) -> tf.Tensor:
        chosen = local.select(self.config.local_last).oldest_first()
        rows = view.gather(chosen)
        states = gru(
            tf.reshape(rows, [-1, *rows.shape[2:]]),
            mask=tf.reshape(chosen.valid, [-1, self.config.local_last]),
        )
        return tf.reshape(states, tf.shape(view.target))

    def _sums(self, projected: tf.Tensor, pooled: Mapping[str, Window]) -> tf.Tensor:
        """Returns the sums over each pooled granularity of projected behaviours, [B, T, G', m]."""
        edges = zip(*pooled.values(), strict=True)
        first, stop = (tf.stack(edge, 2)[..., None] for edge in edges)
        weights = ones_between(first, stop, projected[0, :, 0])
        if "global" in pooled and self.config.global_query == "cluster":
            place = list(pooled).index("global")
            largest = self._in_largest_bucket(projected, weights[:, :, place])
            others = [tf.ones_like(largest)] * len(pooled)
            others[place] = largest
            weights *= tf.stack(others, 2)
        return pool(weights, projected)

    def _in_largest_bucket(self, projected: tf.Tensor, visible: tf.Tensor) -> tf.Tensor:
        """Returns 1 where a behaviour is in the most frequent coarse bucket, else 0, [B, T, L]."""
        bits = tf.cast(projected[..., :CLUSTER_BITS] >= 0, tf.int32)
        bucket = tf.reduce_sum(bits * 2 ** tf.range(CLUSTER_BITS), -1)
        members = tf.one_hot(bucket, 2**CLUSTER_BITS, dtype=visible.dtype)
        largest = tf.argmax(tf.matmul(visible, members), -1, output_type=tf.int32)
        return tf.cast(bucket[:, None, :] == largest[:, :, None], visible.dtype)


class MirrnInterest(Interest):
    """Retrieves by three queries, refines each subsequence, and fuses the three interests.

    MIRRN, arXiv 2411.15005: SimHash retrieval per granularity, target-aware position encoding,
    multi-head Fourier transformer, mean over K, multi-head target attention over the interests.

    As in the released code, each granularity has a refinement of its own.

    Deviates from the paper in that of the K retrieved only those are kept that agree with their
    query about as well as the best (`agreement_margin`: 1 keeps all), in that behaviours carry
    their cross features (behaviour type ...), and, with `local_query: gru`, in that the GRU's state
    joins the interests: hashing passes no gradient, so nothing else would train it.
    """

    reads_moments = True

    def __init__(self, config: MirrnConfig, embedding: BehaviorEmbedding, **kwargs):
        super().__init__(**kwargs)
        self.config = config
        self.min_length = max(config.top_k, config.local_last)
        self.queries = GranularQueries(config, name="queries")
        self.search = AgreementSearch(config.top_k, config.agreement_margin * config.hash_bits)
        # Switched off, it stays at its initial zeros.
        self.position = TargetPositionEncoding(
            embedding.behavior_dim, trainable=config.position_encoding
        )
        queries = len(config.granularities)
        own = 1 if config.shared_refinement else queries
        refinement = REFINEMENTS[config.refinement]
        self.refine = [
            refinement(config, embedding.behavior_dim, name=f"refine_{i}") for i in range(own)
        ] * (queries // own)
        self.state = (
            tf.keras.layers.Dense(embedding.behavior_dim, name="state")
            if self.queries.gru
            else None
        )
        interests = queries + (self.state is not None)
        self.fusion = InterestFusion(
            config.num_heads, interests, embedding.behavior_dim, embedding.inherent_dim
        )

    def retrieve(self, view: View) -> Selection:
        """Returns the K behaviours that each granularity of a target reads, of [B, T, G, K]."""
        projected = self.queries.project(view)
        codes, _ = self.queries(view, projected, self.config.granularities)
        return self.search(codes, signs(projected), view.window)

    def call(self, view: View, training: bool = False) -> tf.Tensor:
        names, projected = self.config.granularities, self.queries.project(view)
        if not view.shares_moments:
            interests = self._interests(view, projected, names, training)
        else:  # what does not depend on the target, a request's targets ask alike
            of_target = [name for name in names if name == "target"]
            of_moment = [name for name in names if name != "target"]
            moments, place = view.moments()
            found = self._interests(view, projected, of_target, training)
            shared = self._interests(moments, projected, of_moment, training)
            found |= {name: tf.gather(x, place, batch_dims=1) for name, x in shared.items()}
            interests = {name: found[name] for name in [*names, *(found.keys() - names)]}
        return self.fusion(view.target, tf.stack(list(interests.values()), 2))

    def _interests(
        self, view: View, projected: tf.Tensor, names: Sequence[str], training: bool
    ) -> dict[str, tf.Tensor]:
        """Returns an interest of each granularity, [B, T, D], and that of the GRU's state."""
        if not names:
            return {}
        codes, states = self.queries(view, projected, names)
        found = self.search(codes, signs(projected), view.window)
        chosen = Selection(*(merge_axes(x, 1) for x in found)).oldest_first()
        behaviors = view.subsequence(chosen, self.position).of_each_query(len(names))
        refine: dict[str, Refinement] = dict(
            zip(self.config.granularities, self.refine, strict=True)
        )
        interests = {
            name: refine[name](read.of_those_read(), training=training)
            for name, read in zip(names, behaviors, strict=True)
        }
        if self.state is not None and states is not None:
            interests[_STATE] = self.state(states)
        return interests


def merge_axes(x: tf.Tensor, axis: int) -> tf.Tensor:
    """Returns `x` with `axis` and the next one as one."""
    shape = tf.shape(x)
    return tf.reshape(x, tf.concat([shape[:axis], [-1], shape[axis + 2 :]], 0))


def masked_mean(rows: tf.Tensor, valid: tf.Tensor) -> tf.Tensor:
    """Returns the mean over K of `rows` [B, T, K, D] where `valid` [B, T, K]; 0 if nothing is."""
    weights = tf.cast(valid, rows.dtype)
    total = tf.matmul(weights[:, :, None, :], rows)[:, :, 0]
    return total / tf.maximum(tf.reduce_sum(weights, -1, keepdims=True), 1)


class Refinement(tf.keras.layers.Layer):
    """The mean of a subsequence as it is; subclasses mix it before.

    Args:
      config: hyper-parameters.
      width: int, D.

    Call arguments:
      behaviors: of [B, T, K], oldest first.
    Returns:
      [B, T, D].
    """

    def __init__(self, config: MirrnConfig, width: int, **kwargs):
        super().__init__(**kwargs)
        self.width = width

    def call(self, behaviors: Subsequence, training: bool = False) -> tf.Tensor:
        rows = behaviors.times(tf.eye(self.width, dtype=self.compute_dtype))
        return masked_mean(rows, behaviors.valid)


class FourierRefinement(Refinement):
    """The mean of what the Fourier transformer makes of a subsequence."""

    def __init__(self, config: MirrnConfig, width: int, **kwargs):
        super().__init__(config, width, **kwargs)
        transform = config.fourier_transform
        if transform == "auto":
            transform = "matmul" if config.top_k <= MATMUL_LENGTH else "fft"
        self.transformer = FourierTransformer(
            config.num_heads, config.fourier_mix, transform, config.refinement_dropout
        )
        self.transformer.build([None, None, config.top_k, width])

    def call(self, behaviors: Subsequence, training: bool = False) -> tf.Tensor:
        return self.transformer.mean(behaviors, training=training)


class AttentionRefinement(Refinement):
    """The mean of what self-attention makes of a subsequence."""

    def __init__(self, config: MirrnConfig, width: int, **kwargs):
        super().__init__(config, width, **kwargs)
        self.attention = SelfAttention(config.num_heads, width, config.refinement_dropout)

    def call(self, behaviors: Subsequence, training: bool = False) -> tf.Tensor:
        return self.attention(behaviors, training=training)


REFINEMENTS = {
    "fourier": FourierRefinement,
    "self_attention": AttentionRefinement,
    "none": Refinement,
}


def build(config: MirrnConfig, sizes: FeatureSizes) -> CtrModel:
    """Returns MIRRN."""
    return CtrModel(config, sizes, lambda embedding: MirrnInterest(config, embedding))
