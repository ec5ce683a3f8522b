"""What a simulated log holds, in figures."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from models.metrics import auc


def describe(table: pa.Table) -> dict[str, int | float]:
    """Describes a log of `simulate`.

    Args:
      table: Table, as `simulate` returns it.

    Returns:
      `users`, `events`, `targets`; `history_p50` and `history_max`, of a user's rows before the
      first target; `base_rate`, the share of targets with a click; `oracle_auc`, the AUC of the
      true click probability: no model beats it but by luck.
    """
    is_target = np.asarray(table["label"].is_valid())
    label = np.asarray(table["label"].drop_null())
    _, begin = np.unique(np.asarray(table["user_id"]), return_index=True)
    first_target = np.flatnonzero(is_target)
    history = first_target[np.searchsorted(first_target, begin)] - begin
    return {
        "users": len(begin),
        "events": table.num_rows,
        "targets": len(label),
        "history_p50": int(np.median(history)),
        "history_max": int(history.max()),
        "base_rate": float(label.mean()),
        "oracle_auc": float(auc(label, np.asarray(table["click_probability"].drop_null()))),
    }
