"""Writes the page: the verdict first, then what it rests on."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import jinja2
import plotly.offline
import yaml

from components.evaluation_report import charts, tables, words
from components.evaluation_report.collect import Findings

_FOLDER = Path(__file__).parent


class Card(NamedTuple):
    """A number to be seen first."""

    label: str
    value: str
    note: str
    tone: str = ""


def render(findings: Findings) -> str:
    """The page as one HTML text that needs nothing from elsewhere."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(_FOLDER),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    features = list(dict.fromkeys(name for s in findings.slices for name in s.slice))
    curve = findings.training["curve"]
    return environment.get_template("page.html.j2").render(
        findings=findings,
        cards=_cards(findings),
        tables=tables,
        slice_charts=[
            (words.feature_label(name), charts.by_slice(findings.slices, name)) for name in features
        ],
        losses=charts.losses(curve),
        ranking=charts.ranking(curve),
        coverage=_coverage(findings),
        training=_training(findings),
        config=yaml.safe_dump(findings.config, sort_keys=False),
        style=(_FOLDER / "style.css").read_text(encoding="utf-8"),
        script=(_FOLDER / "page.js").read_text(encoding="utf-8"),
        plotly=plotly.offline.get_plotlyjs(),
    )


def _cards(findings: Findings) -> list[Card]:
    overall = findings.overall
    cards = []
    for name in ("auc", "gauc", "logloss", "calibration"):
        metric, value = words.METRICS[name], overall.candidate[name]
        if overall.baseline:
            difference = tables.difference(overall, name)
            card = Card(
                metric.label,
                words.decimals(value),
                f"{difference.text} against the latest blessed model",
                difference.tone,
            )
        else:
            card = Card(metric.label, words.decimals(value), metric.meaning)
        cards.append(card)
    oracle = overall.candidate.get("oracle_auc")
    if oracle is not None:
        reached = (overall.candidate["auc"] - 0.5) / (oracle - 0.5)
        note = f"of the way from chance to the oracle's AUC, {oracle:.4f}"
        cards.append(Card("Learned", f"{reached:.1%}", note))
    return cards


def _coverage(findings: Findings) -> str:
    values = findings.overall.candidate
    return (
        f"GAUC stands on {words.count(values['gauc_users'])} of {words.count(values['users'])} "
        f"users, those with clicks and non-clicks, and with them on "
        f"{words.share(values['gauc_impressions'], values['predictions'])} of the "
        f"{words.count(values['predictions'])} targets."
    )


def _training(findings: Findings) -> dict[str, str]:
    training = findings.training
    return {
        "Targets per second": words.count(training["targets_per_second"]),
        "Steps": words.count(training["steps"]),
        "Seconds": words.count(training["seconds"]),
        "Peak memory": f"{words.count(training['peak_memory_mib'])} MiB",
    }
