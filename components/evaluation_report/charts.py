"""The report's charts, as plotly figures in JSON. A chart without data is None."""

from __future__ import annotations

import math
from typing import Any

from plotly import graph_objects as go

from components.evaluation_report import curves
from components.evaluation_report.collect import Findings
from components.page import figures
from components.scoring import slice_labels
from models import lists
from models.metric_table import METRICS, RANKING

_LOOKS = {
    "candidate": ("this model", figures.CANDIDATE, None),
    "baseline": ("latest blessed", figures.BASELINE, "dash"),
    "oracle": ("oracle", figures.SECOND, "dot"),
}
_MOST_VALUES = 40  # of a feature, that a chart can show
_MOST_NAMED = 24  # of them, that a phone has room to name; of more, plotly names every second
_FEW_TARGETS = 30


def roc(findings: Findings) -> str | None:
    """True against false positive rate of every model."""
    figure = go.Figure()
    for model, scores in findings.scores.items():
        name, color, dash = _LOOKS[model]
        if curve := curves.roc(findings.labels, scores, findings.weights):
            figures.line(figure, *curve, name, color, dash, markers=False)
    if not figure.data:
        return None
    _diagonal(figure, 1.0, "chance")
    figure.update_layout(
        xaxis={"title": "false positive rate", "range": [0, 1]},
        yaxis={"title": "true positive rate", "range": [0, 1.01]},
    )
    return figures.to_json(figure)


def calibration(findings: Findings) -> str | None:
    """Observed against predicted click rates, in bins of about equal weight."""
    figure, most = go.Figure(), 0.0
    for model, scores in findings.scores.items():
        name, color, dash = _LOOKS[model]
        if model != "oracle" and (
            curve := curves.calibration(findings.labels, scores, findings.weights)
        ):
            figures.line(figure, curve.score, curve.label, name, color, dash)
            most = max(most, float(curve.score.max()), float(curve.label.max()))
    if not figure.data:
        return None
    _diagonal(figure, most, "perfect")
    figure.update_layout(
        xaxis={"title": "predicted click rate", "rangemode": "tozero"},
        yaxis={"title": "observed click rate", "rangemode": "tozero"},
    )
    return figures.to_json(figure)


def distributions(findings: Findings) -> str | None:
    """Shares of the clicks and of the others, by score."""
    found = curves.distribution(findings.labels, findings.scores["candidate"], findings.weights)
    if found is None:
        return None
    figure = go.Figure()
    middle = (found.edges[1:] + found.edges[:-1]) / 2
    for name, shares, color in (
        ("not clicked", found.negatives, figures.BASELINE),
        ("clicked", found.positives, figures.CANDIDATE),
    ):
        figure.add_bar(
            x=middle.round(5).tolist(),
            y=shares.round(6).tolist(),
            name=name,
            marker={"color": color, "opacity": 0.55},
            hovertemplate="%{y:.2%}",
        )
    figure.update_layout(
        barmode="overlay",
        bargap=0.02,
        xaxis={"title": "predicted probability"},
        yaxis={"title": "share of the label's targets", "tickformat": ".0%"},
    )
    return figures.to_json(figure)


def by_slice(findings: Findings, feature: str) -> str | None:
    """AUC against the values of a feature, above the share of targets that have each.

    An AUC of a few targets is left out: it would stretch the axis, and says nothing.
    """
    found = [
        s
        for s in findings.slices
        if list(s.slice) == [feature] and s.candidate["predictions"] >= _FEW_TARGETS
    ]
    if not 1 < len(found) <= _MOST_VALUES:
        return None
    x = [figures.label(slice_labels.value_label(feature, s.slice[feature])) for s in found]
    total = sum(s.candidate["predictions"] for s in found)
    figure = go.Figure()
    figure.add_bar(
        x=x,
        y=[s.candidate["predictions"] / total for s in found],
        name="share of targets",
        yaxis="y2",
        marker_color=figures.BARS,
        hovertemplate="%{y:.1%}",
    )
    figures.line(figure, x, [s.candidate["auc"] for s in found], "this model", figures.CANDIDATE)
    intervals = [findings.intervals(s.slice).get("auc", {}) for s in found]
    figure.data[-1].error_y = {
        "type": "data",
        "symmetric": False,
        "array": [_reach(i, "candidate_upper", 1) for i in intervals],
        "arrayminus": [_reach(i, "candidate_lower", -1) for i in intervals],
        "width": 3,
        "thickness": 1,
    }
    if findings.overall.baseline:
        baseline = [s.baseline["auc"] for s in found]
        figures.line(figure, x, baseline, *_LOOKS["baseline"])
    if "oracle_auc" in findings.overall.candidate:
        oracle = [s.candidate["oracle_auc"] for s in found]
        figures.line(figure, x, oracle, *_LOOKS["oracle"])
    if not slice_labels.is_ordered(feature):
        figure.update_traces(mode="markers", selector={"type": "scatter"})
    figure.update_layout(
        xaxis={
            "title": slice_labels.feature_label(feature).lower(),
            "type": "category",
            "dtick": 1 if len(found) <= _MOST_NAMED else None,
        },
        yaxis={"title": "AUC", "overlaying": "y2", "tickmode": "auto"},
        yaxis2={"side": "right", "showgrid": False, "showticklabels": False, "range": [0, 1]},
    )
    return figures.to_json(figure)


def gsu_recall(training: dict[str, Any]) -> str | None:
    """How much of what exact attention reads each search brings back; see `models.gsu_recall`."""
    found = training.get("gsu_recall")
    if not found:
        return None
    figure = go.Figure()
    looks = (
        ("mass_kept", "attention kept, of the best K's", figures.CANDIDATE),
        ("overlap", "found of the heads' best", figures.SECOND),
        ("output_error", "error of the output", figures.BASELINE),
    )
    # Lying, so that names and numbers stay legible on a phone; from below, as plotly stacks them.
    for measure, name, color in reversed(looks):
        values = [of_unit[measure] for of_unit in found.values()][::-1]
        figure.add_bar(
            name=name,
            orientation="h",
            x=values,
            y=[unit.replace("_", " ") for unit in found][::-1],
            marker_color=color,
            hovertemplate="%{x:.1%}",
            text=[f"{value:.0%}" for value in values],
            textposition="outside",
            textangle=0,
            constraintext="none",
        )
    figure.update_layout(
        xaxis={"tickformat": ".0%"}, yaxis={"type": "category"}, legend_traceorder="reversed"
    )
    return figures.to_json(figure, 120 + 60 * len(found))


def losses(curve: list[dict[str, Any]]) -> str | None:
    """Training and validation loss by epoch."""
    series = (
        ("loss", "training", figures.CANDIDATE),
        ("validation_loss", "validation", figures.BASELINE),
    )
    return _epochs(curve, series, "loss")


def ranking(curve: list[dict[str, Any]]) -> str | None:
    """Main ranking metrics of the validation split by epoch."""
    names = [name for name in RANKING if METRICS[name].main]
    series = tuple(
        (f"validation_{name}", METRICS[name].label, color)
        for name, color in zip(names, (figures.CANDIDATE, figures.SECOND), strict=False)
    )
    return _epochs(curve, series, "AUC on validation")


def ranking_title(training: dict[str, Any]) -> str:
    """What `ranking` shows, with the protocol of metrics within users."""
    within = lists.SHORT.get(training.get("validation_protocol", ""))
    told = f" (within users: {within})" if within else ""
    return f"Ranking of the validation split by epoch{told}"


def _epochs(
    curve: list[dict[str, Any]], series: tuple[tuple[str, str, str], ...], title: str
) -> str | None:
    figure = go.Figure()
    for key, name, color in series:
        points = [(e["epoch"], e[key]) for e in curve if e.get(key) is not None]
        if points:
            epochs, values = zip(*points, strict=True)
            figures.line(figure, epochs, values, name, color)
    if not figure.data:
        return None
    figure.update_layout(xaxis={"title": "epoch", "dtick": max(1, len(curve) // 10)})
    figure.update_layout(yaxis={"title": title})
    return figures.to_json(figure)


def _diagonal(figure: go.Figure, most: float, name: str) -> None:
    ends = [0.0, most]
    figures.line(figure, ends, ends, name, figures.FAINT, "dot", markers=False)
    figure.data[-1].hoverinfo = "skip"
    figure.data[-1].hovertemplate = None


def _reach(interval: dict[str, Any], end: str, sign: int) -> float:
    if interval.get(end) is None or not math.isfinite(interval[end]):
        return 0.0
    return max(sign * (interval[end] - interval["candidate"]), 0.0)
