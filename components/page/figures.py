"""The look that Everlong's charts share: plotly figures as JSON for the macro `chart`."""

from __future__ import annotations

import html
import json
from typing import Any

from plotly import graph_objects as go

CANDIDATE, BASELINE, SECOND = "#1d4ed8", "#b45309", "#0f766e"
BARS, FAINT = "#dbe3ee", "#9aa5b1"
_INK, _GRID = "#1f2933", "#e6eaef"


def line(
    figure: go.Figure,
    x: Any,
    y: Any,
    name: str,
    color: str,
    dash: str | None = None,
    markers: bool = True,
) -> None:
    """Adds a line; numbers are rounded to what a chart can show."""
    figure.add_scatter(
        x=_rounded(x),
        y=_rounded(y),
        name=name,
        mode="lines+markers" if markers else "lines",
        line={"color": color, "width": 2, "dash": dash},
        marker={"size": 7},
        hovertemplate="%{y:.4f}",
    )


def label(text: str) -> str:
    """A name that comes from the user, as plotly shows it unchanged: it would read marks in it."""
    return html.escape(text, quote=False)


def to_json(figure: go.Figure, height: int = 340) -> str:
    """The figure as the macro `chart` takes it, safe within a page."""
    figure.update_layout(
        template="none",
        autosize=True,
        height=height,
        margin={"l": 56, "r": 8, "t": 32, "b": 48},
        font={"family": "system-ui, sans-serif", "size": 13, "color": _INK},
        paper_bgcolor="rgba(0,0,0,0)",
        plot_bgcolor="rgba(0,0,0,0)",
        hovermode="x unified",
        legend={"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0},
    )
    # The standoff keeps a title clear of slanted labels.
    figure.update_xaxes(showgrid=False, linecolor=_GRID, automargin=True, title_standoff=10)
    figure.update_yaxes(gridcolor=_GRID, zeroline=False, automargin=True)
    # The template of plotly's own is as long as all the rest, and is not needed.
    content = json.loads(figure.to_json())
    content["layout"].pop("template", None)
    return json.dumps(content).replace("<", "\\u003c")


def _rounded(values: Any) -> list[Any]:
    return [round(float(v), 5) if isinstance(v, float) else v for v in values]
