"""SIM-hard: attention over what category search finds."""

from __future__ import annotations

from models.base import CtrModel
from models.config import SimHardConfig
from models.features import FeatureSizes
from models.interests import RetrievedInterest
from models.layers import BehaviorEmbedding, CategorySearch


class SimHardInterest(RetrievedInterest):
    """Attends to the newest K behaviours in the target's category (SIM, arXiv 2006.05639)."""

    def __init__(self, config: SimHardConfig, embedding: BehaviorEmbedding):
        super().__init__(config, embedding)
        self.search = CategorySearch(config.top_k)

    def choose(self, view, queries):
        return self.search(view.target_ids["category"], view.ids["category"], view.window)


def build(config: SimHardConfig, sizes: FeatureSizes) -> CtrModel:
    """Returns SIM-hard."""
    return CtrModel(config, sizes, lambda embedding: SimHardInterest(config, embedding))
