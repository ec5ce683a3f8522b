"""What is known of each user: one value of each feature, as of the training period."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from components.behavior_example_gen.cells.features import is_missing, looked_up
from components.behavior_example_gen.cut.targets import UserRows
from components.behavior_example_gen.sources.tables import JoinedTables
from components.segments import starts


def user_features(
    rows: UserRows, training: np.ndarray, tables: JoinedTables | None
) -> dict[str, pa.Array]:
    """Finds the features of users.

    Of a joined table, that of the user's key. Of the rows, the last value in a training row; where
    none has one, the user's first value: so that no later value than what serving knew is used.

    Args:
      rows: all rows of these users.
      training: [n] bool, of `training_rows`.
      tables: the joined ones of users, if there are any.

    Returns:
      [u] each by the feature's name, as `to_feature`; users are numbered as in `rows.user`.
    """
    begins = np.flatnonzero(starts(rows.user))
    found: dict[str, pa.Array] = {}
    for name, column in rows.features_of("user").items():
        values, place = rows.batch[column], np.arange(len(rows.user))
        known = ~is_missing(values)
        last = np.maximum.reduceat(np.where(known & training, place, -1), begins)
        first = np.minimum.reduceat(np.where(known, place, len(place)), begins)
        chosen = np.where(last >= 0, last, first)
        # Where there is none, any row of the user is as good: they are all missing.
        found[name] = values.take(pa.array(np.where(chosen < len(place), chosen, begins)))
    ids = rows.take("user", begins)
    for name, (table, values) in (tables.features if tables else {}).items():
        found[name] = looked_up(values, table.find(ids))
    return found
