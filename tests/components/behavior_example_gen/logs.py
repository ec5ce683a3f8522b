"""Adversarial logs for the tests: equal times, duplicates, shuffled rows, one-event users."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa
from hypothesis import strategies as st

from components.behavior_example_gen.clean.clean import clean
from components.behavior_example_gen.config.ingest_config import IngestConfig

from .oracle import Row

COLUMNS = {
    "user": {"column": "user", "type": "int"},
    "item": {"column": "item", "type": "int"},
    "category": {"column": "category", "type": "int"},
    "time": "time",
    "behavior": {"column": "behavior", "type": "int"},
}
REQUEST = {"request": {"column": "request", "type": "int"}}


def config(**sections: Any) -> IngestConfig:
    """A configuration of a labelled log, some of its sections given."""
    log = {"files": "log.csv", "columns": COLUMNS} | sections.pop("log", {})
    split = {"by": "user_tail", "validation": 0.2, "eval": 0.2}
    sections = {"label": {"column": "label"}, "split": split} | sections
    return IngestConfig(log=log, **sections)


@st.composite
def rows(draw: st.DrawFn, users: int = 4, size: int = 40) -> list[Row]:
    """Few times, items and categories, so that ties and duplicates are the rule."""
    row = st.builds(
        Row,
        user=st.integers(1, users),
        time=st.integers(0, draw(st.sampled_from([3, 30, 3000]))),
        item=st.integers(0, 5),
        category=st.integers(0, 2),
        behavior=st.integers(0, 1),
        label=st.sampled_from([0, 1, None]),
        request=st.sampled_from([None, 1, 2, 3, 4]),
    )
    some = draw(st.lists(row, min_size=1, max_size=size))
    return some + draw(st.lists(st.sampled_from(some), max_size=5))


@st.composite
def histories(draw: st.DrawFn) -> dict[str, Any]:
    """Settings of `history` that short logs can tell apart."""
    return {
        "max_length": draw(st.sampled_from([1, 2, 7, 8, 17, 1000])),
        "include": draw(st.sampled_from(["all", "positive"])),
        "ties": draw(st.sampled_from(["exclude", "order"])),
        "session_gap": draw(st.sampled_from([None, 1, 10, 500])),
        "min_local": draw(st.sampled_from([1, 3])),
        "match": draw(st.sampled_from([1, 2, 50])),
        "min_length": draw(st.sampled_from([0, 1])),
        "targets_per_example": draw(st.sampled_from([1, 3, 64])),
    }


def cells(rows: Sequence[Row]) -> pa.RecordBatch:
    """The rows as they would be read from a file."""
    names = ("user", "time", "item", "category", "behavior", "label")
    columns = {n: pa.array([getattr(row, n) for row in rows]) for n in names}
    columns["request"] = pa.array([row.request for row in rows], pa.int64())
    return pa.RecordBatch.from_pydict(columns)


def cleaned(rows: Sequence[Row], config: IngestConfig) -> pa.RecordBatch:
    """The rows as shards get them."""
    return clean(cells(rows), config, np.arange(len(rows)))[0]
