"""Names of what is computed for a target: its scores, and what it is sliced by."""

SCORE, BASELINE_SCORE = "score", "baseline_score"
FROZEN, BASELINE_FROZEN = "frozen_score", "baseline_frozen_score"
ITEM_RANK, NOVELTY, CATEGORY = "slice_item_rank", "slice_novelty", "slice_category"
