"""A comparison as tables: for the terminal, and as a page that opens anywhere."""

from __future__ import annotations

import math
from pathlib import Path

from plotly import graph_objects as go

from components.page import document, figures, words
from components.page.document import Cell, Table
from models.metric_table import JUDGED, METRICS
from pipeline.compare.compare import CONFIDENCE, Difference, Row, sentence
from pipeline.compare.targets import Matched

_TEMPLATE = Path(__file__).with_name("page.html.j2")
_PIXELS_A_SLICE = 24
NOTE = (
    "Intervals are paired and of draws of whole users: they tell of these two models, and not of "
    "what other seeds of their trainings would change. They are not corrected for the number of "
    "slices: of many, some leave out zero by chance."
)


def text(rows: list[Row], names: tuple[str, str], found: Matched) -> str:
    """One table for the terminal: all targets first, then slice by slice."""
    headings = ["", "targets", names[0], names[1], "difference", f"{CONFIDENCE:.0%} interval", "p"]
    lines = []
    for metric in JUDGED:
        cells = [[found.label(metric), *headings[1:]]]
        for row in rows:
            shown = [cell.text for cell in _cells(metric, row.metrics[metric])]
            cells.append([row.label, words.count(row.targets), *shown])
        widths = [max(len(line[i]) for line in cells) for i in range(len(headings))]
        for first, *rest in cells:
            numbers = (cell.rjust(width) for cell, width in zip(rest, widths[1:], strict=True))
            lines.append("  ".join([first.ljust(widths[0]), *numbers]))
        lines.append("")
    return "\n".join([*lines, NOTE])


def page(rows: list[Row], names: tuple[str, str], found: Matched, told: str) -> str:
    """One offline page: the sentence first, then `told`."""
    columns = [*names, "Difference", f"{CONFIDENCE:.0%} interval", "p"]
    overall = rows[0]
    by_metric = [[Cell(found.label(name)), *_cells(name, overall.metrics[name])] for name in JUDGED]
    slices = [
        Table(
            f"{found.label(name)} by slice",
            ["Slice", "Targets", *columns],
            [
                [
                    Cell(row.label),
                    Cell(words.count(row.targets), row.targets),
                    *_cells(name, row.metrics[name]),
                ]
                for row in rows[1:]
            ],
        )
        for name in JUDGED
    ]
    return document.render(
        _TEMPLATE,
        names=names,
        sentence=sentence(overall, names),
        matched=told,
        overall=Table("Metrics over all matched targets", ["Metric", *columns], by_metric),
        slices=slices if len(rows) > 1 else [],
        figure=_figure(rows),
        note=NOTE,
    )


def _cells(name: str, found: Difference) -> list[Cell]:
    tone = words.tone(METRICS[name].better, found.lower, found.upper)
    interval = f"{words.signed(found.lower)} to {words.signed(found.upper)}"
    return [
        Cell(words.decimals(found.a), found.a),
        Cell(words.decimals(found.b), found.b),
        Cell(words.signed(found.difference), found.difference, tone),
        Cell(interval if math.isfinite(found.lower) else "–", found.lower),
        Cell(words.decimals(found.p_value), found.p_value),
    ]


def _figure(rows: list[Row]) -> str | None:
    shown = [row for row in rows if math.isfinite(row.metrics["auc"].lower)][::-1]
    if not shown:
        return None
    found = [row.metrics["auc"] for row in shown]
    figure = go.Figure()
    figure.add_scatter(
        x=[d.difference for d in found],
        y=[figures.label(row.label) for row in shown],
        mode="markers",
        marker={"color": figures.CANDIDATE, "size": 8},
        error_x={
            "type": "data",
            "symmetric": False,
            "array": [d.upper - d.difference for d in found],
            "arrayminus": [d.difference - d.lower for d in found],
        },
        hovertemplate="%{x:+.4f}",
        showlegend=False,
    )
    figure.add_vline(x=0, line={"color": figures.FAINT, "dash": "dot"})
    figure.update_layout(xaxis={"nticks": 4})
    return figures.to_json(figure, height=120 + _PIXELS_A_SLICE * len(shown))
