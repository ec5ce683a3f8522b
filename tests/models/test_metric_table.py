"""The table of metrics: each declaration against weighted loops, and what is read off it."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from components.evaluator.config import GateConfig, bound
from models import metric_table, metrics
from models.metric_table import COMPARED, JUDGED, METRICS, evaluate
from models.metrics import Predictions
from models.training_config import EarlyStoppingConfig


def predictions(frozen=False, users=30, targets=10, seed=3):
    random = np.random.default_rng(seed)
    user = np.repeat(np.arange(users), targets)
    labels = (random.random(len(user)) < 0.2).astype(float)  # some users have no click
    assert (np.bincount(user, labels) == 0).any()
    scores, other = (
        1 / (1 + np.exp(-np.round(labels + random.normal(size=len(user)), 1))) for _ in range(2)
    )
    requests = np.tile(np.arange(targets) // 5, users)
    return Predictions(labels, scores, user, requests, other if frozen else None)


@pytest.mark.parametrize("frozen", [False, True])
@pytest.mark.parametrize("name", JUDGED)
def test_a_replica_is_the_metric_of_users_repeated_as_often_as_drawn(name, frozen):
    found = predictions(frozen)
    weights = np.random.default_rng(0).poisson(1.0, 30).astype(np.uint8)
    rows = np.concatenate(
        [np.flatnonzero(found.users == u) for u in range(30) for _ in range(weights[u])]
    )
    whose = np.repeat(np.arange(weights.sum()), 10)  # a user drawn twice is two users
    repeated = Predictions(
        found.labels[rows], found.scores[rows], whose, found.requests[rows],
        found.frozen[rows] if frozen else None,
    )  # fmt: skip
    replicas = METRICS[name].replicas(found)
    drawn = replicas.draw(np.stack([weights, np.ones_like(weights), np.zeros_like(weights)]))
    truth = [METRICS[name].value(repeated), METRICS[name].value(found), np.nan]
    assert drawn == pytest.approx(truth, rel=1e-12, nan_ok=True)
    assert 0 <= truth[1] <= METRICS[name].most


@pytest.mark.parametrize("name", [n for n in METRICS if n != "oracle_auc"])
def test_a_weight_is_a_target_as_often(name):
    if METRICS[name].within_users:
        pytest.skip("metrics within users rank what was shown together, all alike")
    found = predictions()
    weights = np.random.default_rng(1).integers(0, 4, 300)
    weighted = dataclasses.replace(found, weights=weights.astype(float))
    rows = np.repeat(np.arange(300), weights)
    repeated = Predictions(*(x[rows] for x in found_columns(found)))
    assert METRICS[name].value(weighted) == pytest.approx(METRICS[name].value(repeated), rel=1e-9)
    if METRICS[name].replicas is not None:
        draws = np.random.default_rng(0).poisson(1.0, (3, 30)).astype(np.uint8)
        one, other = (METRICS[name].replicas(of).draw(draws) for of in (weighted, repeated))
        assert one == pytest.approx(other, rel=1e-9)


def found_columns(found):
    return found.labels, found.scores, found.users, found.requests


def test_effective_users_are_those_a_metric_stands_on():
    found = predictions()
    labels = np.where(np.arange(300) < 20, np.arange(300) % 2, 0.0)  # two users alone have clicks
    few = Predictions(labels, found.scores, found.users, found.requests)
    for name in ("auc", "calibration", "logloss"):
        assert METRICS[name].replicas(few).users == pytest.approx(2)
    rare = Predictions(1 - labels, found.scores, found.users, found.requests)
    assert METRICS["auc"].replicas(rare).users == pytest.approx(2)
    assert METRICS["uauc"].replicas(few).users == pytest.approx(2)
    assert METRICS["gauc"].replicas(few).users == pytest.approx(2)
    none = Predictions(np.zeros(300), found.scores, found.users, found.requests)
    assert METRICS["ndcg_at_10"].replicas(none).users == 0


def test_within_users_frozen_scores_rank_and_all_else_reads_those_of_serving():
    found, alone = predictions(frozen=True), predictions()
    values, others = evaluate(found), evaluate(alone)
    for name, metric in METRICS.items():
        if metric.value is not None:
            assert (values[name] != others[name]) == metric.within_users, name
    by_user = metrics.gauc_over_time(found.labels, found.frozen, found.users)
    assert values["gauc"] == pytest.approx(by_user, rel=1e-12)


def test_a_nan_score_makes_metrics_nan_and_one_label_leaves_ranking_undefined():
    found = predictions()
    scores = found.scores.copy()
    scores[7] = np.nan
    broken = evaluate(Predictions(found.labels, scores, found.users, found.requests))
    assert all(np.isnan(value) for value in broken.values())
    alike = evaluate(Predictions(np.zeros(300), found.scores, found.users, found.requests))
    assert {name for name in COMPARED if np.isnan(alike[name])} == {*COMPARED} - {"logloss"}
    nothing = evaluate(Predictions.merge([]))
    assert all(np.isnan(value) for value in nothing.values())


def test_whatever_is_compared_may_be_configured():
    values = dict.fromkeys(COMPARED, 0.1)
    gate = GateConfig(tolerance=values, **{bound(name): 0.1 for name in COMPARED})
    assert gate.worst == values
    for name in metric_table.RANKING:
        assert EarlyStoppingConfig(metric=name).metric == name
    assert "gauc_over_time" not in JUDGED  # nothing is decided by it
    for wrong in ("gauc_over_time", "recall"):
        for make in (
            lambda name: GateConfig(tolerance={name: 0.1}),
            lambda name: EarlyStoppingConfig(metric=name),
        ):
            with pytest.raises(ValueError, match="there is no such metric; there are auc, gauc"):
                make(wrong)


def test_names_tell_how_a_metric_was_measured():
    assert METRICS["gauc"].labelled("frozen") == "GAUC (frozen histories)"
    assert METRICS["mrr"].labelled("request", 4) == "MRR (within requests)"
    assert METRICS["auc"].labelled("frozen", 4) == "AUC"
    assert METRICS["logloss"].labelled("frozen") == "LogLoss"
    assert METRICS["logloss"].labelled("frozen", 4) == "LogLoss (drawn negatives)"
    assert "drawn, 4 for each positive" in METRICS["auc"].explained("frozen", 4)
    assert "nothing of real click rates" in METRICS["calibration"].explained("request", 1)
    assert "at the first of them" in METRICS["ndcg_at_10"].explained("frozen")
