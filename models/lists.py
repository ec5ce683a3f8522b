"""Lists: targets of one user that see the same history, and how well scores rank within them.

Where histories show outcomes, a later target sees the labels of earlier ones. A user's clicks
nearly add up to a fixed number, so who has seen some expects fewer: pairs of targets at different
times then reveal each other's labels. On coin flips, a score that only counts the clicks so far has
a GAUC of .62 (67 targets a user) to 1.0 (2 targets) over such pairs, and an AUC of .5. So nothing
here compares targets that do not see the same history. There are two ways to get lists:

  request: a list is what was shown in one request; scores are those of serving.
  frozen: all of a user's targets are one list, scored a second time with the history as it stood at
    the first of them.

Ties count as the expectation over their random order, so that equal scores get what chance gets.

References:
  Ties: McSherry and Najork, Computing Information Retrieval Performance Measures Efficiently in the
    Presence of Tied Scores, ECIR 2008.
"""

from __future__ import annotations

from typing import Final, Literal, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

Protocol = Literal["request", "frozen"]
REQUEST: Final = "request"
FROZEN: Final = "frozen"
# How a protocol is called beside a metric's name, and what it means.
SHORT = {REQUEST: "within requests", FROZEN: "frozen histories"}
MEANING = {
    REQUEST: "only targets shown in one request are compared: they see the same history",
    FROZEN: "all of a user's targets are scored with the history as it stood at the first of them, "
    "so that none sees what came of another; the log has too few requests with clicks and skips",
}

_DEPTH = 10  # places that NDCG looks at
# [11] DCG of clicks at the first 0, 1, ... 10 places.
_DCG = np.append(0, np.cumsum(1 / np.log2(np.arange(_DEPTH) + 2)))

# Numerators and denominators [U] by user: a metric is the ratio of their sums.
Sums = tuple[np.ndarray, np.ndarray]


class Ranking(NamedTuple):
    """The G lists with both labels, best score first, as R runs of equal scores.

    Attributes:
      users: U, of all targets.
      user: [G] in [0, U), whose list it is.
      size, positives: [G] targets and clicks of the list.
      list: [R] in [0, G), rising: the run's list.
      above: [R] targets of the list with a better score.
      tied, clicks: [R] targets and clicks of the run.
    """

    users: int
    user: np.ndarray
    size: np.ndarray
    positives: np.ndarray
    list: np.ndarray
    above: np.ndarray
    tied: np.ndarray
    clicks: np.ndarray


def list_ids(users: ArrayLike, requests: ArrayLike) -> np.ndarray:
    """Numbers of lists, equal where user and request are: [N] int64.

    Args:
      users: [N] of any sortable type.
      requests: [N] int64, equal within a user for what was shown together.
    """
    users, requests = np.asarray(users), np.asarray(requests)
    if users.dtype.kind == "O":
        users = np.unique(users, return_inverse=True)[1]
    order = np.lexsort((requests, users))
    user, request = users[order], requests[order]
    new = np.append(False, (user[1:] != user[:-1]) | (request[1:] != request[:-1]))
    ids = np.empty(len(order), np.int64)
    ids[order] = np.cumsum(new[: len(order)])
    return ids


def protocol(users: ArrayLike, requests: ArrayLike, labels: ArrayLike) -> Protocol:
    """How lists are got: "request" where requests tell of at least half of the rarer label.

    Of all targets with the rarer label whose user has both labels, this many must lie in a request
    that has both. A log of one target at a time has none; one that shows lists has nearly all,
    however rare clicks are. If no user has both labels neither way tells anything: "request", which
    costs no second scoring.

    Args:
      users, requests: as for `list_ids`.
      labels: [N] in {0, 1}.
    """
    clicked = np.asarray(labels) > 0.5
    rarer = clicked if 2 * clicked.sum() <= len(clicked) else ~clicked

    def told(groups: np.ndarray) -> int:
        ones = np.bincount(groups, rarer)
        mixed = (ones > 0) & (ones < np.bincount(groups))
        return int(ones[mixed].sum())

    wanted = told(np.unique(np.asarray(users), return_inverse=True)[1])
    return REQUEST if 2 * told(list_ids(users, requests)) >= wanted else FROZEN


def ranked(labels: np.ndarray, scores: np.ndarray, users: np.ndarray, ids: np.ndarray) -> Ranking:
    """Sorts every list with both labels.

    Args:
      labels: [N] in {0, 1}.
      scores: [N], none of them NaN.
      users: [N] of any sortable type.
      ids: [N] int64 from 0, `list_ids`: none holds two users.
    """
    distinct, users = np.unique(users, return_inverse=True)
    clicked = labels > 0.5
    ones, sizes = np.bincount(ids, clicked), np.bincount(ids)
    mixed = np.flatnonzero(((ones > 0) & (ones < sizes))[ids])
    order = mixed[np.lexsort((-scores[mixed], ids[mixed]))]
    ids, scores = ids[order], scores[order]
    new_list = np.append(True, ids[1:] != ids[:-1])[: len(order)]
    new_run = new_list | np.append(True, scores[1:] != scores[:-1])[: len(order)]
    list_begin, run_begin = np.flatnonzero(new_list), np.flatnonzero(new_run)
    of_run = np.cumsum(new_list[run_begin]) - 1
    clicks = np.diff(np.append(0, np.cumsum(clicked[order]))[np.append(run_begin, len(order))])
    return Ranking(
        users=len(distinct),
        user=users[order][list_begin],
        size=sizes[ids[list_begin]],
        positives=ones[ids[list_begin]],
        list=of_run,
        above=run_begin - list_begin[of_run],
        tied=np.diff(np.append(run_begin, len(order))),
        clicks=clicks,
    )


def gauc(ranking: Ranking) -> Sums:
    """`n_u AUC_u` and `n_u`, the targets of a user's lists: their ratio is GAUC."""
    values, _ = uauc(ranking)
    targets = np.bincount(ranking.user, ranking.size, ranking.users)
    return values * targets, targets


def uauc(ranking: Ranking) -> Sums:
    """AUC_u, the share of right pairs among all pairs within a list of the user; and 1."""
    skips = ranking.tied - ranking.clicks
    # Skips of the list that are no better than the run; those of the run count half.
    before = np.cumsum(skips) - skips
    first = np.append(True, ranking.list[1:] != ranking.list[:-1])[: len(skips)]
    before -= before[first][ranking.list]
    below = (ranking.size - ranking.positives)[ranking.list] - before - skips / 2
    groups = len(ranking.size)
    right = np.bincount(ranking.list, ranking.clicks * below, groups)
    pairs = ranking.positives * (ranking.size - ranking.positives)
    right, pairs = (np.bincount(ranking.user, of, ranking.users) for of in (right, pairs))
    has = pairs > 0
    return np.divide(right, pairs, out=np.zeros(len(has)), where=has), has.astype(float)


def ndcg(ranking: Ranking) -> Sums:
    """NDCG over the first 10 places of each list, and the number of lists."""
    above, end = (np.minimum(x, _DEPTH) for x in (ranking.above, ranking.above + ranking.tied))
    gain = ranking.clicks / ranking.tied * (_DCG[end] - _DCG[above])
    best = _DCG[np.minimum(ranking.positives, _DEPTH).astype(np.int64)]
    return _by_user(ranking, np.bincount(ranking.list, gain, len(best)) / best)


def mrr(ranking: Ranking) -> Sums:
    """One over the place of the first click of each list, and the number of lists."""
    runs = np.flatnonzero(ranking.clicks > 0)
    of_list = ranking.list[runs]
    first = runs[np.append(True, of_list[1:] != of_list[:-1])[: len(runs)]]
    above, tied, clicks = (x[first] for x in (ranking.above, ranking.tied, ranking.clicks))
    # In random order, the first of the run's clicks is at its j-th place, j = 1 ... skips + 1, with
    # a chance of p / (m - j + 1) if the j - 1 before are skips; `free` is the chance of that.
    places = tied - clicks + 1
    row = np.repeat(np.arange(len(first)), places)
    begin = np.cumsum(places) - places
    j = np.arange(len(row)) - begin[row] + 1
    step = np.ones(len(row))
    later = j > 1
    left = (tied[row] - j + 2)[later]
    step[later] = (left - clicks[row][later]) / left
    logs = np.cumsum(np.log(step))
    free = np.exp(logs - logs[begin][row])
    chance = free * clicks[row] / (tied[row] - j + 1)
    return _by_user(ranking, np.bincount(row, chance / (above[row] + j), len(first)))


def _by_user(ranking: Ranking, values: np.ndarray) -> Sums:
    """From values of lists [G] to their sums and numbers by user, all lists weighing alike."""
    sums = np.bincount(ranking.user, values, ranking.users)
    return sums, np.bincount(ranking.user, minlength=ranking.users).astype(float)
