"""Writes the page: the verdict first, then what it rests on."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from components.evaluation_report import charts, tables
from components.evaluation_report.collect import Findings
from components.page import document, words
from components.scoring import slice_labels
from models import lists
from models.metric_table import METRICS, of_drawn
from models.metrics import lift_share

_TEMPLATE = Path(__file__).with_name("page.html.j2")


class Card(NamedTuple):
    """A number to be seen first."""

    label: str
    value: str
    note: str
    tone: str = ""


def page(findings: Findings, metrics: str) -> str:
    """The page as one HTML text that needs nothing from elsewhere.

    Args:
      findings: what it tells.
      metrics: path of the file with its numbers.
    """
    names = dict.fromkeys(name for s in findings.slices for name in s.slice)
    features = sorted(names, key=slice_labels.feature_rank)
    curve = findings.training["curve"]
    return document.render(
        _TEMPLATE,
        findings=findings,
        cards=_cards(findings),
        tables=tables,
        charts=charts,
        slice_charts=[
            (slice_labels.feature_label(name), charts.by_slice(findings, name)) for name in features
        ],
        losses=charts.losses(curve),
        ranking=charts.ranking(curve),
        coverage=_coverage(findings),
        meanings=[
            (findings.label(name), metric.explained(findings.protocol, findings.drawn))
            for name, metric in METRICS.items()
            if name in findings.overall.candidate
        ],
        ranking_title=charts.ranking_title(findings.training),
        costs=_costs(findings),
        gsu_recall=charts.gsu_recall(findings.training),
        config=yaml.safe_dump(findings.config, sort_keys=False, allow_unicode=True),
        metrics_file=metrics,
    )


def _cards(findings: Findings) -> list[Card]:
    overall = findings.overall
    cards = []
    for name, metric in METRICS.items():
        if not metric.main or (metric.of_rate and findings.drawn):
            continue
        value = overall.candidate[name]
        note, tone = metric.explained(findings.protocol, findings.drawn), ""
        if overall.baseline:
            change = tables.difference(findings, overall, name)
            note, tone = f"{change.text} against the latest blessed model", change.tone
        cards.append(Card(findings.label(name), words.decimals(value), note, tone))
    oracle = overall.candidate.get("oracle_auc", math.nan)
    reached = lift_share(overall.candidate["auc"], oracle)
    if math.isfinite(reached):
        note = f"of the way from chance to the oracle's AUC, {oracle:.4f}"
        cards.append(Card("Learned", f"{reached:.1%}", note))
    return cards


def _coverage(findings: Findings) -> str:
    values = findings.overall.candidate
    drawn = ""
    if findings.drawn:
        drawn = (
            f"Negatives were drawn, {findings.drawn} for each positive: ranking is among these, "
            f"and LogLoss and calibration are {of_drawn(findings.drawn)}. "
        )
    return drawn + (
        f"{findings.label('gauc')}: {lists.MEANING[findings.protocol]}. It stands on "
        f"{words.count(values['gauc_users'])} of {words.count(values['users'])} users, those with "
        f"lists of clicks and non-clicks, and with them on "
        f"{words.share(values['gauc_impressions'], values['predictions'])} of the "
        f"{words.count(values['predictions'])} targets. Intervals are of "
        f"{findings.gate['replicas']:,} draws of whole users: targets of one user are not "
        f"independent, and an interval that ignores users is too narrow where they differ."
    )


def _costs(findings: Findings) -> dict[str, str]:
    training, counts = findings.training, findings.counts
    costs = {
        "Training": f"{words.count(training['targets_per_second'])} targets per second",
        "Steps": words.count(training["steps"]),
        "Training time": words.seconds(training["seconds"]),
        **_compiling(training),
        "Peak memory": f"{words.count(training['peak_memory_mib'])} MiB",
        "Exported model": f"{findings.model_bytes / 2**20:,.1f} MiB",
    }
    if "jit_compile" in training:
        costs["Device"] = training["jit_compile"]["device"]
    if counts.get("seconds"):
        rate = counts["rows"] / counts["seconds"]
        costs["Ingestion"] = f"{words.count(rate)} rows per second"
    if findings.gate.get("seconds"):
        rate = findings.gate["targets"] / findings.gate["seconds"]
        costs["Evaluation"] = f"{words.count(rate)} targets per second"
    return costs


def _compiling(training: dict[str, Any]) -> dict[str, str]:
    if "compile_seconds" not in training:
        return {}
    return {"of it compiling": words.seconds(training["compile_seconds"])}
