"""The look that Everlong's pages share: one HTML text that needs nothing from elsewhere.

A page is a Jinja template that extends `layout.html.j2` and takes `table` and `chart` from
`macros.html.j2`.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import jinja2
import plotly.offline

_FOLDER = Path(__file__).parent


class Cell(NamedTuple):
    """A cell of a table.

    Attributes:
      text: what is shown.
      key: of a number, what it sorts by; None: it is text.
      tone: "better" or "worse" colours it, "faint" steps back.
    """

    text: str
    key: float | None = None
    tone: str = ""


class Table(NamedTuple):
    """What the macro `table` writes; the first column holds the row's name."""

    caption: str
    columns: list[str]
    rows: list[list[Cell]]


def render(template: Path, **content: Any) -> str:
    """The page as one HTML text; what comes from the user is escaped.

    Args:
      template: file that extends `layout.html.j2`.
      content: what the template names.
    """
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader([template.parent, _FOLDER]),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template(template.name).render(
        style=(_FOLDER / "style.css").read_text(encoding="utf-8"),
        script=(_FOLDER / "page.js").read_text(encoding="utf-8"),
        plotly=plotly.offline.get_plotlyjs(),
        **content,
    )
