"""How far examples are from others, by TFDV: between splits (skew), from earlier data (drift)."""

from __future__ import annotations

from typing import NamedTuple, TypeAlias

import tensorflow_data_validation as tfdv
from tensorflow_metadata.proto.v0 import schema_pb2, statistics_pb2

from models import features

EARLIER = "earlier data"
_BY_CONSTRUCTION = {"target_request", "target_hist_end", "target_local_begin", "target_match"}

Statistics: TypeAlias = statistics_pb2.DatasetFeatureStatisticsList


class Distance(NamedTuple):
    """The Jensen-Shannon divergence of a feature's values from those of train, in [0, 1].

    Attributes:
      feature: its name.
      compared: what is compared with train: a split, or the train split of earlier data.
      divergence: 0: the same distribution; 1: nothing in common.
      threshold: that the schema sets, or None.
    """

    feature: str
    compared: str
    divergence: float
    threshold: float | None

    @property
    def beyond(self) -> bool:
        """Whether it is farther than the schema allows."""
        return self.threshold is not None and self.divergence > self.threshold


def distances(
    statistics: dict[str, Statistics], schema: schema_pb2.Schema, earlier: Statistics | None = None
) -> list[Distance]:
    """Compares every other split, and earlier data, with train; the farthest feature first.

    What only says where a target stands in its example (`target_hist_end` and the like) differs by
    construction: eval examples hold one target, others many. It is left out, and so is what train
    has not; and the split of items, which holds nothing of users.

    Args:
      statistics: by split.
      schema: of the examples; its comparators set the thresholds, of skew for splits, of drift for
        earlier data.
      earlier: of the split train of earlier data.
    """
    others = {s: one for s, one in statistics.items() if s not in ("train", features.ITEMS)}
    found = []
    for compared, other in others.items():
        found += _measured(statistics["train"], other, schema, "skew_comparator", compared)
    if earlier is not None:
        found += _measured(statistics["train"], earlier, schema, "drift_comparator", EARLIER)
    return sorted(found, key=lambda d: -d.divergence)


def _measured(
    train: Statistics, other: Statistics, schema: schema_pb2.Schema, comparator: str, compared: str
) -> list[Distance]:
    present = {feature.path.step[0] for feature in train.datasets[0].features}
    measuring, thresholds = schema_pb2.Schema(), {}
    measuring.CopyFrom(schema)
    for feature in list(measuring.feature):
        if feature.name not in present or feature.name in _BY_CONSTRUCTION:
            measuring.feature.remove(feature)
            continue
        limit = getattr(feature, comparator).jensen_shannon_divergence.threshold
        thresholds[feature.name] = limit or None
        feature.ClearField("drift_comparator")
        feature.ClearField("skew_comparator")
        # TFDV measures only what has a threshold.
        feature.skew_comparator.jensen_shannon_divergence.threshold = 1.0
    anomalies = tfdv.validate_statistics(train, measuring, serving_statistics=other)
    return [
        Distance(name, compared, measurement.value, thresholds[name])
        for info in anomalies.drift_skew_info
        for measurement in info.skew_measurements
        for name in [info.path.step[0]]
    ]
