"""`everlong bench gate`: the gate on planted cases, its intervals' coverage, and their cost.

Of each planted case the verdict is shown beside the one that it must get. Coverage is measured on
pairs of models that differ by nothing but chance: a 95 % interval should cover zero in 95 % of
them; the interval that ignores users does not. The exit status is 1 if a verdict is wrong.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from components.evaluator.gate.bootstrap import paired_bootstrap, unclustered_interval
from models.metrics import Predictions
from pipeline import result_file
from pipeline.bench.arguments import positive
from pipeline.config import load

if TYPE_CHECKING:
    from pipeline.bench import planted

SUMMARY = "the gate's verdicts on planted cases, the coverage of its intervals, their cost"
_COLUMNS = {"case": "case", "verdict": "verdict", "failed": "failed checks", "right": "right"}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--pairs",
        type=positive,
        default=500,
        metavar="N",
        help="pairs of equally good models behind the coverage (default: 500)",
    )
    parser.add_argument(
        "--predictions",
        type=positive,
        default=1_000_000,
        metavar="N",
        help="predictions that the cost is measured on, of a tenth as many users, with 1,000 "
        "replicas (default: 1000000)",
    )
    parser.add_argument(
        "--json", type=Path, metavar="FILE", help="write rows and all that made them to FILE"
    )


def execute(parsed: argparse.Namespace) -> int:
    from pipeline.bench import planted

    result_file.check_writable(parsed.json)
    config = load("demo", ["gate={}"])  # the defaults; a case adds its own
    rows = [_verdict(case, config.seed) for case in planted.cases()]
    print(result_file.table(rows, _COLUMNS))
    covered = _coverage(parsed.pairs, config.seed)
    cost = _cost(parsed.predictions, config.seed)
    for row in (*covered, cost):
        print(", ".join(f"{name} {value}" for name, value in row.items()))
    if parsed.json:
        result_file.write(parsed.json, config, [*rows, *covered, cost])
    return int(not all(row["right"] == "yes" for row in rows))


def _verdict(case: planted.Case, seed: int) -> dict[str, Any]:
    from components.evaluator.gate.judge import judge

    scored = case.make(seed)
    verdict = judge(scored, case.config, case.incompatible)
    failed = sorted({check.code for check in verdict.checks if not check.passed})
    right = verdict.blessed == case.blessed and set(failed) == case.codes
    return {
        "case": case.name,
        "verdict": "blessed" if verdict.blessed else "refused",
        "failed": ", ".join(failed) or "-",
        "right": "yes" if right else "NO",
        "targets": len(scored.labels),
        "gate": dict(case.gate),
        "sentence": verdict.sentence,
        "auc": verdict.to_json()["intervals"]["overall"].get("auc"),
    }


def _coverage(pairs: int, seed: int) -> list[dict[str, Any]]:
    """How often intervals of models that differ by chance alone cover zero."""
    covered = dict.fromkeys(("auc", "gauc", "auc, users ignored"), 0)
    for candidate, baseline in _pairs(pairs, seed):
        for name, found in paired_bootstrap(candidate, baseline).items():
            covered[name] += found.lower <= 0 <= found.upper
        lower, upper = unclustered_interval(candidate.labels, candidate.scores, baseline.scores)
        covered["auc, users ignored"] += lower <= 0 <= upper
    return [
        {"interval": name, "confidence": 0.95, "pairs": pairs, "covers_zero": count / pairs}
        for name, count in covered.items()
    ]


def _pairs(
    pairs: int, seed: int, users: int = 100, targets: int = 10
) -> Iterator[tuple[Predictions, Predictions]]:
    """Models that suit users to different degrees, either as well as the other on the whole."""
    random = np.random.default_rng(seed)
    user = np.repeat(np.arange(users), targets)
    for _ in range(pairs):
        labels = (random.random(len(user)) < 0.5).astype(float)
        taste = random.normal(size=users)[user]
        noise = random.normal(size=(2, len(user)))
        requests = np.zeros(len(user), np.int64)
        candidate, baseline = (
            Predictions(labels, labels * (1 + sign * taste) + of, user, requests)
            for sign, of in zip((1, -1), noise, strict=True)
        )
        yield candidate, baseline


def _cost(predictions: int, seed: int) -> dict[str, Any]:
    """Seconds of the intervals of AUC and GAUC between two models."""
    random = np.random.default_rng(seed)
    labels = (random.random(predictions) < 0.2).astype(float)
    scores = random.random((2, predictions)).astype(np.float32)
    users = random.integers(0, max(predictions // 10, 1), predictions)
    requests = np.zeros(predictions, np.int64)
    candidate, baseline = (Predictions(labels, of, users, requests) for of in scores)
    begun = time.monotonic()
    paired_bootstrap(candidate, baseline)
    seconds = round(time.monotonic() - begun, 2)
    return {
        "predictions": predictions,
        "replicas": 1000,
        "metrics": "auc, gauc",
        "seconds": seconds,
    }
