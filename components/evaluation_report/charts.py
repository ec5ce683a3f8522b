"""The report's charts, as plotly figures in JSON. A chart without data is None."""

from __future__ import annotations

import json
from typing import Any

from plotly import graph_objects as go

from components.evaluation_report import words
from components.evaluator.reasons import SliceMetrics

_CANDIDATE, _BASELINE, _SECOND, _BARS = "#1d4ed8", "#b45309", "#0f766e", "#dbe3ee"
_INK, _GRID = "#1f2933", "#e6eaef"


def by_slice(slices: list[SliceMetrics], feature: str) -> str | None:
    """AUC against the values of a feature, above the share of targets that have each."""
    found = [s for s in slices if list(s.slice) == [feature]]
    if not found:
        return None
    x = [words.value_label(feature, s.slice[feature]) for s in found]
    total = sum(s.candidate["predictions"] for s in found)
    figure = go.Figure()
    figure.add_bar(
        x=x,
        y=[s.candidate["predictions"] / total for s in found],
        name="share of targets",
        yaxis="y2",
        marker_color=_BARS,
        hovertemplate="%{y:.1%}",
    )
    _line(figure, x, [s.candidate["auc"] for s in found], "this model", _CANDIDATE)
    if found[0].baseline:
        baseline = [s.baseline["auc"] for s in found]
        _line(figure, x, baseline, "latest blessed", _BASELINE, dash="dash")
    if "oracle_auc" in found[0].candidate:
        oracle = [s.candidate["oracle_auc"] for s in found]
        _line(figure, x, oracle, "oracle", _SECOND, dash="dot")
    figure.update_layout(
        xaxis={"title": words.feature_label(feature).lower(), "type": "category"},
        yaxis={"title": "AUC", "overlaying": "y2", "tickmode": "auto"},
        yaxis2={"side": "right", "showgrid": False, "showticklabels": False, "range": [0, 1]},
    )
    return _json(figure)


def losses(curve: list[dict[str, Any]]) -> str | None:
    """Training and validation loss by epoch."""
    series = (("loss", "training", _CANDIDATE), ("validation_loss", "validation", _BASELINE))
    return _curve(curve, series, "loss")


def ranking(curve: list[dict[str, Any]]) -> str | None:
    """Validation AUC and GAUC by epoch."""
    series = (("validation_auc", "AUC", _CANDIDATE), ("validation_gauc", "GAUC", _SECOND))
    return _curve(curve, series, "AUC on validation")


def _curve(
    curve: list[dict[str, Any]], series: tuple[tuple[str, str, str], ...], title: str
) -> str | None:
    figure = go.Figure()
    for key, name, color in series:
        points = [(e["epoch"], e[key]) for e in curve if e.get(key) is not None]
        if points:
            _line(figure, *zip(*points, strict=True), name, color)
    if not figure.data:
        return None
    figure.update_layout(xaxis={"title": "epoch", "dtick": max(1, len(curve) // 10)})
    figure.update_layout(yaxis={"title": title})
    return _json(figure)


def _line(
    figure: go.Figure, x: Any, y: Any, name: str, color: str, dash: str | None = None
) -> None:
    figure.add_scatter(
        x=x,
        y=y,
        name=name,
        mode="lines+markers",
        line={"color": color, "width": 2, "dash": dash},
        marker={"size": 7},
        hovertemplate="%{y:.4f}",
    )


def _json(figure: go.Figure) -> str:
    figure.update_layout(
        template="none",
        autosize=True,
        height=340,
        margin={"l": 56, "r": 8, "t": 32, "b": 48},
        font={"family": "system-ui, sans-serif", "size": 13, "color": _INK},
        paper_bgcolor="rgba(0,0,0,0)",
        plot_bgcolor="rgba(0,0,0,0)",
        hovermode="x unified",
        legend={"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0},
    )
    figure.update_xaxes(showgrid=False, linecolor=_GRID, automargin=True)
    figure.update_yaxes(gridcolor=_GRID, zeroline=False, automargin=True)
    # The template of plotly's own is as long as all the rest, and is not needed.
    content = json.loads(figure.to_json())
    content["layout"].pop("template", None)
    return json.dumps(content).replace("<", "\\u003c")
