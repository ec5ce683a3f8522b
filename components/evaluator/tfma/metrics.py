"""The metrics of `models` for TFMA: exact, and the same however Beam bundles the predictions."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import apache_beam as beam
import numpy as np
import pyarrow as pa
import tensorflow_model_analysis as tfma
from tensorflow_model_analysis.metrics import calibration_plot, example_count, metric_types
from tensorflow_model_analysis.proto import metrics_for_slice_pb2

from components.evaluator.tfma.eval_config import BASELINE
from components.scoring import predictions
from models import features, metrics
from models.metric_table import counts, evaluate

_EXAMPLE_COUNT = example_count.EXAMPLE_COUNT_NAME
_BUCKETS = 1000  # of the calibration plot, as TFMA's own


def _all(gathered: metrics.Predictions) -> dict[str, float]:
    counted = counts(gathered)
    # TFMA's views size slices by `example_count`.
    return evaluate(gathered) | counted | {_EXAMPLE_COUNT: counted["predictions"]}


NAMES = tuple(_all(metrics.Predictions.merge([])))


class CtrMetrics(tfma.metrics.Metric):
    """All of `models.metric_table` from one pass over the predictions: the keys are `NAMES`.

    Besides, the data of TFMA's calibration plot. The state of a slice is its predictions, 32 bytes
    each: exact AUC and GAUC need them all.

    Args:
      name: of the metric.
      labels: those beside the primary one, whose metrics have their names as `output_name`.
    """

    def __init__(self, name: str = "ctr", labels: Sequence[str] = ()):
        super().__init__(_ctr_computations, name=name, labels=list(labels))


class OracleAuc(tfma.metrics.Metric):
    """AUC of the true click probability of a simulated log (`target_oracle`): none can beat it."""

    def __init__(self, name: str = "oracle_auc"):
        super().__init__(_oracle_computations, name=name)


def _ctr_computations(
    name: str = "ctr", model_names: list[str] | None = None, labels: Sequence[str] = ()
) -> list[metric_types.MetricComputation]:
    return [
        _computation(NAMES, model, _PredictionsPreprocessor(model, label), label, plot=True)
        for model in model_names or [""]
        for label in ("", *labels)
    ]


def _oracle_computations(
    name: str = "oracle_auc", model_names: list[str] | None = None
) -> list[metric_types.MetricComputation]:
    return [
        _computation(("oracle_auc",), model, _OraclePreprocessor()) for model in model_names or [""]
    ]


def _computation(
    names: tuple[str, ...],
    model: str,
    preprocessor: metric_types.Preprocessor,
    label: str = "",
    plot: bool = False,
) -> metric_types.MetricComputation:
    # TFMA looks for thresholds of a metrics spec under keys without a mark of example weights.
    of = {"model_name": model, "output_name": label, "example_weighted": None}
    keys = [metric_types.MetricKey(name, **of) for name in names]
    if plot:
        keys.append(metric_types.PlotKey(calibration_plot.CALIBRATION_PLOT_NAME, **of))
    return metric_types.MetricComputation(
        keys=keys, preprocessors=[preprocessor], combiner=_GatherCombineFn(keys)
    )


class _PredictionsPreprocessor(metric_types.Preprocessor):
    """Turns the extracts of one example, or of a batch, into `metrics.Predictions` of a model.

    Args:
      model: its name.
      label: one beside the primary one, of which only what is known counts; "": the primary one.
    """

    def __init__(self, model: str, label: str = ""):
        super().__init__(name=f"predictions:{model}:{label}")
        self._model, self._label = model, label

    def process(self, extracts: tfma.Extracts) -> Iterator[metrics.Predictions]:
        """Yields the predictions of the extracts."""
        if self._label:
            found = _of_label(extracts[tfma.FEATURES_KEY], self._model, self._label)
            if found is not None:
                yield found
            return
        scores = extracts[tfma.PREDICTIONS_KEY]
        for key in (self._model, features.PROBABILITY):
            if isinstance(scores, dict) and key in scores:
                scores = scores[key]
        frozen = predictions.BASELINE_FROZEN if self._model == BASELINE else predictions.FROZEN
        yield _predictions(extracts, scores, extracts[tfma.FEATURES_KEY].get(frozen))


class _OraclePreprocessor(metric_types.Preprocessor):
    """As `_PredictionsPreprocessor`, the score being the true click probability."""

    def process(self, extracts: tfma.Extracts) -> Iterator[metrics.Predictions]:
        """Yields the predictions of the extracts."""
        yield _predictions(extracts, extracts[tfma.FEATURES_KEY][features.TARGET_ORACLE])


def _predictions(
    extracts: tfma.Extracts, scores: np.ndarray, frozen: np.ndarray | None = None
) -> metrics.Predictions:
    kept = extracts[tfma.FEATURES_KEY]
    return _flat(kept, np.ravel(extracts[tfma.LABELS_KEY]), scores, frozen)


def _flat(
    kept: Mapping[str, np.ndarray],
    labels: np.ndarray,
    scores: np.ndarray,
    frozen: np.ndarray | None,
) -> metrics.Predictions:
    users = np.ravel(kept[features.USER_ID])
    if users.dtype.kind == "O":
        # `astype(bytes)` alone refuses text beyond ASCII.
        users = pa.array(users).cast(pa.binary()).to_numpy(zero_copy_only=False).astype(bytes)
    optional = (None if x is None else np.ravel(x) for x in (frozen, kept.get(predictions.WEIGHT)))
    return metrics.Predictions(
        labels, np.ravel(scores), users, np.ravel(kept[predictions.REQUEST]), *optional
    )


def _of_label(kept: Mapping[str, np.ndarray], model: str, label: str) -> metrics.Predictions | None:
    """What a model predicts of a label, where it is known; None if the model does not know it."""
    baseline = model == BASELINE
    score, frozen = (
        predictions.of_label(column, label)
        for column in (
            (predictions.BASELINE_SCORE, predictions.BASELINE_FROZEN)
            if baseline
            else (predictions.SCORE, predictions.FROZEN)
        )
    )
    if score not in kept:
        return None
    labels = np.ravel(kept[predictions.of_label(predictions.LABEL, label)])
    known = ~np.isnan(labels)
    rows = {name: np.ravel(values)[known] for name, values in kept.items()}
    return _flat(rows, labels[known], rows[score], rows.get(frozen))


class _GatherCombineFn(beam.CombineFn):
    """Gathers predictions; only the end computes."""

    def __init__(self, keys: list[metric_types.MetricKey]):
        self._keys = keys

    def create_accumulator(self) -> list[metrics.Predictions]:
        return []

    def add_input(
        self, accumulator: list[metrics.Predictions], element: metrics.Predictions
    ) -> list[metrics.Predictions]:
        accumulator.append(element)
        return accumulator

    def merge_accumulators(
        self, accumulators: Iterable[list[metrics.Predictions]]
    ) -> list[metrics.Predictions]:
        return [part for accumulator in accumulators for part in accumulator]

    def compact(self, accumulator: list[metrics.Predictions]) -> list[metrics.Predictions]:
        return [metrics.Predictions.merge(accumulator)] if accumulator else []

    def extract_output(
        self, accumulator: list[metrics.Predictions]
    ) -> dict[metric_types.MetricKey, Any]:
        gathered = metrics.Predictions.merge(accumulator)
        if [key.name for key in self._keys] == ["oracle_auc"]:
            return {self._keys[0]: evaluate(gathered, ["auc"])["auc"]}
        values: dict[str, Any] = _all(gathered)
        values[calibration_plot.CALIBRATION_PLOT_NAME] = histogram(gathered)
        return {key: values[key.name] for key in self._keys}


def histogram(
    predictions: metrics.Predictions,
) -> metrics_for_slice_pb2.CalibrationHistogramBuckets:
    """Labels and scores by score, in the buckets of TFMA's calibration plot that hold any.

    Targets count by weight. The buckets are `_BUCKETS` of equal width from 0 to 1, and one on
    either side.
    """
    finite = np.isfinite(predictions.scores)
    labels, scores = predictions.labels[finite], predictions.scores[finite].astype(np.float64)
    weights = np.ones(len(labels)) if predictions.weights is None else predictions.weights[finite]
    edges = np.array([-np.inf, *(np.arange(_BUCKETS + 1) / _BUCKETS), np.inf])
    bucket = np.searchsorted(edges, scores, side="right") - 1
    examples, label, score = (
        np.bincount(bucket, values * weights, _BUCKETS + 2) for values in (1, labels, scores)
    )
    result = metrics_for_slice_pb2.CalibrationHistogramBuckets()
    for place in np.flatnonzero(examples):
        result.buckets.add(
            lower_threshold_inclusive=edges[place],
            upper_threshold_exclusive=edges[place + 1],
            num_weighted_examples={"value": examples[place]},
            total_weighted_label={"value": label[place]},
            total_weighted_refined_prediction={"value": score[place]},
        )
    return result
