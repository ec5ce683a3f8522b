"""SIM-soft: attention over what inner products find."""

from __future__ import annotations

from models.base import CtrModel
from models.config import SimSoftConfig
from models.features import FeatureSizes
from models.interests import RetrievedInterest
from models.layers import BehaviorEmbedding, InnerProductSearch


class SimSoftInterest(RetrievedInterest):
    """Attends to the K behaviours whose embeddings are closest to the target's.

    SIM, arXiv 2006.05639, soft search: `r = (W_a e_i) . (W_b e_a)`. Deviates in searching by the
    embeddings themselves, jointly trained, in place of ones trained before on an auxiliary task.
    """

    def __init__(self, config: SimSoftConfig, embedding: BehaviorEmbedding):
        super().__init__(config, embedding)
        self.search = InnerProductSearch(config.top_k)

    def choose(self, view, queries):
        return self.search(view.target, view.rows[..., : view.target.shape[-1]], view.window)


def build(config: SimSoftConfig, sizes: FeatureSizes) -> CtrModel:
    """Returns SIM-soft."""
    return CtrModel(config, sizes, lambda embedding: SimSoftInterest(config, embedding))
