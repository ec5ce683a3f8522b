"""What a simulated log holds, in figures."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from models.metrics import auc


def describe(table: pa.Table) -> dict[str, float]:
    """Describes a log of `simulate`.

    Args:
      table: Table, as `simulate` returns it.

    Returns:
      `users`, `events`, `targets`; `history_p50` and `history_max`, the rows before a user's
      first target; `click_rate` of all rows, `base_rate` of the targets; `oracle_auc`, the AUC of
      the true click probability on the targets, which no model beats but by luck.
    """
    targets = table.filter(pc.is_valid(table["label"]))
    per_user = table.group_by("user_id").aggregate([("label", "count"), ("time", "count")])
    history = np.asarray(per_user["time_count"]) - np.asarray(per_user["label_count"])
    label = np.asarray(targets["label"])
    return {
        "users": per_user.num_rows,
        "events": table.num_rows,
        "targets": targets.num_rows,
        "history_p50": int(np.median(history)),
        "history_max": int(history.max()),
        "click_rate": float(pc.mean(table["behavior"]).as_py()),
        "base_rate": float(label.mean()),
        "oracle_auc": float(auc(label, np.asarray(targets["click_probability"]))),
    }
