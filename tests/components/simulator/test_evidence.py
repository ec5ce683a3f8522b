"""What a history tells of the next clicks: by the defaults, all of it tells more than its end."""

from __future__ import annotations

import numpy as np
import pytest

from components.simulator import SimulatorConfig, simulate
from components.simulator.simulator import CLICKED, SEARCHED
from models.metrics import auc

CONFIG = SimulatorConfig(users=150)


@pytest.fixture(scope="module")
def log():
    table = simulate(CONFIG)
    return {name: table[name].to_numpy() for name in table.column_names}


def lift(log: dict[str, np.ndarray], score) -> float:
    """The share of the way from 0.5 to the oracle's AUC of `score(log, rows before, target)`."""
    targets = np.flatnonzero(~np.isnan(log["label"]))
    begin = np.searchsorted(log["user_id"], log["user_id"][targets])
    scores = [score(log, slice(b, t), t) for b, t in zip(begin, targets, strict=True)]
    label = log["label"][targets]
    oracle = auc(label, log["click_probability"][targets])
    return (auc(label, scores) - 0.5) / (oracle - 0.5)


def same_category(log, before, target) -> np.ndarray:
    return log["behavior"][before][log["category_id"][before] == log["category_id"][target]]


def evidence(behavior: np.ndarray) -> float:
    """Log-odds of liking against disliking, of clicks at 0.65 or 0.15."""
    clicks, skips = (behavior == CLICKED).sum(), (behavior == CLICKED - 1).sum()
    return float(np.tanh((clicks * np.log(0.65 / 0.15) + skips * np.log(0.35 / 0.85)) / 2))


def running_session(log, before, target) -> slice:
    times = np.append(log["time"][before], log["time"][target])
    breaks = np.flatnonzero(np.diff(times) > 1800)
    return slice(before.start + (breaks[-1] + 1 if len(breaks) else 0), before.stop)


def was_searched(log, before, target) -> bool:
    return (same_category(log, running_session(log, before, target), target) == SEARCHED).any()


def last(before: slice, count: int) -> slice:
    return slice(max(before.start, before.stop - count), before.stop)


def test_the_outcomes_of_the_whole_history_say_most(log):
    whole = lift(log, lambda log, b, t: evidence(same_category(log, b, t)))
    recent = lift(log, lambda log, b, t: evidence(same_category(log, last(b, 50), t)))
    assert whole > 0.82
    assert recent < 0.7
    assert lift(log, lambda log, b, t: (log["behavior"][b] == CLICKED).mean()) < 0.25


def test_the_running_session_adds_to_it(log):
    whole = lift(log, lambda log, b, t: evidence(same_category(log, b, t)))
    both = lift(
        log,
        lambda log, b, t: 2.7 * evidence(same_category(log, b, t)) + was_searched(log, b, t),
    )
    assert both > whole + 0.02
    assert both > 0.9


def test_all_that_the_last_50_behaviours_say_is_not_enough(log):
    recent = lift(
        log,
        lambda log, b, t: (
            2.7 * evidence(same_category(log, last(b, 50), t)) + was_searched(log, b, t)
        ),
    )
    assert recent < 0.72


def test_the_newest_behaviours_of_the_category_need_the_history_behind_the_last_50(log):
    targets = np.flatnonzero(~np.isnan(log["label"]))
    begin = np.searchsorted(log["user_id"], log["user_id"][targets])
    counts = [
        [len(same_category(log, b, t)) for b in (slice(begin, t), last(slice(begin, t), 50))]
        for begin, t in zip(begin, targets, strict=True)
    ]
    whole, recent = np.mean(counts, axis=0)
    assert whole > 40
    assert recent < 4
