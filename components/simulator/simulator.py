"""Simulates users whose clicks have known causes.

A user follows a few topics and, in each, a few categories. A log is a sequence of sessions; a
session has one topic in focus and shows items of it, mixed with items of the user's other topics.
The log-odds of a click are a weighted sum of three standardized causes:

- *interest*: the user likes (+1) or dislikes (-1) the item's category, for life. Only what the
  user did with that category, long ago as well as lately, tells which.
- *session*: the share of the session's rows so far that are of the item's topic.
- *taste*: the user's taste for the item's topic, a slowly moving Gaussian process plus a weekly
  rhythm. It also steers which topics come into focus, so it shows in what the history is about.

All three can be read off a long history up to noise that fades with its length, so a model that
reads the whole of it can come near the oracle.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable

import numpy as np
import pyarrow as pa

from components.simulator.config import SimulatorConfig

DAY = 86_400
WEEK = 7 * DAY
LOG_END = 1_704_067_200  # 2024-01-01 00:00 UTC
SESSION_GAP = 1_800
CAUSES = ("interest", "session", "taste")

_MAX_PAUSE = 900  # seconds between two rows of a session, well below SESSION_GAP
_DAILY = 0.6  # how far the hour bends the density of sessions: 0 not at all, 1 none at night
_WAVES = 16  # cosines that make up one moving taste
_PILOTS = 128  # users outside of the log by whom the causes are standardized
_USER, _PILOT = 0, 1  # kinds of random streams


@dataclasses.dataclass(frozen=True)
class _Rows:
    """One user's rows before any click: arrays [n], and the raw `causes` [n, 3]."""

    category: np.ndarray
    item: np.ndarray
    time: np.ndarray
    causes: np.ndarray
    is_search: np.ndarray


@dataclasses.dataclass(frozen=True)
class _Scale:
    """Log-odds of raw causes [n, 3]: `bias + sum((causes - mean) * weight)`."""

    mean: np.ndarray
    weight: np.ndarray
    bias: float = 0.0

    def parts(self, causes: np.ndarray) -> np.ndarray:
        return (causes - self.mean) * self.weight


def simulate(
    config: SimulatorConfig, users: Iterable[int] | None = None, *, explain: bool = False
) -> pa.Table:
    """Simulates the log of some users.

    Args:
      config: SimulatorConfig.
      users: ids of the users, all `config.users` by default. A user's rows depend on the config
        and on the id alone, so every partition of the users gives the same log.
      explain: bool; whether to add `logit_interest`, `logit_session` and `logit_taste`, float64:
        what each cause adds to the log-odds of the row.

    Returns:
      Table, in the order of `users` and then of time: `user_id`, `item_id`, `category_id`, `time`
      (seconds) and `behavior` (1 clicked, 0 skipped), int64; `label`, int64, and
      `click_probability`, float64, by which the label was drawn: both null except in a user's
      last `targets_per_user` rows.
    """
    scale = _fit_scale(config)
    tables = [
        _user_table(config, scale, user, explain)
        for user in (range(config.users) if users is None else users)
    ]
    return pa.concat_tables(tables).combine_chunks()


def _user_table(config: SimulatorConfig, scale: _Scale, user: int, explain: bool) -> pa.Table:
    rng = _generator(config, _USER, user)
    rows = _rows(config, rng)
    parts = scale.parts(rows.causes)
    probability = _sigmoid(scale.bias + parts.sum(axis=1))
    clicked = (rng.random(len(probability)) < probability).astype(np.int64)
    behavior = np.where(rows.is_search, 2, clicked)
    left = np.cumsum(~rows.is_search[::-1])[::-1]
    is_no_target = rows.is_search | (left > config.targets_per_user)
    columns = {
        "user_id": np.full_like(clicked, user),
        "item_id": rows.item,
        "category_id": rows.category,
        "time": rows.time,
        "behavior": behavior,
        "label": pa.array(clicked, mask=is_no_target),
        "click_probability": pa.array(probability, mask=is_no_target),
    }
    if explain:
        columns |= {f"logit_{cause}": parts[:, i] for i, cause in enumerate(CAUSES)}
    return pa.table(columns)


def _generator(config: SimulatorConfig, kind: int, number: int) -> np.random.Generator:
    seed = np.random.SeedSequence(config.seed, spawn_key=(kind, number))
    return np.random.Generator(np.random.Philox(seed))


def _sigmoid(logit: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-logit))


def _fit_scale(config: SimulatorConfig) -> _Scale:
    """Standardizes the causes, and finds the bias that gives `config.click_rate`."""
    pilots = [_rows(config, _generator(config, _PILOT, i)) for i in range(_PILOTS)]
    causes = np.concatenate([rows.causes[~rows.is_search] for rows in pilots])
    shares = np.array([getattr(config.weights, cause) for cause in CAUSES])
    spread = causes.std(axis=0)
    weight = config.signal * np.sqrt(shares / shares.sum()) / np.where(spread > 0, spread, 1)
    scale = _Scale(causes.mean(axis=0), weight)
    logit = scale.parts(causes).sum(axis=1)
    low, high = -20.0, 20.0
    for _ in range(40):
        bias = (low + high) / 2
        too_many = _sigmoid(logit + bias).mean() > config.click_rate
        low, high = (low, bias) if too_many else (bias, high)
    return dataclasses.replace(scale, bias=bias)


def _rows(config: SimulatorConfig, rng: np.random.Generator) -> _Rows:
    shown = _history_length(config, rng) + config.targets_per_user
    categories = rng.permutation(config.categories)[: config.user_categories]  # [C]
    likes = rng.choice([-1.0, 1.0], size=config.user_categories)
    items = _by_popularity(config, rng, (config.user_categories, config.user_items))

    session, start, time = _sessions(config, rng, shown)  # [n], [S], [n]
    taste = _tastes(config, rng, start)  # [S, C]
    order = np.argsort(-config.exposure * taste - rng.gumbel(size=taste.shape), axis=1)
    searched = order[:, : config.searches]  # [S, searches]
    first = np.searchsorted(session, np.arange(len(start)))
    rank = np.arange(len(session)) - first[session]
    is_search = rank < config.searches
    n = len(session)
    on_focus = rng.random(n) < config.focus
    pick = np.where(is_search, np.minimum(rank, config.searches - 1), rng.integers(config.searches, size=n))
    kind = np.where(is_search | on_focus, searched[session, pick], rng.integers(config.user_categories, size=n))
    match = (searched[session] == kind[:, None]).any(axis=1)
    item = categories[kind] * config.items_per_category + items[kind, rng.integers(config.user_items, size=n)]
    causes = np.stack([likes[kind], match.astype(float), taste[session, kind]], axis=1)
    return _Rows(categories[kind], item, time, causes, is_search)


def _history_length(config: SimulatorConfig, rng: np.random.Generator) -> int:
    length = config.median_history * np.exp(0.4 * rng.standard_normal())
    return int(np.clip(length, 1, config.max_history))


def _sessions(
    config: SimulatorConfig, rng: np.random.Generator, n: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Cuts rows into sessions of some searches and impressions, n impressions in all. Returns each row's session [N], each session's
    start [S] and each row's time [N]."""
    most = int(np.ceil(n / config.session_length * 2)) + 20
    length = 1 + rng.poisson(rng.gamma(4.0, (config.session_length - 1) / 4, size=most))
    end = np.cumsum(length)
    last = np.searchsorted(end, n)
    length = length[: last + 1]
    length[-1] -= end[last] - n
    length = length + config.searches
    session = np.repeat(np.arange(len(length)), length)
    first = (np.cumsum(length) - length)[session]
    rank = np.arange(len(session)) - first

    pause = np.minimum(1 + rng.exponential(40.0, size=len(session)), _MAX_PAUSE).astype(np.int64)
    clock = np.cumsum(np.where(rank == 0, 0, pause))
    offset = clock - clock[first]
    duration = np.zeros(session[-1] + 1, np.int64)
    np.maximum.at(duration, session, offset)

    # On a clock that runs slowly at night the starts are a renewal process; bending it by
    # `_DAILY` shrinks a distance by at most 1 - _DAILY, so sessions never come too close.
    rest = (duration + SESSION_GAP + 2) / (1 - _DAILY)
    idle = max(DAY / config.sessions_per_day - rest.mean(), 600.0)
    even = np.cumsum(rest + rng.exponential(idle, size=len(rest)))
    even = LOG_END - rng.uniform(0, DAY) - (even[-1] - even)
    phase = 2 * np.pi * (even / DAY + rng.normal(0.25, 0.1))
    start = (even + _DAILY * DAY / (2 * np.pi) * np.sin(phase)).astype(np.int64)
    return session, start, start[session] + offset


def _tastes(config: SimulatorConfig, rng: np.random.Generator, time: np.ndarray) -> np.ndarray:
    """Tastes [len(time), user_topics]: unit variance, `config.rhythm` of it weekly."""
    shape = (_WAVES, 1, config.user_categories)
    days = (time / DAY)[:, None]
    frequency = rng.normal(0, 1 / config.taste_days, size=shape)
    phase = rng.uniform(0, 2 * np.pi, size=shape)
    slow = np.sqrt(2 / _WAVES) * np.cos(frequency * days + phase).sum(axis=0)
    weekly = np.sqrt(2) * np.cos(2 * np.pi * days / 7 + rng.uniform(0, 2 * np.pi, size=shape[1:]))
    return np.sqrt(1 - config.rhythm) * slow + np.sqrt(config.rhythm) * weekly


def _by_popularity(config, rng, shape) -> np.ndarray:
    weight = np.arange(1, config.items_per_category + 1) ** -config.item_popularity
    return np.searchsorted(np.cumsum(weight)[:-1] / weight.sum(), rng.random(shape), side="right")
