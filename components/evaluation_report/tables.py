"""The report's tables: rows of text, with the numbers to sort them by."""

from __future__ import annotations

import math
from typing import NamedTuple

from tensorflow_metadata.proto.v0 import statistics_pb2

from components.evaluation_report import words
from components.evaluation_report.collect import Findings
from components.evaluator.reasons import SliceMetrics

_SLICE_METRICS = ("auc", "gauc", "logloss", "calibration")


class Cell(NamedTuple):
    """A cell: what is shown; of a number, what it sorts by."""

    text: str
    key: float | None = None
    tone: str = ""  # "better" or "worse"


class Table(NamedTuple):
    """A table; the first column holds the row's name."""

    caption: str
    columns: list[str]
    rows: list[list[Cell]]


def metrics(findings: Findings) -> Table:
    """Overall metrics of the candidate, and against the latest blessed model."""
    overall = findings.overall
    shown = {name: m for name, m in words.METRICS.items() if name in overall.candidate}
    rows = []
    for name, metric in shown.items():
        row = [Cell(metric.label), _number(overall.candidate[name])]
        if overall.baseline:
            row += [_number(overall.baseline[name]), difference(overall, name)]
        rows.append([*row, Cell(metric.meaning)])
    columns = ["Metric", "This model"]
    if overall.baseline:
        columns += ["Latest blessed", "Difference"]
    caption = "Metrics over all targets of the eval split"
    return Table(caption, [*columns, "Meaning"], rows)


def slices(findings: Findings) -> Table:
    """Every slice, the least AUC first."""
    total = findings.overall.candidate["predictions"]
    baseline = bool(findings.overall.baseline)
    rows = []
    for found in findings.slices[1:]:
        names = ", ".join(words.feature_label(feature) for feature in found.slice)
        values = ", ".join(words.value_label(*item) for item in found.slice.items())
        targets = found.candidate["predictions"]
        row = [Cell(f"{names}: {values}")]
        row += [Cell(words.count(targets), targets), Cell(words.share(targets, total), targets)]
        for name in _SLICE_METRICS:
            row.append(_number(found.candidate[name]))
            if baseline and name == "auc":
                row.append(difference(found, name))
        rows.append(row)
    rows.sort(key=lambda row: row[3].key if math.isfinite(row[3].key) else math.inf)
    columns = ["Slice", "Targets", "Share"]
    for name in _SLICE_METRICS:
        columns.append(words.METRICS[name].label)
        if baseline and name == "auc":
            columns.append("Difference")
    return Table("Metrics by slice; press a heading to sort", columns, rows)


def splits(findings: Findings) -> Table:
    """What each split holds."""
    rows = []
    for name, split in findings.counts["splits"].items():
        row = [Cell(name)]
        row += [
            Cell(words.count(split[key]), split[key]) for key in ("examples", "targets", "users")
        ]
        rate = split["positives"] / split["targets"] if split["targets"] else math.nan
        rows.append([*row, Cell(words.share(split["positives"], split["targets"]), rate)])
    return Table("Splits", ["Split", "Examples", "Targets", "Users", "Click rate"], rows)


def dropped(findings: Findings) -> Table:
    """Rows and targets that were not used, by reason."""
    counts = findings.counts
    rows = [
        [Cell(reason), Cell(words.count(n), n), Cell(words.share(n, counts["rows"]), n)]
        for reason, n in sorted(counts["dropped"].items(), key=lambda item: -item[1])
        if n
    ]
    caption = f"Dropped, of {words.count(counts['rows'])} rows in the log"
    return Table(caption, ["Reason", "Number", "Of all rows"], rows)


def features(findings: Findings) -> Table:
    """TFDV's statistics of every feature, split by split."""
    rows = []
    for split, statistics in findings.statistics.items():
        for feature in sorted(statistics.features, key=lambda f: f.path.step[0]):
            rows.append([Cell(feature.path.step[0]), Cell(split), *_statistics(feature)])
    columns = ["Feature", "Split", "Values per example", "Least", "Mean", "Most", "Distinct"]
    return Table("Statistics of the raw examples", columns, rows)


def _statistics(feature: statistics_pb2.FeatureNameStatistics) -> list[Cell]:
    kind = feature.WhichOneof("stats")
    common = getattr(feature, kind).common_stats
    low, high = common.min_num_values, common.max_num_values
    values = words.count(low) if low == high else f"{words.count(low)}–{words.count(high)}"
    cells = [Cell(values, common.avg_num_values)]
    if kind == "num_stats":
        stats = feature.num_stats
        cells += [Cell(words.number(v), v) for v in (stats.min, stats.mean, stats.max)]
        return [*cells, Cell("", math.nan)]
    unique = feature.string_stats.unique
    return [*cells, *[Cell("", math.nan)] * 3, Cell(words.count(unique), unique)]


def _number(value: float) -> Cell:
    return Cell(words.decimals(value), value)


def difference(found: SliceMetrics, name: str) -> Cell:
    """The candidate's metric minus the baseline's, and which of them it speaks for."""
    change = found.candidate[name] - found.baseline[name]
    better = words.METRICS[name].higher_is_better
    tone = ""
    if better is not None and math.isfinite(change) and abs(change) >= 0.00005:
        tone = "better" if (change > 0) == better else "worse"
    return Cell(words.signed(change), change, tone)
