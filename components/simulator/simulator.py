"""Simulates a behaviour log whose every click has known causes."""

from __future__ import annotations

import dataclasses
import functools

import numpy as np
import pyarrow as pa

from components.simulator import exact
from components.simulator.config import SimulatorConfig
from components.simulator.rows import Rows, draw_rows

CAUSES = ("interest", "session", "taste", "context", "habit", "author", "age", "tab")
SKIPPED, CLICKED, SEARCHED = 0, 1, 2  # values of `behavior`

_PILOTS = 128  # users beside those of the log, by whom causes are standardized
_USER, _PILOT, _FURTHER = 0, 1, 2  # whose random stream it is; 2 more, and of what

_SCHEMA = pa.schema(
    [(name, pa.int64()) for name in ("user_id", "item_id", "category_id", "time", "behavior")]
    + [("request", pa.int64()), ("label", pa.int64()), ("click_probability", pa.float64())]
    + [(name, pa.int64()) for name in ("author", "age", "tab")]
)
_EXPLAINED = pa.schema([(f"logit_{cause}", pa.float64()) for cause in CAUSES])


def simulate(
    config: SimulatorConfig, users: range | None = None, *, explain: bool = False
) -> pa.Table:
    """Simulates the log of some users.

    A user gets to see `user_categories` categories. A session begins with searches for some of them
    and goes on with lists of impressions, each list shown at one time. They are clicked or skipped;
    what was clicked shows in the lists after. The log-odds of a click are
    `bias + signal * sum_c sqrt(weight_c) * z_c`, over eight causes `z` of mean 0 and variance 1:

    - *interest*: the user likes or dislikes the category, for life. It shows in the outcomes of the
      impressions in that category, long ago as well as lately, and nowhere else.
    - *session*: whether the running session began with a search for the category. It shows there.
    - *taste*: how much the user is drawn to the category these weeks, and on this day of the week.
      It shows in how often it was searched for, and in the outcomes.
    - *context*: whether the category goes with the others that the running session began with
      searches for. Categories go together if both have even ids or both have odd ones. It shows in
      what this session is about.
    - *habit*: whether the category goes with the user's habit, a category that `habit_share` of all
      impressions were of, until it was given up. It shows in what most of their life was about, and
      in nothing recent.

    - *author*, *age* and *tab*: a feature of the item, of the user and of the request (where a list
      was shown) decides. Of each, even values attract and odd ones repel. They show in columns of
      their own and, with `outcomes`, in what came of other impressions.

    What a taste is for is searched for more often, so session and taste go along with each other.
    The last five are off by default. Past outcomes in a category show every cause in part; without
    `outcomes`, context and habit show in what was shown and searched for alone.

    Users are random streams of their own: a user's rows depend on the config and the id alone, so
    every partition of the users gives the same log.

    Args:
      config: SimulatorConfig.
      users: ids of the users; all `config.users` by default.
      explain: bool; whether to add `logit_<cause>`, float64, for each of `CAUSES`: what it adds to
        the log-odds of a row.

    Returns:
      Table in the order of `users`, then of time: `user_id`, `item_id`, `category_id`, `time`
      (seconds), `behavior` (0 skipped, 1 clicked, 2 searched for; without `outcomes` never 1),
      `request` (a user's lists from 0 on; null for a search) and `label`, int64,
      `click_probability`, float64, by which the label was drawn, and `author`, `age` and `tab`,
      int64. `label` and `click_probability` are null except in a user's last `targets_per_user`
      impressions.

    Example:
      >>> simulate(SimulatorConfig(users=2)).column_names[:3]
      ['user_id', 'item_id', 'category_id']
    """
    schema = pa.schema([*_SCHEMA, *_EXPLAINED]) if explain else _SCHEMA
    scale = _fit_scale(config)
    logs = [
        _user_log(config, scale, user).select(schema.names)
        for user in (range(config.users) if users is None else users)
    ]
    return pa.concat_tables([schema.empty_table(), *logs]).combine_chunks()


def _user_log(config: SimulatorConfig, scale: _Scale, user: int) -> pa.Table:
    rng = _generator(config, _USER, user)
    rows = draw_rows(config, rng, _generator(config, _USER + _FURTHER, user))
    parts = scale.parts(rows)
    probability = _sigmoid(scale.bias + exact.total(parts, axis=1))
    clicked = (rng.random(len(probability)) < probability).astype(np.int64)
    no_target = rows.is_search | (rows.left > config.targets_per_user)
    return pa.table(
        {
            "user_id": np.full_like(clicked, user),
            "item_id": rows.item,
            "category_id": rows.category,
            "time": rows.time,
            "behavior": np.where(rows.is_search, SEARCHED, clicked * config.outcomes),
            "request": pa.array(np.cumsum(rows.begins & ~rows.is_search) - 1, mask=rows.is_search),
            "label": pa.array(clicked, mask=no_target),
            "click_probability": pa.array(probability, mask=no_target),
            "author": rows.author,
            "age": np.full_like(clicked, rows.age),
            "tab": rows.tab,
        }
        | dict(zip(_EXPLAINED.names, parts.T.copy(), strict=True))
    )


def _generator(config: SimulatorConfig, whose: int, number: int) -> np.random.Generator:
    seed = np.random.SeedSequence(config.seed, spawn_key=(whose, number))
    return np.random.Generator(np.random.Philox(seed))


def _sigmoid(logit: np.ndarray) -> np.ndarray:
    return 1 / (1 + exact.exp(-logit))


@dataclasses.dataclass(frozen=True)
class _Scale:
    """Turns raw causes into log-odds: `bias + sum_c (causes_c - mean_c) * weight_c`."""

    bias: float
    mean: np.ndarray
    weight: np.ndarray

    def parts(self, rows: Rows) -> np.ndarray:
        return (rows.causes - self.mean) * self.weight


@functools.lru_cache(maxsize=8)
def _fit_scale(config: SimulatorConfig) -> _Scale:
    """Standardizes the causes over impressions, and finds the bias of `config.click_rate`."""
    pilots = [
        draw_rows(config, _generator(config, _PILOT, i), _generator(config, _PILOT + _FURTHER, i))
        for i in range(_PILOTS)
    ]
    causes = np.concatenate([rows.causes[~rows.is_search] for rows in pilots])
    mean = exact.total(causes) / len(causes)
    deviation = np.sqrt(exact.total((causes - mean) * (causes - mean)) / len(causes))
    share = np.array([getattr(config.weights, cause) for cause in CAUSES])
    # A cause that never varies (every category searched for) explains nothing.
    share = np.where(deviation > 0, share, 0)
    weight = (
        config.signal * np.sqrt(share / exact.total(share)) / np.where(deviation > 0, deviation, 1)
    )
    logit = exact.total((causes - mean) * weight, axis=1)
    low, high = -30.0, 30.0
    for _ in range(40):
        bias = (low + high) / 2
        too_many = exact.total(_sigmoid(logit + bias)) > config.click_rate * len(logit)
        low, high = (low, bias) if too_many else (bias, high)
    return _Scale(bias, mean, weight)
