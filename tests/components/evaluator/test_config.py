"""The gate's configuration and its rules."""

from __future__ import annotations

import math

import pydantic
import pytest

from components.evaluator.config import GateConfig
from components.evaluator.rules import Rule, rules


def test_rules_follow_the_configuration():
    assert rules(GateConfig(calibration=None, max_drop=None)) == [Rule("auc", least=0.51)]
    gate = GateConfig(min_gauc=0.55, max_logloss=0.6, calibration=(0.9, 1.1), max_drop=0.002)
    assert rules(gate) == [
        Rule("auc", least=0.51),
        Rule("gauc", least=0.55),
        Rule("logloss", most=0.6),
        Rule("calibration", least=0.9, most=1.1),
        Rule("auc", max_drop=0.002),
        Rule("gauc", max_drop=0.002),
    ]


@pytest.mark.parametrize(
    ("rule", "value", "baseline", "holds"),
    [
        (Rule("auc", least=0.6), 0.6, None, True),
        (Rule("auc", least=0.6), 0.59, None, False),
        (Rule("logloss", most=0.6), 0.61, None, False),
        (Rule("calibration", least=0.8, most=1.2), 1.0, None, True),
        (Rule("calibration", least=0.8, most=1.2), 1.3, None, False),
        (Rule("calibration", least=0.8, most=1.2), 0.7, None, False),
        (Rule("auc", max_drop=0.01), 0.7, 0.72, False),
        (Rule("auc", max_drop=0.01), 0.7, 0.705, True),
        (Rule("auc", max_drop=0.01), 0.7, None, True),
        (Rule("auc", least=0.0), math.nan, None, False),
        (Rule("auc", most=1.0), math.nan, None, False),
        (Rule("auc", max_drop=1.0), math.nan, 0.5, False),
    ],
)
def test_a_rule_holds_or_not(rule, value, baseline, holds):
    assert rule.holds(value, baseline) == holds


def test_sentences_name_metric_value_bound_and_baseline():
    assert Rule("auc", least=0.6).sentence(0.55, None) == "AUC 0.5500 must be at least 0.6"
    assert Rule("logloss", most=0.7).sentence(0.6, None) == "LogLoss 0.6000 is at most 0.7"
    assert Rule("calibration", 0.8, 1.25).sentence(1.3, None) == (
        "calibration 1.3000 must be in 0.8–1.25"
    )
    assert Rule("gauc", max_drop=0.001).sentence(0.68, 0.7) == (
        "GAUC 0.6800 must be at most 0.001 below the 0.7000 of the latest blessed model (-0.0200)"
    )
    assert "no earlier blessed model" in Rule("auc", max_drop=0.001).sentence(0.68, None)


@pytest.mark.parametrize(
    "values", [{"calibration": (1.2, 0.8)}, {"min_auc": 1.5}, {"max_drop": -1}, {"minauc": 0.5}]
)
def test_refuses(values):
    with pytest.raises(pydantic.ValidationError):
        GateConfig(**values)
