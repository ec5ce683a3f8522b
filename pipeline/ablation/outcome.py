"""What a study found: a row for each variant, with its differences from the reference."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Hashable, Mapping, Sequence
from typing import Any

import numpy as np

from components.errors import InputError
from components.evaluator.gate.bootstrap import Interval
from components.evaluator.holm import holm
from models import lists
from models.lists import Protocol
from models.metric_table import COMPARED
from models.metrics import Predictions, auc
from pipeline.ablation.compare import Draws, replicas_of
from pipeline.ablation.job import Result
from pipeline.ablation.pack import FROZEN_ORDER
from pipeline.ablation.study import Case

# What must be the same of data sets that are compared, by columns of their targets.
_SAME = {
    "the same targets": ("user", "item", "time"),
    "the same labels": ("label",),
    "the same weights": ("weight",),
}


@dataclasses.dataclass(frozen=True)
class Difference:
    """A metric's difference from the reference, averaged over seeds.

    Attributes:
      interval: over users and seeds.
      p_holm: its p-value, adjusted for all comparisons of the study in this metric.
    """

    interval: Interval
    p_holm: float


@dataclasses.dataclass(frozen=True)
class Row:
    """One variant on one data set.

    Attributes:
      case: what it is.
      results: of the runs that finished, by seed.
      failures: why the others failed, by seed.
      metrics: [S] of the eval split, by name, in the order of `results`.
      protocol: how targets of a user were compared.
      oracle_auc: of the true click probability; None if the log is not simulated.
      differences: by metric; empty for a reference, or where no seed finished.
    """

    case: Case
    results: dict[int, Result]
    failures: dict[int, str]
    metrics: dict[str, list[float]]
    protocol: Protocol
    oracle_auc: float | None
    differences: dict[str, Difference] = dataclasses.field(default_factory=dict)

    def mean(self, name: str) -> float:
        """Mean of a metric over seeds; NaN if none finished."""
        return float(np.mean(self.metrics[name])) if self.results else float("nan")

    def spread(self, name: str) -> float:
        """Standard deviation of a metric over seeds; NaN for fewer than two."""
        return float(np.std(self.metrics[name], ddof=1)) if len(self.results) > 1 else float("nan")

    @property
    def oracle_share(self) -> float | None:
        """How much of the way from chance to the oracle's AUC is gone; None if there is no way."""
        if self.oracle_auc is None or self.oracle_auc == 0.5:
            return None
        return (self.mean("auc") - 0.5) / (self.oracle_auc - 0.5)

    @property
    def best_epochs(self) -> list[int]:
        """Of each seed, the epoch whose weights were kept: the best by validation."""
        return [r.training["best_epoch"] or r.training["epochs"] for r in self.results.values()]

    @property
    def curve(self) -> list[float]:
        """Mean AUC of the validation split after each epoch that all seeds reached."""
        curves = [
            [epoch["validation_auc"] or float("nan") for epoch in result.training["curve"]]
            for result in self.results.values()
        ]
        return [float(np.mean(epoch)) for epoch in zip(*curves, strict=False)]

    def training(self, name: str) -> float:
        """Mean over seeds of a number in `training.json`."""
        values = [result.training[name] for result in self.results.values()]
        return float(np.mean(values)) if values else float("nan")

    @property
    def peak_memory_mib(self) -> float:
        """Most memory that a run held."""
        return max((r.peak_memory_mib for r in self.results.values()), default=float("nan"))

    @property
    def parameters(self) -> int | None:
        """Trainable weights."""
        return next((result.parameters for result in self.results.values()), None)

    def record(self) -> dict[str, Any]:
        """The row in plain numbers, one key a column."""
        record: dict[str, Any] = {"data": self.case.data, "variant": self.case.variant}
        record["reference"] = ", ".join(filter(None, reversed(self.case.reference)))
        record |= {"config_hash": self.case.config.hash, "seeds": list(self.results)}
        record["protocol"] = self.protocol
        for name in COMPARED:
            record |= {name: self.mean(name), f"{name}_spread": self.spread(name)}
            record[f"{name}_by_seed"] = self.metrics[name]
        record["oracle_auc"], record["oracle_share"] = self.oracle_auc, self.oracle_share
        for name, found in self.differences.items():
            record |= {
                f"{name}_difference": found.interval.estimate,
                f"{name}_lower": found.interval.lower,
                f"{name}_upper": found.interval.upper,
                f"{name}_p": found.interval.p_value,
                f"{name}_p_holm": found.p_holm,
            }
        record |= {"best_epochs": self.best_epochs, "validation_auc_by_epoch": self.curve}
        record |= {name: self.training(name) for name in ("seconds", "targets_per_second")}
        record |= {"peak_memory_mib": self.peak_memory_mib, "parameters": self.parameters}
        return record | {"failures": self.failures}


def summarize(
    cases: Sequence[Case],
    runs: Mapping[tuple[str, str], Mapping[int, Result | str]],
    targets: Mapping[str, Mapping[str, np.ndarray]],
) -> list[Row]:
    """Computes every row of a study.

    Args:
      cases: of the study.
      runs: by (data, variant), then seed: the result, or why there is none.
      targets: columns of the eval split's targets, by data; see `pack.pack`.

    Raises:
      InputError: if data sets are compared whose eval splits do not hold the same targets.
    """
    replicas = replicas_of(sum(not case.is_reference for case in cases))
    crosses = any(case.reference[0] != case.data for case in cases)
    rows: list[Row] = []
    for pool in [list(targets)] if crosses else [[name] for name in targets]:
        columns = {name: targets[name] for name in pool}
        _check_same(columns)
        mine = [case for case in cases if case.data in pool]
        rows += _compare(mine, runs, columns, replicas)
    for name in COMPARED:
        compared = [row for row in rows if name in row.differences]
        p_values = [row.differences[name].interval.p_value for row in compared]
        for row, p_holm in zip(compared, holm(p_values), strict=True):
            row.differences[name] = dataclasses.replace(row.differences[name], p_holm=p_holm)
    return rows


def _check_same(targets: Mapping[str, Mapping[str, np.ndarray]]) -> None:
    """Refuses data sets whose targets, or what is known of them, are not the same."""
    (first, columns), *others = targets.items()
    none = np.zeros(0)
    for name, other in others:
        for what, keys in _SAME.items():
            if not all(np.array_equal(columns.get(k, none), other.get(k, none)) for k in keys):
                sizes = " and ".join(f"{len(of['user']):,}" for of in (columns, other))
                raise InputError(
                    f"study: the data sets {first!r} and {name!r} do not evaluate {what} ({sizes} "
                    "targets), so they cannot be compared. Let `reference` name a variant, or "
                    "change only what targets see"
                )


def frozen_scores(targets: Mapping[str, np.ndarray], result: Result) -> np.ndarray:
    """Returns a run's scores with frozen histories in the order of its targets.

    Args:
      targets: columns of these, with `FROZEN_ORDER`.
      result: of the run.
    """
    scores = np.empty_like(result.frozen)
    scores[targets[FROZEN_ORDER]] = result.frozen
    return scores


def _compare(
    cases: Sequence[Case],
    runs: Mapping[tuple[str, str], Mapping[int, Result | str]],
    targets: Mapping[str, Mapping[str, np.ndarray]],
    replicas: int,
) -> list[Row]:
    """The rows of cases that were evaluated on the same targets; `p_holm` is yet to come."""
    common = next(iter(targets.values()))
    # What requests hold may depend on how histories are cut; one protocol serves all.
    frozen = all(FROZEN_ORDER in columns for columns in targets.values())

    def predictions(data: str, result: Result) -> Predictions:
        scores = frozen_scores(targets[data], result) if frozen else None
        return Predictions(
            common["label"], result.scores, common["user"], common["request"], scores,
            common.get("weight"),
        )  # fmt: skip

    results = {
        (case.data, case.variant): {
            seed: run
            for seed, run in runs[case.data, case.variant].items()
            if isinstance(run, Result)
        }
        for case in cases
    }
    scores: dict[tuple[Hashable, int], Predictions] = {
        (key, seed): predictions(key[0], result)
        for key, found in results.items()
        for seed, result in found.items()
    }
    draws = Draws(scores, replicas)
    oracle = None
    if "oracle" in common:
        oracle = auc(common["label"], common["oracle"], common.get("weight"))
    rows = []
    for case in cases:
        key = case.data, case.variant
        seeds = [seed for seed in results[key] if seed in results[case.reference]]
        differences = {}
        if seeds and not case.is_reference:
            for name in COMPARED:
                found = draws.interval(name, key, case.reference, seeds)
                if math.isfinite(found.estimate):
                    differences[name] = Difference(found, p_holm=found.p_value)
        rows.append(
            Row(
                case=case,
                results=results[key],
                failures={s: run for s, run in runs[key].items() if isinstance(run, str)},
                metrics={
                    name: [draws.observed(name, key, seed) for seed in results[key]]
                    for name in COMPARED
                },
                protocol=lists.FROZEN if frozen else lists.REQUEST,
                oracle_auc=oracle,
                differences=differences,
            )
        )
    return rows
