"""What the Evaluator found, in numbers and in plain words."""

from __future__ import annotations

import dataclasses
import json
import math
import os
from typing import Any

import tensorflow_model_analysis as tfma

from components.artifact_file import parsed
from components.errors import InputError
from components.evaluator.tfma.eval_config import BASELINE
from models.metric_table import METRICS

VERDICT = "gate.json"
_SHOWN = (*(name for name, metric in METRICS.items() if metric.main), "oracle_auc")


@dataclasses.dataclass(frozen=True)
class SliceMetrics:
    """The metrics of one slice.

    Attributes:
      slice: values by feature, such as {"slice_history_length": "512"}; empty: Overall.
      candidate: metrics by name, of the model that was judged.
      baseline: of the latest blessed model; empty if there is none.
    """

    slice: dict[str, str]
    candidate: dict[str, float]
    baseline: dict[str, float]


def sliced_metrics(evaluation: str) -> list[SliceMetrics]:
    """The metrics of every slice, Overall first, then by feature and rising value.

    Args:
      evaluation: uri of the Evaluator's `evaluation`.
    """
    found = []
    for record in tfma.load_metrics(evaluation):
        by_model: dict[bool, dict[str, float]] = {False: {}, True: {}}
        for item in record.metric_keys_and_values:
            if not item.key.is_diff and not item.key.output_name:
                values = by_model[item.key.model_name == BASELINE]
                values[item.key.name] = item.value.double_value.value
        which = {key.column: _value(key) for key in record.slice_key.single_slice_keys}
        found.append(SliceMetrics(which, by_model[False], by_model[True]))
    return sorted(found, key=lambda s: [(name, _order(v)) for name, v in s.slice.items()])


def overall_metrics(evaluation: str) -> dict[str, float]:
    """The main metrics (and of a simulated log the oracle's AUC) of all targets."""
    candidate = sliced_metrics(evaluation)[0].candidate
    return {name: candidate[name] for name in _SHOWN if name in candidate}


def verdict(evaluation: str) -> dict[str, Any]:
    """The gate's verdict as `gate.Verdict.to_json` wrote it.

    Raises:
      InputError: if the file is gone or damaged, or of a version that compared otherwise.
    """
    path = os.path.join(evaluation, VERDICT)
    found = parsed(path, json.loads)
    if "protocol" not in found:
        raise InputError(
            f"{path} is of an earlier version, whose GAUC compared targets of different times; "
            "give the command of its run again"
        )
    return found


def _value(key: tfma.proto.metrics_for_slice_pb2.SingleSliceKey) -> str:
    kind = key.WhichOneof("kind")
    value = getattr(key, kind)
    return value.decode(errors="replace") if isinstance(value, bytes) else str(value)


def _order(value: str) -> tuple[float, str]:
    """Numbers and ranges by size, before texts."""
    below, number = value.startswith("below "), value.removesuffix(" and more").partition(" to ")[0]
    try:
        return float(number) if not below else -math.inf, ""
    except ValueError:
        return math.inf, value
