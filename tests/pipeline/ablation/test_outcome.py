"""Rows of a study, from scores that are given."""

import numpy as np
import pytest

from components.errors import InputError
from models import lists
from pipeline.ablation import results
from pipeline.ablation.job import Result
from pipeline.ablation.outcome import Row, summarize
from pipeline.ablation.study import Case
from pipeline.config import load

USERS = np.repeat(np.arange(60), 4)
LABELS = np.tile([0.0, 1.0, 0.0, 1.0], 60)


def targets(**changed):
    """240 targets of 60 users; all that a user saw is one request."""
    count = np.arange(240)
    zero = np.zeros(240, np.int64)
    return {"user": USERS, "item": count, "time": count, "request": zero, "label": LABELS} | changed


def run(seed, right):
    """A run whose scores hold so much of the truth."""
    scores = np.random.default_rng(seed).normal(size=240) + right * LABELS
    return Result({"best_epoch": 1}, 7, 1.0, (1 / (1 + np.exp(-scores))).astype(np.float32))


def case(data, variant, reference):
    return Case(data, variant, load("simulated", []), reference)


def test_one_seed_is_said_to_tell_of_users_alone():
    cases = [case("", name, ("", "a")) for name in ("a", "b")]
    runs = {("", "a"): {0: run(1, 0.0)}, ("", "b"): {0: run(2, 3.0)}}
    told = results.findings(summarize(cases, runs, {"": targets()}))
    assert told[0].startswith("b: AUC +0.")
    assert told[1:] == ["Of a single seed: another may change more than these intervals tell."]
    runs = {
        ("", "a"): {0: run(1, 0.0), 1: run(3, 0.0)},
        ("", "b"): {0: run(2, 3.0), 1: run(4, 3.0)},
    }
    assert len(results.findings(summarize(cases, runs, {"": targets()}))) == 1


@pytest.mark.parametrize(
    ("other", "what"),
    [
        ({"item": np.arange(1, 241)}, "the same targets"),
        ({"label": 1 - LABELS}, "the same labels"),
        ({"weight": np.ones(240, np.float32)}, "the same weights"),
    ],
)
def test_data_sets_whose_targets_differ_are_not_compared(other, what):
    """Scores for one label say nothing when judged by another."""
    cases = [case(name, "TWIN", ("old", "TWIN")) for name in ("old", "new")]
    runs = {(name, "TWIN"): {0: run(1, 1.0)} for name in ("old", "new")}
    with pytest.raises(InputError, match=f"'old' and 'new' do not evaluate {what}"):
        summarize(cases, runs, {"old": targets(), "new": targets(**other)})
    assert len(summarize(cases, runs, {"old": targets(), "new": targets()})) == 2


@pytest.mark.parametrize(
    ("oracle", "share"),
    [(0.8, 0.5), (0.5, None), (None, None)],
    ids=["half of the way", "coin flips: no way to go", "not simulated"],
)
def test_the_share_of_the_way_to_the_oracle(oracle, share):
    row = Row(
        case=Case("", "TWIN", load("simulated", []), reference=("", "TWIN")),
        results={7: None},  # that there is one; its metrics are below
        failures={},
        metrics={"auc": [0.65]},
        protocol=lists.REQUEST,
        oracle_auc=oracle,
    )

    assert row.oracle_share == (share if share is None else pytest.approx(share))
