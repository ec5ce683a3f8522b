"""The Keras and TFMA wrappers against scikit-learn, and against each other."""

from __future__ import annotations

import numpy as np
import pytest
import sklearn.metrics
import tensorflow as tf
import tensorflow_model_analysis as tfma

from components.evaluator.tfma.metrics import NAMES, CtrMetrics
from models.keras_metrics import CtrMetric


def random_data(seed=0, count=3000):
    """With ties, weights, and users of one class."""
    random = np.random.default_rng(seed)
    labels = random.integers(0, 2, count).astype(np.float32)
    scores = np.clip(random.normal(0.4 + 0.2 * labels, 0.2), 0.01, 0.99).round(2)
    users = random.integers(0, 900, count)
    labels[users % 7 == 0] = 1
    return labels, scores.astype(np.float32), users, random.random(count).astype(np.float32)


def by_keras(name, data, parts, weighted, compiled=False):
    metric = CtrMetric(name)

    def update(*arguments):
        metric.update_state(*arguments)

    update = tf.function(update) if compiled else update
    for rows in np.array_split(np.arange(len(data[0])), parts):
        labels, scores, users, weights = (tf.constant(column[rows]) for column in data)
        update(labels, scores, weights if weighted else None, users)
    return float(metric.result())


def by_tfma(data, bundles, weighted):
    """Merged as Beam merges bundles."""
    (computation,) = CtrMetrics().computations(model_names=["m"])
    accumulators = []
    for rows in np.array_split(np.arange(len(data[0])), bundles):
        labels, scores, users, weights = (column[rows] for column in data)
        extracts = {
            tfma.LABELS_KEY: labels,
            tfma.PREDICTIONS_KEY: scores,
            tfma.FEATURES_KEY: {"user_id": users},
        }
        if weighted:
            extracts[tfma.EXAMPLE_WEIGHTS_KEY] = weights
        accumulator = computation.combiner.create_accumulator()
        for part in computation.preprocessors[0].process(extracts):
            accumulator = computation.combiner.add_input(accumulator, part)
        accumulators.append(computation.combiner.compact(accumulator))
    merged = computation.combiner.merge_accumulators(accumulators)
    return {key.name: v for key, v in computation.combiner.extract_output(merged).items()}


def by_sklearn(data, weighted):
    labels, scores, users, weights = data
    if not weighted:
        weights = np.ones_like(weights)
    weights = weights.astype(np.float64)
    auc = sklearn.metrics.roc_auc_score(labels, scores, sample_weight=weights)
    logloss = sklearn.metrics.log_loss(labels, scores.astype(float), sample_weight=weights)
    rate = np.average(labels, weights=weights)
    entropy = sklearn.metrics.log_loss(labels, np.full(len(labels), rate), sample_weight=weights)
    values, sizes = [], []
    for user in np.unique(users):
        mine = users == user
        if len(set(labels[mine])) == 2:
            values.append(
                sklearn.metrics.roc_auc_score(
                    labels[mine], scores[mine], sample_weight=weights[mine]
                )
            )
            sizes.append(weights[mine].sum())
    return {
        "auc": auc,
        "gauc": np.average(values, weights=sizes),
        "uauc": np.mean(values),
        "logloss": logloss,
        "normalized_entropy": logloss / entropy,
        "calibration": np.average(scores, weights=weights) / rate,
        "gauc_users": len(values),
        "gauc_impressions": sum(sizes),
    }


@pytest.mark.parametrize("weighted", [False, True])
def test_all_agree_however_the_predictions_are_split(weighted):
    data = random_data()
    truth = by_sklearn(data, weighted)
    for bundles in (1, 8):
        found = by_tfma(data, bundles, weighted)
        assert set(found) == set(NAMES)
        for name in NAMES:
            keras = by_keras(name, data, bundles, weighted)
            assert keras == pytest.approx(found[name], rel=1e-5), name
            if name in truth:
                assert found[name] == pytest.approx(truth[name], rel=1e-6), name


def test_it_works_in_a_graph_forgets_on_reset_and_refuses_unknown_names():
    data = random_data(seed=1, count=200)
    assert by_keras("gauc", data, 2, True, compiled=True) == pytest.approx(
        by_tfma(data, 1, True)["gauc"], rel=1e-5
    )
    metric = CtrMetric("auc")
    metric.update_state([[0.0], [1.0]], [[0.9], [0.1]])
    metric.reset_state()
    assert np.isnan(metric.result())
    metric.update_state([[0.0, 1.0]], [[0.2, 0.7]])
    assert float(metric.result()) == 1.0
    assert CtrMetric.from_config(metric.get_config()).name == "auc"
    with pytest.raises(ValueError, match=r"`name` must be of.*'recall'"):
        CtrMetric("recall")


def test_keras_reports_it_after_fit():
    model = tf.keras.Sequential([tf.keras.layers.Dense(1, activation="sigmoid")])
    model.compile(loss="binary_crossentropy", metrics=[CtrMetric("auc")])
    random = np.random.default_rng(0)
    inputs = random.normal(size=(64, 3)).astype(np.float32)
    labels = (inputs[:, :1] > 0).astype(np.float32)
    model.fit(inputs, labels, epochs=1, batch_size=16, verbose=0)
    _, auc = model.evaluate(inputs, labels, verbose=0)
    expected = sklearn.metrics.roc_auc_score(labels, model.predict(inputs, verbose=0))
    assert auc == pytest.approx(expected, abs=1e-6)
