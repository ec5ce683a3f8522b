"""A feature that gives the label away, which is refused before a model learns nothing else."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from models import feature_config, features, metrics
from models.errors import InputError
from models.feature_config import Feature, IdsFeature, VectorFeature
from models.features import ItemTable
from models.inputs import Examples, Split

MOST = 0.95  # AUC of a single feature
LEAST = 10  # validation targets of either label, from which an AUC says something


def check(
    train: Split, validation: Split, configured: Mapping[str, Feature], items: ItemTable | None
) -> None:
    """Refuses a feature by whose value alone a label of the validation targets can be told.

    A target's score is the click rate that its value has in training, of every label where it is
    known. Lists and vectors are not tried, nor are features of events, which no target has. Of a
    split that does not fit in memory the first part is tried.

    Args:
      train, validation: transformed.
      configured: features by name.
      items: what is known of every item.

    Raises:
      InputError: naming the feature, the label if there are several, and its AUC.
    """
    single = {
        name: feature
        for name, feature in feature_config.of(("item", "user", "context"), configured).items()
        if not isinstance(feature, IdsFeature | VectorFeature)
    }
    if not single:
        return
    known, told = next(train.parts()), next(validation.parts())
    for column in [name for name in known.columns if features.is_label(name)]:
        clicked, label = (part.columns[column].flat_values.numpy() for part in (known, told))
        taught, asked = ~np.isnan(clicked), ~np.isnan(label)
        clicked, label = clicked[taught], label[asked]
        if not len(clicked) or min(label.sum(), len(label) - label.sum()) < LEAST:
            continue
        which = column.removeprefix(features.LABEL).removeprefix("_")
        for name, feature in single.items():
            values, sought = (_values(name, feature, part, items) for part in (known, told))
            found = metrics.auc(label, rates(values[taught], clicked, sought[asked]))
            if found > MOST:
                raise InputError(
                    f"`features.{name}` alone ranks the validation targets with an AUC of "
                    f"{found:.3f}, above {MOST:g}, by the click rate of its values in training: it "
                    f"tells the label{f' {which!r}' if which else ''}; if it is known only "
                    f"afterwards, set `of: event`, if it is made of the label, remove it"
                )


def rates(values: np.ndarray, clicked: np.ndarray, asked: np.ndarray) -> np.ndarray:
    """Returns the click rate of each value, drawn towards that of all as if by one more target.

    Args:
      values: [N] int, 0 or more.
      clicked: [N] 0 or 1.
      asked: [M] int, the values whose rates are returned.

    Returns:
      [M].
    """
    size = int(max(values.max(initial=0), asked.max(initial=0))) + 1
    count = np.bincount(values, minlength=size)
    clicks = np.bincount(values, clicked, minlength=size)
    return ((clicks + clicked.mean()) / (count + 1))[asked]


def _values(name: str, feature: Feature, part: Examples, items: ItemTable | None) -> np.ndarray:
    """The id of the feature's value for each target, [N]."""
    if feature.of == "context":
        return part.columns[features.target_feature(name)].flat_values.numpy()
    targets = part.columns[features.TARGET_ITEM]
    if feature.of == "user":
        user = part.columns[features.user_feature(name)].flat_values.numpy()
        return np.repeat(user, targets.row_lengths().numpy()[:-1])
    assert items is not None, "a feature is of items"
    return items.ids[name][targets.flat_values.numpy(), 0]
