"""The EvalConfig of TFX's Evaluator."""

from __future__ import annotations

import json

import tensorflow_model_analysis as tfma

# `tensorflow_model_analysis` 0.52 does not export EvalConfig unless TFX is imported first.
from tensorflow_model_analysis.proto import config_pb2

from components.evaluator.config import GateConfig
from components.evaluator.rules import Rule, rules
from models import features

CANDIDATE, BASELINE = "candidate", "baseline"
SIGNATURE = "serving_default"
PREDICTION_KEY = "probability"
METRICS = "components.evaluator.tfma_metrics"
CTR_METRIC, ORACLE_METRIC = "CtrMetrics", "OracleAuc"


def eval_config(gate: GateConfig, oracle: bool, code: str) -> config_pb2.EvalConfig:
    """How TFMA judges: the exported model by its signature, the gate's rules on the Overall slice.

    Args:
      gate: what a model must show. Without a blessed model to compare with, TFX drops the rules
        that compare.
      oracle: whether the eval examples carry the true click probability (`target_oracle`).
      code: digest of the source of metrics and extractors: TFX's cache must miss when it changes.
    """
    config = config_pb2.EvalConfig()
    for name in (CANDIDATE, BASELINE):
        config.model_specs.add(
            name=name,
            is_baseline=name == BASELINE,
            model_type=tfma.TF_GENERIC,
            signature_name=SIGNATURE,
            prediction_key=PREDICTION_KEY,
            label_key=features.LABEL,
        )
    config.slicing_specs.add()
    for feature in gate.slices:
        config.slicing_specs.add(feature_keys=[feature])
    spec = config.metrics_specs.add(model_names=[CANDIDATE, BASELINE])
    for name in (CTR_METRIC, ORACLE_METRIC) if oracle else (CTR_METRIC,):
        spec.metrics.add(class_name=name, module=METRICS, config=json.dumps({"code": code}))
    for rule in rules(gate):
        threshold = spec.per_slice_thresholds[rule.metric].thresholds.add()
        threshold.slicing_specs.add()
        _set_bounds(threshold.threshold, rule)
    return config


def _set_bounds(threshold: config_pb2.MetricThreshold, rule: Rule) -> None:
    if rule.max_drop is not None:
        threshold.change_threshold.direction = config_pb2.MetricDirection.HIGHER_IS_BETTER
        threshold.change_threshold.absolute.value = -rule.max_drop
    if rule.least is not None:
        threshold.value_threshold.lower_bound.value = rule.least
    if rule.most is not None:
        threshold.value_threshold.upper_bound.value = rule.most
