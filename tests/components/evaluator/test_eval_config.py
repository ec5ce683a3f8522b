"""The EvalConfig: what TFMA is told, and what TFX's cache sees."""

from __future__ import annotations

from components.evaluator.config import GateConfig
from components.evaluator.eval_config import eval_config


def test_a_change_of_code_or_gate_changes_it():
    first = eval_config(GateConfig(), oracle=True, code="a")
    assert first == eval_config(GateConfig(), oracle=True, code="a")
    assert first != eval_config(GateConfig(), oracle=True, code="b")
    assert first != eval_config(GateConfig(min_auc=0.6), oracle=True, code="a")


def test_only_the_overall_slice_is_gated():
    config = eval_config(GateConfig(min_gauc=0.5), oracle=False, code="a")
    (spec,) = config.metrics_specs
    assert [metric.class_name for metric in spec.metrics] == ["CtrMetrics"]
    assert set(spec.per_slice_thresholds) == {"auc", "gauc", "calibration"}
    for thresholds in spec.per_slice_thresholds.values():
        for threshold in thresholds.thresholds:
            (overall,) = threshold.slicing_specs
            assert not overall.feature_keys
    assert not spec.thresholds
    assert not any(metric.HasField("threshold") for metric in spec.metrics)


def test_it_slices_by_what_the_gate_names():
    config = eval_config(GateConfig(slices=["country"]), oracle=True, code="a")
    assert [list(spec.feature_keys) for spec in config.slicing_specs] == [[], ["country"]]
    assert [metric.class_name for metric in config.metrics_specs[0].metrics] == [
        "CtrMetrics",
        "OracleAuc",
    ]
