"""The EvalConfig: what TFMA is told."""

from __future__ import annotations

from components.evaluator.tfma.eval_config import eval_config


def test_it_slices_by_what_it_is_given_and_gates_nothing():
    config = eval_config(["country"], baseline=True, oracle=True)
    assert [list(spec.feature_keys) for spec in config.slicing_specs] == [[], ["country"]]
    assert [(spec.name, spec.is_baseline) for spec in config.model_specs] == [
        ("candidate", False),
        ("baseline", True),
    ]
    (spec,) = config.metrics_specs
    assert [metric.class_name for metric in spec.metrics] == ["CtrMetrics", "OracleAuc"]
    assert not spec.thresholds
    assert not spec.per_slice_thresholds


def test_without_baseline_and_oracle_there_is_one_model_and_one_metric():
    config = eval_config([], baseline=False, oracle=False)
    assert [spec.name for spec in config.model_specs] == ["candidate"]
    assert [metric.class_name for metric in config.metrics_specs[0].metrics] == ["CtrMetrics"]
