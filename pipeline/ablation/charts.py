"""A study's charts, as plotly figures in JSON. A chart without data is None."""

from __future__ import annotations

from collections.abc import Sequence

from plotly import graph_objects as go

from components.page import figures
from pipeline.ablation.outcome import Row

_PALETTE = (
    "#1d4ed8", "#b45309", "#0f766e", "#7c3aed", "#be123c",
    "#4d7c0f", "#0e7490", "#a16207", "#475569", "#c026d3",
)  # fmt: skip


_ROW = 26  # pixels that a row of a chart takes


def differences(rows: Sequence[Row], metric: str) -> str | None:
    """Each variant's difference from its reference, with its interval."""
    found = [(row, row.differences[metric].interval) for row in rows if metric in row.differences]
    if not found:
        return None
    figure = go.Figure()
    figure.add_vline(x=0, line={"color": figures.BASELINE, "width": 1})
    figure.add_scatter(
        x=[interval.estimate for _, interval in found],
        y=[figures.label(row.case.name) for row, _ in found],
        error_x={
            "type": "data",
            "symmetric": False,
            "array": [interval.upper - interval.estimate for _, interval in found],
            "arrayminus": [interval.estimate - interval.lower for _, interval in found],
        },
        mode="markers",
        marker={"size": 9, "color": figures.CANDIDATE},
        hovertemplate="%{y}: %{x:+.4f}<extra></extra>",
    )
    figure.update_layout(showlegend=False, yaxis={"autorange": "reversed"})
    return figures.to_json(figure, _height(len(found)))


def oracle_shares(rows: Sequence[Row]) -> str | None:
    """How much of the oracle's lift over chance each variant reaches, a bar each."""
    found = [(row.case.name, row.oracle_share) for row in rows if row.results]
    found = [(name, share) for name, share in found if share is not None]
    if not found:
        return None
    figure = go.Figure()
    figure.add_bar(
        x=[share for _, share in found],
        y=[figures.label(name) for name, _ in found],
        orientation="h",
        marker_color=figures.SECOND,
        hovertemplate="%{y}: %{x:.1%}<extra></extra>",
    )
    figure.update_layout(xaxis={"tickformat": ".0%"}, yaxis={"autorange": "reversed"})
    return figures.to_json(figure, _height(len(found)))


def curves(rows: Sequence[Row]) -> str | None:
    """AUC of the validation split by epoch, mean over seeds."""
    figure = go.Figure()
    for place, row in enumerate(row for row in rows if row.results):
        epochs = list(range(1, len(row.curve) + 1))
        color = _PALETTE[place % len(_PALETTE)]
        figures.line(figure, epochs, row.curve, figures.label(row.case.name), color)
    if not figure.data:
        return None
    figure.update_layout(xaxis={"title": "epoch", "dtick": 1}, yaxis={"title": "AUC on validation"})
    # On a phone each name is a line of the legend.
    return figures.to_json(figure, 300 + _ROW * len(figure.data))


def _height(rows: int) -> int:
    return max(340, 100 + _ROW * rows)
