"""DIN: target attention without retrieval."""

from __future__ import annotations

from models.base import CtrModel
from models.config import DinConfig
from models.features import FeatureSizes
from models.interests import RecentInterest


def build(config: DinConfig, sizes: FeatureSizes) -> CtrModel:
    """Returns DIN (arXiv 1706.06978): target attention over the last n behaviours, or over all.

    Deviates from the paper in its activation unit: multi-head scaled dot products, the same as in
    the other models' attention, in place of an MLP over each pair, so that models differ in what
    they read and in nothing else. Its attention takes the short-term module's place.
    """
    frame = config.model_copy(update={"short_seq_len": 0})
    return CtrModel(
        frame,
        sizes,
        lambda embedding: RecentInterest(
            config.num_heads, config.last, embedding, config.length_modulation
        ),
    )
