"""The report's tables: rows of text, with the numbers to sort them by."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from tensorflow_metadata.proto.v0 import statistics_pb2

from components.evaluation_report.collect import Findings
from components.evaluator.tfma.read import SliceMetrics
from components.page import words
from components.page.document import Cell, Table
from components.scoring import slice_labels
from models.metric_table import JUDGED, METRICS

# Of a slice, beside its AUC.
_OTHER_METRICS = tuple(name for name, metric in METRICS.items() if metric.main and name != "auc")
_OF_LABELS = tuple(name for name in JUDGED if METRICS[name].main)
_MOST_SLICES = 200
_FEW_USERS = 30  # on which a GAUC says little


def metrics(findings: Findings) -> Table:
    """Overall metrics of the candidate, and against the latest blessed model."""
    overall, intervals = findings.overall, findings.intervals({})
    unclustered = any("unclustered_lower" in interval for interval in intervals.values())
    confidence = f"{findings.gate['confidence'] * 100:g}% interval"
    rows = []
    for name in METRICS:
        if name not in overall.candidate:
            continue
        interval = intervals.get(name, {})
        row = [Cell(findings.label(name)), _number(overall.candidate[name])]
        row.append(_interval(interval, "candidate_lower", "candidate_upper", words.decimals))
        if overall.baseline:
            row += [_number(overall.baseline[name]), difference(findings, overall, name)]
            row.append(_interval(interval, "lower", "upper", words.signed))
            if unclustered:
                ends = _interval(interval, "unclustered_lower", "unclustered_upper", words.signed)
                row.append(ends._replace(tone="faint"))
        rows.append(row)
    columns = ["Metric", "This model", confidence]
    if overall.baseline:
        columns += ["Latest blessed", "Difference", confidence]
        columns += ["if users were ignored"] if unclustered else []
    return Table("Metrics over all targets of the eval split", columns, rows)


def labels(findings: Findings) -> Table:
    """What the model predicts of the labels beside the primary one; no row without any."""
    found: dict[str, dict[str, Any]] = findings.gate["intervals"].get("labels", {})
    columns = ["Label", "Known targets", "Share of 1"]
    for metric in _OF_LABELS:
        columns += [findings.label(metric), "its interval"]
        if findings.overall.baseline:
            columns += ["Difference", "its interval"]
    rows = []
    for name, one in found.items():
        targets, positives = one["targets"], one["positives"]
        rate = positives / targets if targets else math.nan
        row = [Cell(name), Cell(words.count(targets), targets)]
        row.append(Cell(words.share(positives, targets), rate))
        for metric in _OF_LABELS:
            of = one[metric]
            row.append(_number(of["candidate"]))
            row.append(_interval(of, "candidate_lower", "candidate_upper", words.decimals))
            if findings.overall.baseline:
                change = of.get("difference")
                tone = words.tone(METRICS[metric].better, of.get("lower"), of.get("upper"))
                number = math.nan if change is None else change
                row.append(Cell(words.signed(change), number, tone))
                row.append(_interval(of, "lower", "upper", words.signed))
        rows.append(row)
    return Table(
        "Labels beside the primary one, of the targets where they are known", columns, rows
    )


def _ascending(number: Cell) -> float:
    """Sorts cells by their numbers, those without one last."""
    return number.key if number.key is not None and math.isfinite(number.key) else math.inf


def slices(findings: Findings) -> Table:
    """Every slice, the least AUC first; of very many, the largest."""
    total = findings.overall.candidate["predictions"]
    baseline = bool(findings.overall.baseline)
    found = sorted(findings.slices[1:], key=lambda s: -s.candidate["predictions"])
    rows = []
    for one in found[:_MOST_SLICES]:
        names = ", ".join(slice_labels.feature_label(feature) for feature in one.slice)
        values = ", ".join(slice_labels.value_label(*item) for item in one.slice.items())
        interval = findings.intervals(one.slice).get("auc", {})
        targets = one.candidate["predictions"]
        row = [Cell(f"{names}: {values}")]
        row += [Cell(words.count(targets), targets), Cell(words.share(targets, total), targets)]
        row.append(_number(one.candidate["auc"]))
        row.append(_interval(interval, "candidate_lower", "candidate_upper", words.decimals))
        if baseline:
            row.append(difference(findings, one, "auc"))
            row.append(_interval(interval, "lower", "upper", words.signed))
            row.append(_number(interval.get("detectable")))
        row += [_number(one.candidate[name]) for name in _OTHER_METRICS]
        if one.candidate["gauc_users"] < _FEW_USERS:
            gauc = len(row) - len(_OTHER_METRICS)
            row[gauc] = row[gauc]._replace(tone="faint")
        rows.append(row)
    rows.sort(key=lambda row: _ascending(row[3]))
    columns = ["Slice", "Targets", "Share", "AUC", "its interval"]
    if baseline:
        columns += ["Difference", "its interval", "Detectable loss"]
    columns += [findings.label(name) for name in _OTHER_METRICS]
    which = f"the {_MOST_SLICES} largest of {len(found):,}; " if len(found) > _MOST_SLICES else ""
    return Table(f"Metrics by slice, {which}press a heading to sort", columns, rows)


def importance(findings: Findings) -> Table:
    """What the model owes to each configured feature, the most first; no row without features."""
    found: dict[str, float | None] = findings.training.get("importance", {})
    rows = [
        [Cell(name), Cell(words.signed(lost), math.nan if lost is None else lost)]
        for name, lost in sorted(found.items(), key=lambda item: -(item[1] or 0))
    ]
    return Table("Features by what the model owes to them", ["Feature", "AUC lost"], rows)


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
        for feature in sorted(statistics.datasets[0].features, key=lambda f: f.path.step[0]):
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


def _number(value: float | None) -> Cell:
    return Cell(words.decimals(value), math.nan if value is None else value)


def _interval(
    interval: dict[str, Any], lower: str, upper: str, write: Callable[[float | None], str]
) -> Cell:
    ends = interval.get(lower), interval.get(upper)
    if None in ends:
        return Cell("–", math.nan)
    return Cell(f"{write(ends[0])} to {write(ends[1])}", ends[0])


def difference(findings: Findings, found: SliceMetrics, name: str) -> Cell:
    """The candidate's metric minus the baseline's; coloured if its interval leaves out zero."""
    change = found.candidate[name] - found.baseline[name]
    interval = findings.intervals(found.slice).get(name, {})
    tone = words.tone(METRICS[name].better, interval.get("lower"), interval.get("upper"))
    return Cell(words.signed(change), change, tone)


def distances(findings: Findings) -> Table:
    """How far each feature of the other splits is from train."""
    rows = []
    for distance in findings.distances:
        limit = distance.threshold
        tone = "worse" if distance.beyond else ""
        rows.append(
            [
                Cell(distance.feature),
                Cell(distance.compared),
                Cell(words.decimals(distance.divergence), distance.divergence, tone),
                Cell("–" if limit is None else words.number(limit), limit or math.nan),
            ]
        )
    caption = "Distance from train: Jensen–Shannon divergence, 0 the same, 1 nothing in common"
    return Table(caption, ["Feature", "Compared", "Distance", "Allowed"], rows)
