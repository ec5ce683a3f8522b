"""Which targets two runs evaluated both."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from components.errors import InputError
from components.evaluator.tfma.read import verdict
from components.scoring import predictions
from components.segments import rank_of, starts
from models import lists
from models.metric_table import METRICS
from pipeline.run_folder.folder import RunFolder, executions

_TARGET = (predictions.USER, predictions.ITEM, predictions.TIME)
OTHER = "_b"  # marks columns of run B
# Below this share of the larger eval split, what two runs have in common is a selection.
_LEAST_SHARE = 0.9


@dataclasses.dataclass(frozen=True)
class Matched:
    """Targets that both runs evaluated.

    Attributes:
      table: columns of run A's predictions, and run B's scores as `score_b` and, if both runs have
        them, `frozen_score_b`.
      targets: how many A and B evaluated.
      drawn: negatives drawn for each positive.
      differences: between what the runs' examples were made from, in words.
    """

    table: pa.Table
    targets: tuple[int, int]
    drawn: int
    differences: tuple[str, ...] = ()

    def label(self, name: str) -> str:
        """What a metric is called."""
        return METRICS[name].labelled(self.protocol, self.drawn)

    @property
    def protocol(self) -> lists.Protocol:
        """How targets of a user are compared."""
        return predictions.of_model(self.table.slice(0, 0)).protocol

    @property
    def slices(self) -> list[str]:
        """The slicing features."""
        return [name for name in self.table.column_names if name.startswith("slice_")]


def matched(a: RunFolder, b: RunFolder, label: str | None = None) -> Matched:
    """Joins the predictions of two runs by user, item and time.

    Where several targets are equal in these, they are told apart by label and number.

    Args:
      a, b: the runs.
      label: one beside the primary one, of whose scores and known targets the table is then.

    Raises:
      InputError: if the runs did not evaluate the same data, with what differs between them; or if
        one of them has no such label.
    """
    evaluations = [run.output("Evaluator", "evaluation").uri for run in (a, b)]
    gates = [verdict(evaluation) for evaluation in evaluations]
    tables = [predictions.read(evaluation) for evaluation in evaluations]
    if label is not None:
        for run, table in zip((a, b), tables, strict=True):
            _check_label(run, table, label)
        tables = [predictions.for_label(table, label) for table in tables]
    scores = [predictions.SCORE]
    if all(predictions.FROZEN in table.column_names for table in tables):
        scores.append(predictions.FROZEN)
    else:
        tables = [_without(table, predictions.FROZEN) for table in tables]
    types = [table.select(_TARGET).schema for table in tables]
    if types[0] != types[1]:
        shown = (", ".join(f"{field.name} {field.type}" for field in schema) for schema in types)
        raise _refusal(a, b, f"their ids have different types ({' and '.join(shown)})")
    weighted = [predictions.WEIGHT in table.column_names for table in tables]
    if weighted[0] != weighted[1]:
        raise _refusal(a, b, "the targets of one of them are weighted")
    left, right = (_numbered(table) for table in tables)
    keys = [*_TARGET, _NUMBER]
    told = {predictions.LABEL: "labels"} | ({predictions.WEIGHT: "weights"} if weighted[0] else {})
    right = right.select([*keys, *told, *scores])
    joined = left.join(right, keys=keys, join_type="inner", right_suffix=OTHER)
    sizes = left.num_rows, right.num_rows
    if joined.num_rows < _LEAST_SHARE * max(sizes):
        counts = f"{joined.num_rows:,} targets are in both, of {sizes[0]:,} and {sizes[1]:,}"
        raise _refusal(a, b, counts)
    for name, what in told.items():
        same = pc.equal(joined[name], joined[name + OTHER])
        if wrong := joined.num_rows - pc.sum(same).as_py():
            raise _refusal(a, b, f"{wrong:,} of {joined.num_rows:,} targets have other {what}")
    # The order of a join is not settled.
    order = [(key, "ascending") for key in keys]
    table = joined.sort_by(order).drop_columns([_NUMBER])
    return Matched(table, sizes, gates[0]["drawn_negatives"], tuple(_differences(a, b)))


_NUMBER = "number"


def _check_label(run: RunFolder, table: pa.Table, label: str) -> None:
    known = predictions.labels(table.column_names)
    if label not in known:
        there = ", ".join(known) or "none"
        raise InputError(
            f"--label {label}: {run.path} has no such label beside its primary one (there: "
            f"{there}); without --label, runs are compared by the primary one"
        )


def _without(table: pa.Table, name: str) -> pa.Table:
    return table.drop_columns([name]) if name in table.column_names else table


def _numbered(table: pa.Table) -> pa.Table:
    table = table.sort_by([(key, "ascending") for key in (*_TARGET, predictions.LABEL)])
    number = rank_of(starts(*(table[key].to_numpy() for key in _TARGET)))
    return table.append_column(_NUMBER, pa.array(number))


def _differences(a: RunFolder, b: RunFolder) -> list[str]:
    told = [executions(run.path, "BehaviorExampleGen")[0].parameters for run in (a, b)]
    first, second = (dict(_flat(json.loads(one["ingest_json"]))) for one in told)
    differences = [
        f"{key} {first.get(key)!r} and {second.get(key)!r}"
        for key in sorted(first.keys() | second.keys())
        if first.get(key) != second.get(key)
    ]
    if told[0]["fingerprint"] != told[1]["fingerprint"]:
        differences.append("the files of the log")
    return differences


def _refusal(a: RunFolder, b: RunFolder, found: str) -> InputError:
    reason = "; ".join(_differences(a, b)[:5]) or "none in configuration or files"
    return InputError(
        f"{a.path} and {b.path} were not evaluated on the same data: {found}. Differences: "
        f"{reason}. Run one of them again with the log, label, history, split and seed of the other"
    )


def _flat(value: Any, key: str = "") -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict) and value:
        for name, item in value.items():
            yield from _flat(item, f"{key}.{name}" if key else name)
    else:
        yield key, value
