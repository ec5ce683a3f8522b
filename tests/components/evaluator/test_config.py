"""The gate's configuration."""

from __future__ import annotations

import pydantic
import pytest

from components.evaluator.config import GateConfig, SliceRule


def test_a_rule_names_its_slice():
    values = {"feature": "length", "min_auc": 0.5}
    assert SliceRule(**values, at_least=1024).slice == {"length": ">= 1024"}
    assert SliceRule(**values, at_least=2, at_most=8.5).slice == {"length": ">= 2 and <= 8.5"}
    assert SliceRule(**values, equals="item seen").slice == {"length": "item seen"}


def test_every_feature_that_is_sliced_by_is_known_once():
    rule = {"feature": "country", "equals": "fr", "max_drop": 0.01}
    gate = GateConfig(slices=["length"], slice_rules=[rule, rule | {"feature": "length"}])
    assert gate.sliced == ["length", "country"]


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"calibration": (1.2, 0.8)}, r"`calibration` must be \[least, most\]"),
        ({"min_auc": 1.5}, "less than or equal to 1"),
        ({"max_logloss": -1}, "greater than or equal to 0"),
        ({"min_recall": 0.1}, "min_recall"),
        ({"max_gauc": 0.1}, "max_gauc"),  # more is better
        ({"tolerance": {"auc": -1}}, "greater than or equal to 0"),
        ({"tolerance": {"recall": 0.1}}, "recall"),
        ({"minauc": 0.5}, "minauc"),
        ({"confidence": 1.0}, "less than 1"),
        ({"slice_rules": [{"feature": "a", "min_auc": 0.5}]}, "give either `equals`"),
        (
            {"slice_rules": [{"feature": "a", "equals": 1, "at_most": 2, "min_auc": 0.5}]},
            "give either `equals`",
        ),
        ({"slice_rules": [{"feature": "a", "equals": 1}]}, "the rule allows all"),
    ],
)
def test_refuses(values, words):
    with pytest.raises(pydantic.ValidationError, match=words):
        GateConfig(**values)


def test_every_metric_has_a_bound_on_its_worse_side():
    assert GateConfig().worst == {"auc": 0.51}
    gate = GateConfig(min_auc=None, min_mrr=0.2, min_ndcg_at_10=0.3, max_logloss=3)
    assert gate.worst == {"mrr": 0.2, "ndcg_at_10": 0.3, "logloss": 3}
    assert GateConfig.model_validate_json(gate.model_dump_json()) == gate
