"""Several labels and weights, from transformed examples to the exported model."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest

from components.saved_model import SavedModel
from models import features, metrics, trainer
from tests.models.transformed import Transformed, random_splits, serialize, transform

LABELS = {
    "primary": "click",
    "others": {"like": {"given": "click", "weight": 0.5}, "share": {"weight": 0.5}},
}


@pytest.fixture(scope="module")
def labelled(tmp_path_factory) -> Transformed:
    """Users who like what they clicked of some categories, and share by another rule, if known."""
    splits, rng = random_splits(train=200), np.random.default_rng(4)
    for examples in splits.values():
        for example in examples:
            categories = np.array(example[features.TARGET_CATEGORY])
            likes = (categories % 2 == 0) & (np.array(example[features.LABEL]) == 1)
            shares = np.where(rng.random(len(likes)) < 0.5, categories < 3, math.nan)
            example[features.label_feature("like")] = likes.astype(float).tolist()
            example[features.label_feature("share")] = shares.tolist()
            example[features.TARGET_WEIGHT] = (1 + rng.random(len(likes))).tolist()
    return transform(tmp_path_factory.mktemp("labelled"), splits)


@pytest.fixture(scope="module")
def trained(labelled, tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("trained")
    arguments = labelled.fn_args(
        folder, {"epochs": 12, "learning_rate": 0.01}, num_experts=2, tower_units=[8]
    )
    config = json.loads(arguments.custom_config["config"]) | {"labels": LABELS}
    arguments.custom_config["config"] = json.dumps(config)
    trainer.run_fn(arguments)
    return folder


def test_every_label_is_learnt_and_validated(trained):
    curve = json.loads((trained / "run" / "training.json").read_text())["curve"]
    assert {"validation_like_auc", "validation_like_loss", "validation_share_auc"} < set(curve[-1])
    assert max(epoch["validation_auc"] for epoch in curve) > 0.8
    assert max(epoch["validation_like_auc"] for epoch in curve) > 0.8
    assert max(epoch["validation_share_auc"] for epoch in curve) > 0.95


def test_signatures_return_every_label(labelled, trained):
    served = SavedModel(str(trained / "serving")).functions["serving_default"]
    examples = labelled.splits["validation"]
    found = served({"examples": np.array([serialize(e) for e in examples], object)})
    assert set(found) == {"probability", "probability_like", "probability_share"}
    names = ("probability", "probability_like", "probability_share")
    counts = [len(e[features.LABEL]) for e in examples]
    click, like, share = (
        np.concatenate([row[:n] for row, n in zip(found[k], counts, strict=True)]) for k in names
    )
    assert (like <= click).all()  # the chance of both
    clicked, liked, shared = (
        np.concatenate([e[name] for e in examples])
        for name in ("label", "label_like", "label_share")
    )
    known = ~np.isnan(shared)
    weights = np.concatenate([e[features.TARGET_WEIGHT] for e in examples])
    # What validation reports of its best epoch is what the exported model gives.
    report = json.loads((trained / "run" / "training.json").read_text())
    best = max(report["curve"], key=lambda epoch: epoch[f"validation_{report['best_by']}"])
    for labels, scores, kept, name in (
        (clicked, click, slice(None), "auc"),
        (liked, like, slice(None), "like_auc"),
        (shared, share, known, "share_auc"),
    ):
        value = metrics.auc(labels[kept], scores[kept], weights[kept])
        assert value == pytest.approx(best[f"validation_{name}"], abs=2e-3), name


def test_what_is_served_needs_no_label_and_no_weight(trained):
    names = set(SavedModel(str(trained / "serving")).functions["score"].inputs)
    assert not {name for name in names if name.startswith("label")} | {"target_weight"} & names
