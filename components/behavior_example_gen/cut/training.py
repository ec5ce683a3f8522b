"""Which rows are of the training period: what is learned of items and users comes from these."""

from __future__ import annotations

import numpy as np

from components.behavior_example_gen.cut import split
from components.behavior_example_gen.cut.targets import Placed, UserRows, WholeLog
from components.segments import begin_of, starts


def training_rows(rows: UserRows, whole: WholeLog, placed: Placed) -> np.ndarray:
    """Returns [n] bool: the rows that are earlier than all that validates or evaluates.

    With a split by time, that is the time before validation. By user hash, all rows of the users
    who train. Otherwise a user's rows before the first request that does not train.
    """
    rule = rows.config.split
    if rule.by == "time":
        assert whole.cuts is not None, "they are found before, where the split is by time"
        return rows.seconds < whole.cuts[0]
    if rule.by == "user_hash":
        shares = rule.validation, rule.eval
        return split.by_user_hash(rows.user_hash, rows.config.seed, *shares) == split.TRAIN
    if rule.by == "column":
        held_out = np.flatnonzero(rows.batch["split"].to_numpy() != split.TRAIN)
    else:
        held_out = placed.row[placed.split != split.TRAIN]
    size = len(rows.user)
    first = np.full(size, size)  # by user: the first row of the first such request
    np.minimum.at(first, rows.user[held_out], rows.request[held_out])
    first = first[rows.user]
    if rows.config.history.ties == "order":
        return np.arange(size) < first
    # The rows of one time are in no order.
    moment = begin_of(starts(rows.user, rows.time))
    return moment < np.append(moment, size)[first]
