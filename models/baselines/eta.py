"""ETA: attention over what SimHash finds."""

from __future__ import annotations

import tensorflow as tf

from models.base import CtrModel
from models.config import EtaConfig
from models.features import FeatureSizes
from models.interests import RetrievedInterest
from models.layers import BehaviorEmbedding, HammingSearch, Selection, SimHash


class EtaInterest(RetrievedInterest):
    """Attends to the K behaviours whose codes are closest to the target's.

    ETA, arXiv 2108.04468: Hamming distance of SimHash codes.
    """

    def __init__(self, config: EtaConfig, embedding: BehaviorEmbedding):
        super().__init__(config, embedding)
        self.hash = SimHash(embedding.inherent_dim, config.hash_bits)
        self.search = HammingSearch(config.top_k)

    def choose(self, view, queries):
        targets, behaviors = self.hash(view.target), self.hash(view.rows)
        found = self.search(targets[:, :, None], behaviors, view.window)
        return Selection(*(tf.squeeze(x, 2) for x in found))


def build(config: EtaConfig, sizes: FeatureSizes) -> CtrModel:
    """Returns ETA."""
    return CtrModel(config, sizes, lambda embedding: EtaInterest(config, embedding))
