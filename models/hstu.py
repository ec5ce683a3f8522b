"""HSTU: a causal encoder of the whole history, in whose sequence the target is the next token."""

from __future__ import annotations

import tensorflow as tf

from models.base import CtrModel
from models.config import HstuConfig
from models.features import FeatureSizes
from models.interests import Interest
from models.layers import BehaviorEmbedding, Encoded, Gaps, GatedAttention
from models.view import View


class HstuInterest(Interest):
    """A target's token behind a stack of gated attention over all that it sees.

    HSTU, arXiv 2402.17152, in the layout of GenRank, arXiv 2505.04180: a behaviour is one token, of
    its item and of what became of it; targets are appended, with what will become of them masked.

    Deviates from both in that the token of a behaviour is a projection of its row, in that no
    position is added to it (blocks have a bias for the distance), and in the frame, which is that
    of all models here.

    Args:
      config: hyper-parameters.
      embedding: of behaviours and targets.
    """

    def __init__(self, config: HstuConfig, embedding: BehaviorEmbedding, **kwargs):
        super().__init__(**kwargs)
        width = embedding.inherent_dim
        self.hidden = embedding.behavior_dim - width
        self.token = tf.keras.layers.Dense(width, name="token")
        self.masked = self.add_weight(name="masked", shape=[width], initializer="zeros")
        self.blocks = [
            GatedAttention(
                config.num_heads,
                -(-width // config.num_heads),
                config.block_dropout,
                name=f"block_{number}",
            )
            for number in range(config.blocks)
        ]
        self.norm = tf.keras.layers.LayerNormalization(epsilon=1e-6, name="norm")

    def call(self, view: View, training: bool = False) -> tf.Tensor:
        targets = tf.pad(view.target, [[0, 0], [0, 0], [0, self.hidden]])
        targets = self.token(targets) + tf.cast(self.masked, targets.dtype)
        encoded = Encoded(self.token(view.rows), targets)
        gaps = Gaps.of(view.time, view.target_time, view.window.first)
        for block in self.blocks:
            encoded = block(encoded, gaps, training=training)
        return self.norm(encoded.targets)


def build(config: HstuConfig, sizes: FeatureSizes) -> CtrModel:
    """Returns HSTU, whose blocks take the short-term module's place."""
    frame = config.model_copy(update={"short_seq_len": 0})
    return CtrModel(frame, sizes, lambda embedding: HstuInterest(config, embedding))
