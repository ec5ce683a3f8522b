"""What a history tells of the next clicks: by the defaults, all of it tells more than its end."""

from __future__ import annotations

import numpy as np
import pytest

from components.simulator import SimulatorConfig, simulate
from components.simulator.simulator import CLICKED, SEARCHED
from models.metrics import auc
from pipeline.ablation.study import load_study


def columns(**changes) -> dict[str, np.ndarray]:
    table = simulate(SimulatorConfig(users=150, **changes))
    return {name: table[name].to_numpy() for name in table.column_names}


@pytest.fixture(scope="module")
def log():
    return columns()


@pytest.fixture(scope="module")
def planted():
    """The data sets of the study `planted`."""
    data = load_study("planted").data
    section = "log.simulator."
    return {
        name: columns(
            median_history=600,
            max_history=900,
            **{key.removeprefix(section): value for key, value in overrides.items()},
        )
        for name, overrides in data.items()
    }


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


def side(category: np.ndarray) -> np.ndarray:
    return 1 - 2 * (category % 2)


def goes_with(log, rows: np.ndarray, target) -> float:
    """How far the target's category goes with those of `rows`, -1 to 1."""
    category = log["category_id"]
    rows = rows[category[rows] != category[target]]
    return side(category[target]) * side(category[rows]).mean() if len(rows) else 0.0


def with_life(log, before, target) -> float:
    return goes_with(log, np.arange(before.start, before.stop), target)


def with_session(log, before, target) -> float:
    running = running_session(log, before, target)
    return goes_with(log, np.arange(running.start, running.stop), target)


def own_rows(log, before, target) -> np.ndarray:
    return before.start + np.flatnonzero(log["category_id"][before] == log["category_id"][target])


def share_of_life(log, before, target) -> float:
    return len(own_rows(log, before, target)) / max(before.stop - before.start, 1)


def recency(log, before, target) -> float:
    """Minus the mean age of the category's 16 newest behaviours, in behaviours."""
    rows = own_rows(log, before, target)[-16:]
    return rows.mean() - target if len(rows) else before.start - target


def clicks(log, before, target) -> float:
    return evidence(same_category(log, before, target))


@pytest.mark.parametrize(
    ("data", "reads"),
    [("interest planted", clicks), ("context planted", with_session), ("habit planted", with_life)],
)
def test_each_planted_cause_is_read_in_one_place_alone(planted, data, reads):
    """In the target's category, the running session, or all of life, and hardly elsewhere."""
    places = {
        "category": (clicks, share_of_life, recency),
        "session": (with_session,),
        "life": (with_life,),
    }
    for place, scores in places.items():
        for score in scores:
            found = lift(planted[data], score)
            if score is reads:
                assert found > 0.75
            elif reads not in scores:
                # Who has more even categories than odd ones also searches for more of them.
                assert abs(found) < 0.3, (place, score.__name__, found)
