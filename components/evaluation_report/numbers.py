"""`metrics.json`: the numbers of the page, for programs."""

from __future__ import annotations

import json
from typing import Any

from components.evaluation_report import curves
from components.evaluation_report.collect import Findings
from components.evaluator.tfma.read import SliceMetrics
from models.json_text import without_nan

# Facts of `gate.json`: what was judged, how intervals were made, and how long it all took.
_EVALUATION = (
    "targets",
    "users",
    "effective_users",
    "protocol",
    "drawn_negatives",
    "confidence",
    "replicas",
    "seconds",
)


def numbers(findings: Findings) -> dict[str, Any]:
    """The numbers of the report as plain JSON; one that is not defined is null."""
    return without_nan(
        {
            "name": findings.name,
            "blessed": findings.blessed,
            "sentence": findings.gate["sentence"],
            "reasons": findings.gate["reasons"],
            "evaluation": {name: findings.gate[name] for name in _EVALUATION},
            "overall": _compared(findings, findings.overall),
            "slices": [{"slice": s.slice, **_compared(findings, s)} for s in findings.slices[1:]],
            "curves": {
                name: _curves(findings.labels, scores, findings.weights)
                for name, scores in findings.scores.items()
            },
            "training": findings.training,
            "examples": findings.counts,
            "anomalies": findings.anomalies,
            "distances_from_train": [d._asdict() for d in findings.distances],
            "model_bytes": findings.model_bytes,
            "lineage": findings.lineage,
            "config": findings.config,
        }
    )


def numbers_text(findings: Findings) -> str:
    """The same as the text of `metrics.json`."""
    return json.dumps(numbers(findings), indent=2, allow_nan=False, ensure_ascii=False) + "\n"


def _compared(findings: Findings, metrics: SliceMetrics) -> dict[str, Any]:
    shared = [name for name in metrics.candidate if name in metrics.baseline]
    return {
        "candidate": metrics.candidate,
        "baseline": metrics.baseline,
        "difference": {name: metrics.candidate[name] - metrics.baseline[name] for name in shared},
        "intervals": {
            name: value
            for name, value in findings.intervals(metrics.slice).items()
            if isinstance(value, dict) and name != "slice"
        },
    }


def _curves(labels: Any, scores: Any, weights: Any) -> dict[str, Any]:
    found = {
        "roc": curves.roc(labels, scores, weights),
        "calibration": curves.calibration(labels, scores, weights),
        "distribution": curves.distribution(labels, scores, weights),
    }
    return {
        name: curve and {field: values.tolist() for field, values in curve._asdict().items()}
        for name, curve in found.items()
    }
