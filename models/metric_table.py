"""Every metric, declared once.

TFMA, the gate, intervals, early stopping, the report, `compare` and studies read this table: a
metric that is added here is there in all of them, under its name as key of a configuration.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable

import numpy as np

from models import lists, metrics, replicas
from models.lists import Protocol, Ranking, Sums
from models.metrics import Predictions
from models.replicas import Replicas


@dataclasses.dataclass(frozen=True)
class Metric:
    """What is to be known of a metric.

    Attributes:
      name: in configurations, files and TFMA.
      label: for people.
      meaning: the same in a clause.
      better: 1 if more is better, -1 if less is, 0 if it should be near 1.
      value: of scored targets; NaN where they do not define it. None: TFMA computes it otherwise.
      replicas: how it moves when users are drawn, for intervals; None: it has none, and nothing is
        decided by it. Users are numbers from 0.
      most: its largest value; the least is 0.
      within_users: whether it ranks within lists (`lists`), so that its protocol is told beside it.
      of_rate: whether it speaks of the click rate, which drawn negatives make up.
      main: whether it is among the few numbers that are shown first.
    """

    name: str
    label: str
    meaning: str
    better: int
    value: Callable[[Predictions], float] | None
    replicas: Callable[[Predictions], Replicas] | None = None
    most: float = 1.0
    within_users: bool = False
    of_rate: bool = False
    main: bool = False

    def labelled(self, protocol: Protocol, drawn: int = 0) -> str:
        """Its name for people, with what must be known of how it was measured.

        Args:
          protocol: of metrics within users.
          drawn: negatives drawn for each positive; 0: labels are the log's.
        """
        if self.within_users:
            return f"{self.label} ({lists.SHORT[protocol]})"
        return f"{self.label} (drawn negatives)" if self.of_rate and drawn else self.label

    def explained(self, protocol: Protocol, drawn: int = 0) -> str:
        """Its meaning, likewise."""
        parts = [self.meaning]
        if self.within_users:
            parts.append(lists.MEANING[protocol])
        if drawn:
            parts.append(of_drawn(drawn) if self.of_rate else f"among {_negatives(drawn)}")
        return "; ".join(parts)


def of_drawn(drawn: int) -> str:
    """What drawn negatives do to a metric of the click rate."""
    return f"of a mixture with {_negatives(drawn)}, which says nothing of real click rates"


def _negatives(drawn: int) -> str:
    return f"negatives that were drawn, {drawn} for each positive"


def _within(
    name: str, label: str, meaning: str, sums: Callable[[Ranking], Sums], main: bool = False
) -> Metric:
    """A metric within lists, which is a ratio of sums over users; more is better."""

    def of_users(predictions: Predictions) -> Sums:
        if predictions.ranking is not None:
            return sums(predictions.ranking)
        users = len(np.unique(predictions.users))
        return np.full(users, np.nan), np.ones(users)

    def value(predictions: Predictions) -> float:
        numerator, denominator = (side.sum() for side in of_users(predictions))
        return float(numerator / denominator) if denominator else float("nan")

    return Metric(
        name, label, meaning, 1, value, lambda predictions: replicas.ratio(of_users(predictions)),
        within_users=True, main=main,
    )  # fmt: skip


def _of_users(value: Callable[[Predictions], np.ndarray], over: str | None) -> Callable:
    """Replicas of the ratio of two weighted sums over targets, the lower of `over` or of ones.

    The latter stands on the users of the rarer label: of few clicks they alone move LogLoss, whose
    95 % interval held the truth in 87 % of cases with 10 of them.
    """

    def made(predictions: Predictions) -> Replicas:
        users, above = predictions.users, value(predictions)
        below = np.ones(len(users)) if over is None else getattr(predictions, over)
        if predictions.weights is not None:
            above, below = above * predictions.weights, below * predictions.weights
        made = replicas.ratio((np.bincount(users, above), np.bincount(users, below)))
        if over is not None:
            return made
        behind = replicas.users_of_both(predictions.labels > 0.5, users, predictions.weights)
        return made._replace(users=min(made.users, behind))

    return made


METRICS = {
    metric.name: metric
    for metric in (
        Metric(
            "auc", "AUC", "chance that a click outranks a non-click", 1,
            lambda p: metrics.auc(p.labels, p.scores, p.weights), replicas.auc, main=True,
        ),
        _within(
            "gauc", "GAUC", "the same within users, weighted by their targets", lists.gauc,
            main=True,
        ),
        _within("uauc", "UAUC", "the same within users, all weighing alike", lists.uauc),
        _within(
            "ndcg_at_10", "NDCG@10",
            "how near clicks are to the top ten places of their list, 1 is the best order",
            lists.ndcg,
        ),
        _within("mrr", "MRR", "mean of one over the place of a list's first click", lists.mrr),
        Metric(
            "logloss", "LogLoss", "mean cross-entropy, in nats", -1,
            lambda p: metrics.logloss(p.labels, p.scores, p.weights),
            _of_users(lambda p: metrics.log_losses(p.labels, p.scores), None),
            most=float("inf"), of_rate=True, main=True,
        ),
        Metric(
            "normalized_entropy", "Normalized entropy",
            "LogLoss over that of always predicting the click rate", -1,
            lambda p: metrics.normalized_entropy(p.labels, p.scores, p.weights),
            most=float("inf"), of_rate=True,
        ),
        Metric(
            "calibration", "Calibration", "predicted over observed clicks", 0,
            lambda p: metrics.calibration(p.labels, p.scores, p.weights),
            _of_users(lambda p: p.scores, "labels"),
            most=float("inf"), of_rate=True, main=True,
        ),
        Metric(
            "ece", "ECE", "mean distance of predicted from observed click rates, in 20 bins", -1,
            lambda p: metrics.ece(p.labels, p.scores, p.weights), of_rate=True,
        ),
        Metric(
            "gauc_over_time", "GAUC over time",
            "over all pairs of a user's targets: later ones see what came of earlier ones, so it "
            "is no measure of ranking; a rule without any knowledge can reach .6 and more", 1,
            lambda p: metrics.gauc_over_time(p.labels, p.scores, p.users, p.weights),
        ),
        Metric(
            "oracle_auc", "Oracle's AUC", "of the true click probability: no model can beat it", 1,
            None,
        ),
    )
}  # fmt: skip

REPLICAS = {name: made for name, metric in METRICS.items() if (made := metric.replicas) is not None}
# With intervals: what the gate, `compare` and studies may judge by.
JUDGED = tuple(REPLICAS)
# Those of them that have a direction: what two models can be better or worse in.
COMPARED = tuple(name for name in JUDGED if METRICS[name].better)
RANKING = tuple(name for name in COMPARED if not METRICS[name].of_rate)


def evaluate(predictions: Predictions, names: Iterable[str] | None = None) -> dict[str, float]:
    """Metrics by name; all that scored targets have, if no names are given."""
    chosen = METRICS if names is None else names
    found = {name: METRICS[name].value for name in chosen}
    return {name: value(predictions) for name, value in found.items() if value is not None}


def counts(predictions: Predictions) -> dict[str, float]:
    """What metrics stand on: all targets and users, and those of lists with both labels."""
    ranking = predictions.ranking
    lists_of = np.zeros(0, np.int64) if ranking is None else ranking.user
    return {
        "predictions": float(len(predictions.labels)),
        "users": float(len(np.unique(predictions.users))),
        "lists": float(len(lists_of)),
        "gauc_users": float(len(np.unique(lists_of))),
        "gauc_impressions": 0.0 if ranking is None else float(ranking.size.sum()),
    }


def name_checked(allowed: Iterable[str]) -> Callable[[str], str]:
    """Refuses a name that is not among `allowed`, for fields of configurations."""
    known = tuple(allowed)

    def check(name: str) -> str:
        if name not in known:
            raise ValueError(f"there is no such metric; there are {', '.join(known)}")
        return name

    return check
