"""The EvalConfig with which TFMA computes the metrics; the verdict is the gate's, not TFMA's."""

from __future__ import annotations

import json
from collections.abc import Sequence

import tensorflow_model_analysis as tfma

# `tensorflow_model_analysis` 0.52 does not export EvalConfig unless TFX is imported first.
from tensorflow_model_analysis.proto import config_pb2

from models import features

CANDIDATE, BASELINE = "candidate", "baseline"
METRICS = "components.evaluator.tfma.metrics"
CTR_METRIC, ORACLE_METRIC = "CtrMetrics", "OracleAuc"


def eval_config(
    slices: list[str], baseline: bool, oracle: bool, labels: Sequence[str] = ()
) -> config_pb2.EvalConfig:
    """Which models, metrics and slices TFMA computes.

    Args:
      slices: columns of the predictions table, each a slicing of its own.
      baseline: whether there is a model to compare with.
      oracle: whether the true click probability is known (`target_oracle`).
      labels: those beside the primary one, whose metrics have their names as output.
    """
    config = config_pb2.EvalConfig()
    names = [CANDIDATE, BASELINE] if baseline else [CANDIDATE]
    for name in names:
        config.model_specs.add(
            name=name,
            is_baseline=name == BASELINE,
            model_type=tfma.TF_GENERIC,
            signature_name=features.SERVING_DEFAULT,
            prediction_key=features.PROBABILITY,
            label_key=features.LABEL,
        )
    config.slicing_specs.add()
    for feature in slices:
        config.slicing_specs.add(feature_keys=[feature])
    spec = config.metrics_specs.add(model_names=names)
    for name in (CTR_METRIC, ORACLE_METRIC) if oracle else (CTR_METRIC,):
        spec.metrics.add(class_name=name, module=METRICS)
    if labels:
        spec.metrics[0].config = json.dumps({"labels": list(labels)})
    return config
