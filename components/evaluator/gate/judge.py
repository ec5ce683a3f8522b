"""The gate: from scored targets to a verdict with its reasons. Numpy in, plain data out.

A bound holds if the whole interval of the metric keeps it. A candidate is no worse than the latest
blessed model if the worse end of the interval of the difference lies within the tolerance (a test
of non-inferiority). Intervals are those of `bootstrap`: paired, and clustered by user. A metric
that the split does not define, or only on a few users, has no value: it holds no bound, and is no
ground to bless.

References:
  Effective number: Kish, Survey Sampling, 1965. Few clusters make intervals too narrow: Cameron,
    Gelbach and Miller, Bootstrap-Based Improvements for Inference with Clustered Errors, 2008.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any

import numpy as np

from components.evaluator.config import GateConfig, SliceRule
from components.evaluator.gate import bounds, preconditions
from components.evaluator.gate.bootstrap import Draws, interval, replicate, unclustered_interval
from components.evaluator.gate.check import (
    BASELINE_SCORES,
    SILENT,
    SPLIT,
    UNDEFINED,
    Check,
    Comparison,
    SliceFound,
)
from components.evaluator.gate.scored import Scored
from models.json_text import without_nan
from models.metric_table import JUDGED, METRICS
from models.metrics import rela_impr

# Checks of why there was no comparison.
_ALONE = ("baseline", BASELINE_SCORES, "schema")
# Checks that are told although they passed and others did not.
_WARNINGS = (BASELINE_SCORES, UNDEFINED, SPLIT)


@dataclasses.dataclass(frozen=True)
class Verdict:
    """What the gate decided.

    Attributes:
      blessed: whether every check passed.
      checks: all that were made.
      intervals: what they were made on: by metric over all targets, of the other labels, and AUC of
        each slice.
      facts: what was judged, by name.
    """

    blessed: bool
    checks: list[Check]
    intervals: dict[str, Any]
    facts: dict[str, Any]

    @property
    def reasons(self) -> list[str]:
        """Every check that failed, then warnings; of a blessed model all that tell something."""
        if self.blessed:
            return [check.sentence for check in self.checks if check.code not in SILENT]
        warnings = [c.sentence for c in self.checks if c.passed and c.code in _WARNINGS]
        return [check.sentence for check in self.checks if not check.passed] + warnings

    @property
    def sentence(self) -> str:
        """The verdict in one sentence."""
        if self.blessed:
            compared = [c.sentence for c in self.checks if c.code == "tolerance"]
            floors = [c.sentence for c in self.checks if c.code == "floor"]
            alone = [c.sentence for c in self.checks if c.code in _ALONE]
            told = ", and ".join(compared[:1] or [*floors[:1], *alone] or ["nothing was asked"])
            asked = [check for check in self.checks if check.code != SPLIT]
            made = [check for check in asked if not _left_out(check)]
            which = "" if len(made) == len(asked) else " that could be made"
            return f"Blessed: {told}; all {len(made)} checks{which} passed.{self._aside}"
        first, *further = [check.sentence for check in self.checks if not check.passed]
        more = f" (and {len(further)} more reason{'s' if len(further) > 1 else ''})"
        return f"Not blessed: {first}{more if further else ''}.{self._aside}"

    @property
    def _aside(self) -> str:
        """What else must be known to read the verdict."""
        drawn = self.facts["drawn_negatives"]
        told = [f"Negatives were drawn, {drawn} for each positive."] if drawn else []
        told += [f"But {check.sentence}." for check in self.checks if check.code == SPLIT]
        return "".join(f" {sentence}" for sentence in told)

    def to_json(self) -> dict[str, Any]:
        """As plain JSON; NaN is null."""
        return without_nan(
            {
                "blessed": self.blessed,
                "sentence": self.sentence,
                "reasons": self.reasons,
                **self.facts,
                "checks": [dataclasses.asdict(check) for check in self.checks],
                "intervals": self.intervals,
            }
        )


def _left_out(check: Check) -> bool:
    """Whether a check passed because there was nothing to judge by."""
    unjudged = check.code == "calibration" and check.value is None
    return check.passed and (unjudged or check.code in (UNDEFINED, *_ALONE))


def judge(
    scored: Scored,
    gate: GateConfig,
    incompatible: str | None = None,
    seed: int = 0,
    labels: Mapping[str, Scored] = MappingProxyType({}),
    learned: str | None = None,
) -> Verdict:
    """Decides whether a model is blessed.

    A latest blessed model without usable scores is not compared with, and does not refuse.

    Args:
      scored: the targets of the eval split.
      gate: what the model must show.
      incompatible: why the latest blessed model could not score these targets, if so.
      seed: of the bootstrap.
      labels: the targets for which each label beside the primary one is known, scored for it.
      learned: why the latest blessed model may have learned from these targets, if so.
    """
    facts = {
        "targets": len(scored.labels),
        "users": len(np.unique(scored.users)),
        "effective_users": round(scored.effective_users, 1),
        "protocol": scored.protocol,
        "drawn_negatives": scored.drawn,
        "confidence": gate.confidence,
        "replicas": gate.replicas,
    }
    made = list(preconditions.usable(scored, gate))
    warning = preconditions.baseline_scores(scored)
    if warning:
        made.append(warning)
        scored = dataclasses.replace(scored, baseline=None, baseline_frozen=None)
    if incompatible:
        made.append(preconditions.schema(incompatible, gate))
    if any(not check.passed and check.code != "schema" for check in made):
        return Verdict(False, made, {"overall": {}, "slices": []}, facts)
    overall = _compare(scored, JUDGED, gate, seed)
    told = {name: found.to_json() for name, found in overall.items()}
    if scored.baseline is not None:
        if scored.weights is None:  # which it does not know
            told["auc"] |= _unclustered(scored, scored.baseline, gate)
        told["auc"]["rela_impr"] = rela_impr(told["auc"]["candidate"], told["auc"]["baseline"])
    made += bounds.bounds(overall, gate, scored.drawn)
    if scored.baseline is not None:
        made += bounds.tolerances(overall, gate)
        if learned:
            made.append(preconditions.learned(learned))
    elif not incompatible and not warning:
        made.append(preconditions.no_baseline())
    slices = list(_slices(scored, gate, seed))
    made += bounds.slices(slices, gate)
    for rule in gate.slice_rules:
        made += _rule(scored, rule, gate, seed)
    of_labels = {}
    for name, part in labels.items():
        found = _of_label(name, part, gate, seed, compared=scored.baseline is not None)
        of_labels[name] = _told_of_label(part, found)
        if wanted := gate.labels.get(name):
            made += bounds.label(wanted, found, gate)
            if wanted.tolerance and scored.baseline is not None and part.baseline is None:
                made.append(preconditions.label_unknown(name))
    return Verdict(
        all(check.passed for check in made),
        made,
        {
            "overall": told,
            **({"labels": of_labels} if of_labels else {}),
            "slices": [
                {
                    "slice": found.slice,
                    "targets": found.targets,
                    "users": found.users,
                    "auc": found.comparison.to_json() | bounds.detectable_loss(found, slices, gate),
                }
                for found in slices
            ],
        },
        facts,
    )


def _compare(
    scored: Scored, names: Sequence[str], gate: GateConfig, seed: int
) -> dict[str, Comparison]:
    draws = replicate(scored.models, names, gate.replicas, seed)
    return {name: _comparison(name, found, scored, gate) for name, found in draws.items()}


def _of_label(
    name: str, scored: Scored, gate: GateConfig, seed: int, compared: bool
) -> dict[str, Comparison]:
    if not compared:
        scored = dataclasses.replace(scored, baseline=None, baseline_frozen=None)
    found = _compare(scored, JUDGED, gate, seed)
    return {
        metric: dataclasses.replace(of, label=f"{of.label} of {name}")
        for metric, of in found.items()
    }


def _told_of_label(scored: Scored, found: Mapping[str, Comparison]) -> dict[str, Any]:
    return {
        "targets": len(scored.labels),
        "positives": int(scored.labels.sum()),
        **{metric: of.to_json() for metric, of in found.items()},
    }


def _comparison(name: str, draws: Draws, scored: Scored, gate: GateConfig) -> Comparison:
    label = METRICS[name].labelled(scored.protocol, scored.drawn)
    if draws.users < gate.min_users:
        # Of few users, an interval claims to know more than it can: there is no value.
        draws = Draws(np.full_like(draws.observed, np.nan), draws.drawn, draws.users)
    candidate = interval(draws.observed[0], draws.drawn[:, 0], gate.confidence, draws.users)
    if len(draws.observed) == 1:
        return Comparison(name, label, draws.users, candidate)
    difference = draws.observed[0] - draws.observed[1]
    drawn = draws.drawn[:, 0] - draws.drawn[:, 1]
    found = interval(difference, drawn, gate.confidence, draws.users)
    return Comparison(name, label, draws.users, candidate, float(draws.observed[1]), found)


def _unclustered(scored: Scored, baseline: np.ndarray, gate: GateConfig) -> dict[str, float]:
    """The interval of the difference in AUC if users were ignored: only shown, never used."""
    lower, upper = unclustered_interval(scored.labels, scored.candidate, baseline, gate.confidence)
    return {"unclustered_lower": lower, "unclustered_upper": upper}


def _slices(scored: Scored, gate: GateConfig, seed: int) -> Iterator[SliceFound]:
    """AUC of every slice that has enough users to tell.

    Values of a feature that have too few are taken together as one slice.
    """
    seen: set[bytes] = set()

    def found(key: dict[str, str], mask: np.ndarray, part: Scored) -> SliceFound:
        again = mask.tobytes() in seen
        seen.add(mask.tobytes())
        comparison = _compare(part, ("auc",), gate, seed)["auc"]
        return SliceFound(key, len(part.labels), len(np.unique(part.users)), comparison, again)

    for feature in gate.slices:
        small, rest = 0, np.zeros(len(scored.labels), bool)
        for value in np.unique(scored.slices[feature]):
            mask = scored.slices[feature] == value
            part = scored.where(mask)
            if _told(part, gate):
                yield found({feature: str(value)}, mask, part)
            else:
                small, rest = small + 1, rest | mask
        if small > 1 and _told(part := scored.where(rest), gate):
            yield found({feature: f"{small} small ones together"}, rest, part)


def _told(part: Scored, gate: GateConfig) -> bool:
    return part.users_of_both >= gate.min_users


def _rule(scored: Scored, rule: SliceRule, gate: GateConfig, seed: int) -> list[Check]:
    values = scored.slices[rule.feature]
    mask = np.ones(len(values), bool)
    if rule.equals is not None:
        mask &= values.astype(str) == str(rule.equals)
    if rule.at_least is not None:
        mask &= values >= rule.at_least
    if rule.at_most is not None:
        mask &= values <= rule.at_most
    part = scored.where(mask)
    if not _told(part, gate):
        return [bounds.small_slice(rule, part.users_of_both, gate)]
    return bounds.rule(rule, _compare(part, ("auc",), gate, seed)["auc"], gate)
