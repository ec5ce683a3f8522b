"""Whether scores, labels, users and schema allow a judgement at all, and a comparison."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from components.evaluator.config import GateConfig
from components.evaluator.gate.check import BASELINE_SCORES, SPLIT, UNDEFINED, Check
from models import lists

if TYPE_CHECKING:
    from components.evaluator.gate.scored import Scored


def usable(scored: Scored, gate: GateConfig) -> Iterator[Check]:
    """Whether scores, labels and users allow any judgement."""
    fault = _faults("the model", scored.candidate, scored.frozen)
    text = "the scores of the model are finite and differ" if fault is None else fault
    yield Check("scores", fault is None, text)
    positives = int(scored.labels.sum())
    both = 0 < positives < len(scored.labels)
    found = f"{positives:,} of the {len(scored.labels):,} targets of the eval split are clicks"
    yield Check("labels", both, found if both else f"{found}: nothing can be told of one class")
    users = scored.effective_users
    enough = users >= gate.min_users
    text = f"the eval split has {users:,.0f} effective users"
    if not enough:
        text += (
            f", fewer than the {gate.min_users} of gate.min_users from which intervals can be "
            "told: it is too small, or a few users hold most targets"
        )
    yield Check("users", enough, text, value=users, bound=gate.min_users)


def baseline_scores(scored: Scored) -> Check | None:
    """The latest blessed model, if its scores allow no comparison: a warning, never a refusal.

    Else a blessed model that fails on new data would keep every later one from being blessed.
    """
    if scored.baseline is None:
        return None
    fault = _faults("the latest blessed model", scored.baseline, scored.baseline_frozen)
    if fault is None:
        return None
    text = f"{fault}, so it was not compared with: absolute rules alone decided"
    return Check(BASELINE_SCORES, True, text)


def schema(incompatible: str, gate: GateConfig) -> Check:
    """The latest blessed model cannot score the examples."""
    text = (
        f"the schema changed, so that the latest blessed model cannot be compared: {incompatible}"
    )
    if gate.on_schema_change == "judge_alone":
        return Check(
            "schema", True, f"{text}; gate.on_schema_change lets this model be judged alone"
        )
    return Check(
        "schema", False, f"{text}; gate.on_schema_change: judge_alone would judge this model alone"
    )


def no_baseline() -> Check:
    """There is no earlier model."""
    return Check("baseline", True, "there is no earlier blessed model to be compared with")


def learned(how: str) -> Check:
    """The latest blessed model may know the answers: a warning, since only the user can tell."""
    text = (
        f"the latest blessed model may have learned from targets of this eval split ({how}): it "
        "then looks better than it is, and this model worse; keep the split to compare them"
    )
    return Check(SPLIT, True, text)


def label_unknown(label: str) -> Check:
    """The latest blessed model does not predict a label by which it is to be compared."""
    text = f"the latest blessed model does not predict {label}, so it was not compared by it"
    return Check(UNDEFINED, True, text)


def _faults(name: str, scores: np.ndarray, frozen: np.ndarray | None) -> str | None:
    """Likewise, of the scores of frozen histories too."""
    fault = _fault(name, scores)
    if fault is None and frozen is not None:
        fault = _fault(f"{name} on {lists.SHORT[lists.FROZEN]}", frozen)
    return fault


def _fault(name: str, scores: np.ndarray) -> str | None:
    """Why nothing can be told from a model's scores [N]; None if it can."""
    wrong = int((~np.isfinite(scores)).sum())
    outside = int(((scores < 0) | (scores > 1)).sum())
    if wrong:
        return f"{wrong:,} of {len(scores):,} scores of {name} are NaN or infinite"
    if outside:
        return f"{outside:,} of {len(scores):,} scores of {name} are no probabilities"
    if len(scores) and scores.min() == scores.max():
        return f"{name} gives every target the same score, {scores[0]:.4g}"
    return None
