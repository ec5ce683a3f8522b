"""The rows of one user, before any click: what is shown when, and what speaks for a click."""

from __future__ import annotations

import dataclasses

import numpy as np

from components.simulator import exact
from components.simulator.config import SimulatorConfig

DAY = 86_400
LOG_END = 1_704_067_200  # 2024-01-01 00:00 UTC; every log ends in the day before
SESSION_GAP = 1_800

_MAX_PAUSE = 900  # seconds between two rows of a session, well below SESSION_GAP
_MEAN_PAUSE = 40
_NIGHT = 0.6  # how much the hour thins out sessions: 0 never, 1 completely at night
_SPREAD = 0.4  # standard deviation of the logarithm of a history's length
_WAVES = 16  # cosines that make up one moving taste
AUTHORS, AGES, TABS = 40, 6, 4
_WITHOUT_HABIT = 100  # impressions before a user's first target, more than a session


@dataclasses.dataclass(frozen=True)
class Rows:
    """One user's rows, oldest first.

    Attributes:
      category, item: [N] int64.
      time: [N] int64, seconds, strictly increasing but within a list, which has one time.
      begins: [N] bool, whether the row is a search or the first impression of a list.
      is_search: [N] bool; a search for the category, else an impression of the item.
      left: [N] int, impressions from this row on, to the last.
      author: [N] int64, of the item.
      age: int, of the user, in `AGES` groups.
      tab: [N] int64, where a list was shown.
      causes: [N, 8] float, raw `CAUSES` of a click: +1 or -1; 1 or 0; around 0; -1 to 1; and +1 or
        -1 each.
    """

    category: np.ndarray
    item: np.ndarray
    time: np.ndarray
    begins: np.ndarray
    is_search: np.ndarray
    left: np.ndarray
    author: np.ndarray
    age: int
    tab: np.ndarray
    causes: np.ndarray


@dataclasses.dataclass(frozen=True)
class Sessions:
    """S sessions of N rows.

    Attributes:
      session: [N] int, the session of each row.
      rank: [N] int, the place of each row in its session.
      begins: [N] bool, whether the row is a search or begins a list of impressions.
      time: [N] int64.
      start: [S] int64, the time of each session's first row.
    """

    session: np.ndarray
    rank: np.ndarray
    begins: np.ndarray
    time: np.ndarray
    start: np.ndarray


def draw_rows(
    config: SimulatorConfig, rng: np.random.Generator, further: np.random.Generator
) -> Rows:
    """Draws a user and all their rows; what only features tell comes from the stream `further`."""
    length = config.median_history * exact.exp(_SPREAD * exact.normal(rng))
    impressions = int(np.clip(length, 1, config.max_history)) + config.targets_per_user
    count = config.user_categories + (config.habit_share > 0)  # C; a habit is the last one
    own = rng.permutation(config.categories)[:count]  # [C]
    like = rng.choice([-1.0, 1.0], size=count)
    items = _popular_items(config, rng, count)  # [C, user_items]

    sessions = _draw_sessions(config, rng, impressions)
    session, is_search = sessions.session, sessions.rank < config.searches
    left = np.cumsum(~is_search[::-1])[::-1]
    taste = _tastes(config, rng, sessions.start, count)  # [S, C]
    # The Gumbel trick: the first of the order are a draw without replacement by exp(taste).
    gumbel = -exact.log(exact.exponential(rng, taste.shape))
    pull = (config.exposure * taste + gumbel)[:, : config.user_categories]
    searched = np.argsort(-pull, axis=1, kind="stable")[:, : config.searches]  # [S, searches]

    n = len(session)
    any_searched = searched[session, rng.integers(config.searches, size=n)]
    any_own = rng.integers(config.user_categories, size=n)
    shown = np.where(rng.random(n) < config.focus, any_searched, any_own)
    if config.habit_share:
        habitual = rng.random(n) < config.habit_share
        shown[habitual & (left > config.targets_per_user + _WITHOUT_HABIT)] = count - 1
    pick = np.minimum(sessions.rank, config.searches - 1)
    which = np.where(is_search, searched[session, pick], shown)  # [N], of the user's own

    same = searched[session] == which[:, None]  # [N, searches]
    side = 1 - 2 * (own % 2)  # [C]
    goes_with_searched = side[which] * np.where(same, 0, side[searched[session]]).sum(axis=1)
    item = items[which, rng.integers(config.user_items, size=n)]
    item = _distinct(which, item, sessions.begins, config.items_per_category)
    item += own[which] * config.items_per_category
    author, age = author_of(item), int(further.integers(AGES))
    lists = np.cumsum(sessions.begins) - 1
    tab = further.integers(TABS, size=n)[lists]
    return Rows(
        category=own[which],
        item=item,
        time=sessions.time,
        begins=sessions.begins,
        is_search=is_search,
        left=left,
        author=author,
        age=age,
        tab=tab,
        causes=np.stack(
            [
                like[which],
                same.any(axis=1),
                taste[session, which],
                goes_with_searched / np.maximum((~same).sum(axis=1), 1),
                side[which] * side[-1] * (config.habit_share > 0),
                _sign(author),
                np.full(n, _sign(age)),
                _sign(tab),
            ],
            axis=1,
        ),
    )


def author_of(item: np.ndarray) -> np.ndarray:
    """Returns who made an item, [N] of `AUTHORS`: neither its category nor its number tells."""
    return (item * 2_654_435_761 % (1 << 32) >> 7) % AUTHORS


def _sign(value: np.ndarray | int) -> np.ndarray | int:
    """Of even values +1, of odd ones -1."""
    return 1 - 2 * (value % 2)


def _popular_items(config: SimulatorConfig, rng: np.random.Generator, count: int) -> np.ndarray:
    """Draws the items of a user's categories, [count, user_items], by Zipf's law."""
    rank = np.arange(1.0, config.items_per_category + 1)
    edges = np.cumsum(exact.exp(-config.item_popularity * exact.log(rank)))
    return np.searchsorted(edges[:-1] / edges[-1], rng.random((count, config.user_items)), "right")


def _distinct(category: np.ndarray, item: np.ndarray, begins: np.ndarray, size: int) -> np.ndarray:
    """Shows no item twice in a list, but the category's next one that it does not show yet.

    Args:
      category, item: [N] int64; items are numbers within their category.
      begins: [N] bool, whether a row begins a list.
      size: items of a category; a list with more impressions of one has some twice.

    Returns:
      [N] int64 items.
    """
    item, rows = item.copy(), np.arange(len(item))
    place = rows - np.maximum.accumulate(np.where(begins, rows, 0))
    for later in range(1, place.max() + 1):
        at = np.flatnonzero(place == later)
        others = at[:, None] - 1 - np.arange(later)
        same = category[others] == category[at, None]
        for _ in range(min(size, later)):  # each of the others is passed once at most
            shown = (same & (item[others] == item[at, None])).any(axis=1)
            item[at[shown]] = (item[at[shown]] + 1) % size
    return item


def _draw_sessions(config: SimulatorConfig, rng: np.random.Generator, impressions: int) -> Sessions:
    """Cuts `impressions` into sessions, puts searches before them and all of it in time."""
    most = int(2 * impressions / config.session_length) + 20
    # A gamma variable of shape 4, rounded up or down at random, which keeps its mean.
    beyond_one = exact.total(exact.exponential(rng, (4, most))) * (config.session_length - 1) / 4
    size = 1 + (beyond_one + rng.random(most)).astype(np.int64)
    end = np.minimum(np.cumsum(size), impressions)
    size = np.diff(end, prepend=0)
    size = size[size > 0] + config.searches
    session = np.repeat(np.arange(len(size)), size)
    first = (np.cumsum(size) - size)[session]
    rank = np.arange(len(session)) - first

    pause = np.minimum(1 + _MEAN_PAUSE * exact.exponential(rng, session.shape), _MAX_PAUSE)
    begins = (rank < config.searches) | ((rank - config.searches) % config.list_length == 0)
    clock = np.cumsum(np.where(begins & (rank > 0), pause, 0).astype(np.int64))
    offset = clock - clock[first]
    duration = offset[np.cumsum(size) - 1]

    # On an even clock, sessions follow each other at random; bending it makes nights thin. The bend
    # shrinks a distance to 1 - _NIGHT of it at most, so sessions never come too close.
    rest = (duration + SESSION_GAP + 2) / (1 - _NIGHT)
    idle = max(DAY / config.sessions_per_day - exact.total(rest) / len(rest), 0.0)
    even = np.cumsum(rest + idle * exact.exponential(rng, rest.shape)) - rest
    even += LOG_END - DAY * (0.5 + 0.5 * rng.random()) - even[-1]
    turns = even / DAY + 0.1 * exact.normal(rng)
    start = (even + _NIGHT * DAY / (2 * np.pi) * exact.cos(turns)).astype(np.int64)
    return Sessions(session, rank, begins, start[session] + offset, start)


def _tastes(
    config: SimulatorConfig, rng: np.random.Generator, time: np.ndarray, count: int
) -> np.ndarray:
    """Draws a user's tastes for their categories at `time`, [len(time), count].

    A taste has variance 1: `rhythm` of it is a weekly wave, the rest a Gaussian process of length
    scale `taste_days`, drawn as a sum of random cosines so that it is known at any time.
    """
    shape = (_WAVES, 1, count)
    days = (time / DAY)[:, None]
    speed = exact.normal(rng, shape) / (2 * np.pi * config.taste_days)  # in turns a day
    waves = exact.cos(speed * days + rng.random(shape))
    slow = np.sqrt(2 / _WAVES) * exact.total(waves)
    weekly = np.sqrt(2) * exact.cos(days / 7 + rng.random(shape[1:]))
    return np.sqrt(1 - config.rhythm) * slow + np.sqrt(config.rhythm) * weekly
