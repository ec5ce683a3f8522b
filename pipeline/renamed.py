"""Keys of a configuration that were called otherwise: the one place that knows an old name."""

from __future__ import annotations

# Dotted keys, old -> new. An old one is refused, for two names of one setting could disagree.
RENAMED = {
    "beam.shard_memory": "beam.shard_memory_mib",
    "gate.max_drop": "gate.tolerance",
    "log.max_bad_rows": "log.max_bad_row_share",
    "model.heads": "model.num_heads",
    "model.mlp": "model.mlp_units",
    "model.retrieve": "model.top_k",
    "model.short_term": "model.short_seq_len",
}
