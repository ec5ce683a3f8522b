"""The verdict as TFMA keeps one: `tfma.load_validation_result` and TFX's tools read it.

TFMA validates against thresholds on the values of metrics, of which the gate has none: so it would
bless nothing. What it wrote is replaced by what the gate decided.
"""

from __future__ import annotations

import os

import tensorflow as tf
from tensorflow_model_analysis.proto import metrics_for_slice_pb2, validation_result_pb2

from components.evaluator.gate.check import Check
from components.evaluator.gate.judge import Verdict
from components.evaluator.tfma.eval_config import CANDIDATE

_FILE = "validations.tfrecord"


def write(folder: str, verdict: Verdict) -> None:
    """Writes the verdict beside TFMA's metrics in `folder`."""
    with tf.io.TFRecordWriter(os.path.join(folder, _FILE)) as file:
        file.write(validation_result(verdict).SerializeToString())


def validation_result(verdict: Verdict) -> validation_result_pb2.ValidationResult:
    """The verdict, with a failure for each check that did not pass, in the slice it was made on."""
    result = validation_result_pb2.ValidationResult(validation_ok=verdict.blessed)
    by_slice: dict[tuple[tuple[str, str], ...], list[Check]] = {(): []}
    for check in verdict.checks:
        by_slice.setdefault(tuple(check.slice.items()), []).append(check)
    for key, checks in by_slice.items():
        details = result.validation_details.slicing_details.add(num_matching_slices=1)
        details.slicing_spec.feature_values.update(dict(key))
        failed = [check for check in checks if not check.passed]
        if failed:
            one = result.metric_validations_per_slice.add(slice_key=_slice_key(key))
            one.failures.extend(map(_failure, failed))
    return result


def _slice_key(key: tuple[tuple[str, str], ...]) -> metrics_for_slice_pb2.SliceKey:
    result = metrics_for_slice_pb2.SliceKey()
    for column, value in key:
        result.single_slice_keys.add(column=column, bytes_value=value.encode())
    return result


def _failure(check: Check) -> validation_result_pb2.ValidationFailure:
    failure = validation_result_pb2.ValidationFailure(message=check.sentence)
    failure.metric_key.name = check.metric or check.code
    failure.metric_key.model_name = CANDIDATE
    if check.value is not None:
        failure.metric_value.double_value.value = check.value
    return failure
