"""A study's results as files: JSON with all that made them, CSV, Markdown, and a page."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Sequence
from pathlib import Path

from components.page import document, words
from components.page.document import Cell, Table
from models import lists
from models.json_text import without_nan
from models.metric_table import COMPARED, METRICS, RANKING, of_drawn
from pipeline import result_file
from pipeline.ablation import charts
from pipeline.ablation.compare import CONFIDENCE, REPLICAS
from pipeline.ablation.outcome import Row
from pipeline.ablation.study import Study
from pipeline.config import Config
from pipeline.pipeline import drawn_negatives
from pipeline.result_file import write_atomically

_PAGE = Path(__file__).parent / "page.html.j2"
# Whose differences tables show; files and charts have all of them.
_SHOWN = tuple(name for name in RANKING if METRICS[name].main)
METHOD = (
    "Metrics are means over seeds on the eval split, ± their standard deviation; every run is "
    "judged with the weights of its best epoch by validation. A difference is the mean over seeds "
    "of variant minus reference, of equal seeds on equal targets. Its interval, "
    f"{CONFIDENCE:.0%}, comes from {REPLICAS:,} replicas that draw users with Poisson weights and "
    "what other seeds would change, by Student's t and by how far the study's runs are from the "
    "means of their variant and their seed; p is two-sided, not below "
    f"{2 / (REPLICAS + 1):.3f}, and Holm's adjusts it for all comparisons of the study in that "
    "metric. Intervals of a single seed tell of other users only, and those of a variant whose seeds "
    "differ far more than the others' are too narrow."
)


def write(
    folder: Path,
    name: str,
    study: Study,
    rows: Sequence[Row],
    config: Config,
    workers: dict[str, int],
) -> None:
    """Writes `results.json`, `.csv`, `.md` and `.html` into a folder.

    Args:
      folder: made if it does not exist.
      name: of the study.
      study: what was asked.
      rows: the answer.
      config: that all variants start from.
      workers: processes and threads of each, which times depend on.
    """
    folder.mkdir(parents=True, exist_ok=True)
    records = [
        {"study": name, "overrides": study.overrides(row.case.data, row.case.variant)}
        | workers
        | row.record()
        for row in rows
    ]
    result_file.write(folder / "results.json", config, [without_nan(record) for record in records])
    write_atomically(folder / "results.csv", _csv(records))
    tables = {"Accuracy": accuracy(rows), "Cost": cost(rows, workers)}
    failures = [
        f"{row.case.name}, seed {seed}: {reason}"
        for row in rows
        for seed, reason in row.failures.items()
    ]
    told = [*findings(rows), *(f"FAILED: {failure}" for failure in failures)]
    tables_told = tables | {"Learning": learning(rows)}
    markdown = _markdown(name, study, tables_told, told, method(rows))
    write_atomically(folder / "results.md", markdown)
    page = document.render(
        _PAGE,
        name=name,
        study=study,
        config=config,
        findings=findings(rows),
        tables=tables,
        method=method(rows),
        differences=[(_heading(name, rows), charts.differences(rows, name)) for name in COMPARED],
        curves=charts.curves(rows),
        shares=charts.oracle_shares(rows),
        failures=failures,
    )
    write_atomically(folder / "results.html", page)


def findings(rows: Sequence[Row]) -> list[str]:
    """What can be told apart in AUC, in sentences, the largest difference first."""
    compared = [row for row in rows if "auc" in row.differences]
    compared.sort(key=lambda row: -abs(row.differences["auc"].interval.estimate))
    told = [row for row in compared if row.differences["auc"].p_holm < 1 - CONFIDENCE]
    sentences = []
    for row in told:
        found = row.differences["auc"].interval
        sentences.append(
            f"{row.case.name}: AUC {words.signed(found.estimate)} "
            f"[{words.signed(found.lower)}, {words.signed(found.upper)}] against "
            f"{', '.join(filter(None, reversed(row.case.reference)))}."
        )
    rest = [row.case.name for row in compared if row not in told]
    if rest:
        sentences.append(f"Not told apart from the reference in AUC: {'; '.join(rest)}.")
    if any(len(row.results) == 1 for row in compared):
        sentences.append("Of a single seed: another may change more than these intervals tell.")
    return sentences


def accuracy(rows: Sequence[Row]) -> Table:
    """Metrics over seeds, and the difference from the reference."""
    oracle = any(row.oracle_auc is not None for row in rows)
    columns = ["Variant", *(_label(name, rows) for name in COMPARED)]
    columns += ["Of the oracle's lift"] if oracle else []
    for name in _SHOWN:
        columns += [f"{_label(name, rows)} difference", f"{CONFIDENCE:.0%} interval", "Holm's p"]
    lines = []
    for row in rows:
        line = [Cell(row.case.name)]
        line += [_mean(row, name) for name in COMPARED]
        if oracle:
            share = row.oracle_share if row.oracle_share is not None else math.nan
            line.append(Cell("–" if math.isnan(share) else f"{share:.1%}", share))
        line += [cell for name in _SHOWN for cell in _difference(row, name)]
        lines.append(line)
    return Table("Accuracy on the eval split", columns, lines)


def cost(rows: Sequence[Row], workers: dict[str, int]) -> Table:
    """What training took, with so many processes at a time and threads of each."""
    lines = [
        [
            Cell(row.case.name),
            *[
                Cell(words.count(value) if math.isfinite(value) else "–", value)
                for value in (
                    row.training("seconds"),
                    row.training("targets_per_second"),
                    row.peak_memory_mib,
                    math.nan if row.parameters is None else row.parameters,
                )
            ],
        ]
        for row in rows
    ]
    columns = ["Variant", "Training, s", "Targets/s", "Peak memory, MiB", "Parameters"]
    shared = f"{workers['workers']} at a time, threads each: {workers['threads']}"
    return Table(f"Cost of a run, mean over seeds (memory: the most); {shared}", columns, lines)


def learning(rows: Sequence[Row]) -> Table:
    """When a variant was at its best."""
    lines = [
        [
            Cell(row.case.name),
            Cell(", ".join(map(str, row.best_epochs))),
            Cell(" → ".join(words.decimals(value) for value in row.curve)),
        ]
        for row in rows
    ]
    columns = ["Variant", "Best epochs", "AUC by epoch"]
    return Table("AUC of the validation split, mean over seeds", columns, lines)


def text(rows: Sequence[Row]) -> str:
    """The results for a terminal."""
    labels = {name: _label(name, rows) for name in COMPARED}
    columns = {
        "variant": "variant", "auc": labels.pop("auc"), "auc_spread": "±", **labels,
        "difference": "AUC difference", "p": "Holm's p", "seconds": "s", "rate": "targets/s",
    }  # fmt: skip
    lines = []
    for row in rows:
        found = row.differences.get("auc")
        lines.append(
            {
                "variant": row.case.name,
                **{name: words.decimals(row.mean(name)) for name in COMPARED},
                "auc_spread": words.decimals(row.spread("auc")),
                "difference": "reference" if row.case.is_reference else "–",
                "p": "",
                "seconds": words.decimals(row.training("seconds"), 0),
                "rate": words.decimals(row.training("targets_per_second"), 0),
            }
        )
        if found:
            lines[-1]["difference"] = (
                f"{words.signed(found.interval.estimate)} "
                f"[{words.signed(found.interval.lower)}, {words.signed(found.interval.upper)}]"
            )
            lines[-1]["p"] = words.decimals(found.p_holm, 3)
    return result_file.table(lines, columns)


def _difference(row: Row, name: str) -> list[Cell]:
    found = row.differences.get(name)
    if found is None:
        blank = "reference" if row.case.is_reference else "–"
        return [Cell(blank, math.nan)] + [Cell("–", math.nan)] * 2
    interval = found.interval
    tone = ""
    if found.p_holm < 1 - CONFIDENCE:
        tone = words.tone(METRICS[name].better, interval.lower, interval.upper)
    return [
        Cell(words.signed(interval.estimate), interval.estimate, tone),
        Cell(f"{words.signed(interval.lower)} to {words.signed(interval.upper)}", interval.lower),
        Cell(words.decimals(found.p_holm, 3), found.p_holm),
    ]


def _mean(row: Row, name: str) -> Cell:
    """A metric over seeds, with its standard deviation if there are several."""
    mean, spread = row.mean(name), row.spread(name)
    more = f" ± {words.decimals(spread)}" if math.isfinite(spread) else ""
    return Cell(words.decimals(mean) + more, mean)


def method(rows: Sequence[Row]) -> str:
    """How all of it was measured."""
    parts = [METHOD]
    for protocol in dict.fromkeys(row.protocol for row in rows):
        parts.append(
            f"Metrics within users are of {lists.SHORT[protocol]}: {lists.MEANING[protocol]}."
        )
    for drawn in dict.fromkeys(drawn_negatives(row.case.config) for row in rows):
        if drawn:
            parts.append(
                f"Negatives were drawn, {drawn} for each positive: ranking is among these, and "
                f"LogLoss is {of_drawn(drawn)}."
            )
    return " ".join(parts)


def _label(name: str, rows: Sequence[Row]) -> str:
    """What a metric is called; data sets may differ in protocol, which `method` then tells."""
    protocols = {row.protocol for row in rows}
    metric = METRICS[name]
    return metric.labelled(protocols.pop()) if len(protocols) == 1 else metric.label


def _heading(name: str, rows: Sequence[Row]) -> str:
    side = "more" if METRICS[name].better > 0 else "less"
    return f"{_label(name, rows)}, variant minus reference: {side} is better"


def _csv(records: Sequence[dict]) -> str:
    names = list(dict.fromkeys(name for record in records for name in record))
    names = [name for name in names if name not in ("overrides", "failures")]
    file = io.StringIO()
    writer = csv.DictWriter(file, names, lineterminator="\n")
    writer.writeheader()
    for record in records:
        writer.writerow(
            {
                name: " ".join(map(str, value)) if isinstance(value, list) else value
                for name, value in record.items()
                if name in names
            }
        )
    return file.getvalue()


def _markdown(
    name: str, study: Study, tables: dict[str, Table], told: Sequence[str], how: str
) -> str:
    lines = [f"# {name}", "", study.question, ""]
    lines += [*(f"- {sentence}" for sentence in told), "", how, ""]
    for title, table in tables.items():
        lines += [f"## {title}", "", f"{table.caption}.", "", f"| {' | '.join(table.columns)} |"]
        numbers = [cell.key is not None for cell in table.rows[0]]
        lines.append("|" + "|".join("--:" if number else "---" for number in numbers) + "|")
        lines += [f"| {' | '.join(cell.text for cell in row)} |" for row in table.rows]
        lines.append("")
    return "\n".join(lines)
