"""Keys of a configuration that were called otherwise: the one place that knows an old name."""

from __future__ import annotations

from typing import Any

import yaml

# Dotted keys, old -> new. An old one is refused, for two names of one setting could disagree.
RENAMED = {
    "beam.shard_memory": "beam.shard_memory_mib",
    "gate.max_drop": "gate.tolerance",
    "log.features": "features",
    "log.items": "log.tables",
    "log.max_bad_rows": "log.max_bad_row_share",
    "model.heads": "model.num_heads",
    "model.mlp": "model.mlp_units",
    "model.retrieve": "model.top_k",
    "model.short_term": "model.short_seq_len",
}


def respelled(key: str, value: Any) -> str | None:
    """Returns how the value of an old key is written now, if that is another way; else None."""
    if key == "log.features" and isinstance(value, dict):
        event = {"of": "event", "type": "number"}
        new = {name: event | f for name, f in value.items() if isinstance(f, dict)}
        return f"write `features: {_flow(new)}`, beside `log`"
    if key == "log.items":
        if not isinstance(value, dict):
            return "write `log.tables`, or null to take the tables away"
        new = {"of": "item"} | {name: v for name, v in value.items() if name != "columns"}
        return f"write `log.tables: {_flow({'items': new})}`, whose columns are found by name"
    return None


def _flow(value: Any) -> str:
    return yaml.safe_dump(value, default_flow_style=True, sort_keys=False, width=10_000).strip()
