"""Candidates without a label are scored: `everlong predict` makes examples of them."""

import json

import numpy as np
import pyarrow.parquet as pq
import pytest

from pipeline.config import load
from pipeline.predict import find_examples
from pipeline.predict.score import predict
from pipeline.terminal.console import quiet

from . import runs

CASE = runs.FIXTURES / "cases" / "predict_unlabelled"


class _Model:
    """Scores every target by the length of its history."""

    reads = frozenset({"history_item", "target_item", "target_hist_end"})
    labels = ()

    def __call__(self, serialized):
        sizes = [_lengths(text) for text in serialized]
        most = max(targets for _, targets in sizes)
        return np.array([[[length / 100]] * most for length, _ in sizes], np.float32)


def _lengths(text):
    import tensorflow as tf

    feature = tf.train.Example.FromString(text).features.feature
    return (
        len(feature["history_item"].bytes_list.value),
        len(feature["target_item"].bytes_list.value),
    )


def _rows():
    lines = (CASE / "a.csv").read_text().splitlines()
    return [dict(zip(lines[0].split(","), line.split(","), strict=True)) for line in lines[1:]]


@pytest.mark.parametrize(("split", "labelled"), [("eval", False), ("train", True)])
def test_the_rows_of_a_split_without_labels_are_scored(tmp_path, split, labelled):
    ingest = load(str(CASE / "c.yaml"), [f"log.folder={CASE}"]).ingest
    find_examples.make(ingest, split, tmp_path / "examples", [])
    counts = json.loads((tmp_path / "examples" / "counts.json").read_text())["splits"][split]
    earlier = {}
    expected = []
    for row in sorted(_rows(), key=lambda row: int(row["ts"])):
        times = earlier.setdefault(row["user"], [])
        if row["part"] == split and any(time < int(row["ts"]) for time in times):
            label = float(row["click"]) if row["click"] else None
            expected.append((row["user"], row["item"], int(row["ts"]), label))
        times.append(int(row["ts"]))
    assert counts["targets"] == len(expected) > 5
    files = sorted(map(str, (tmp_path / "examples" / f"Split-{split}").glob("*.gz")))
    with quiet(tmp_path / "log.txt") as terminal:
        found = predict(_Model(), files, counts["targets"], tmp_path / "out.parquet", terminal)
    table = pq.read_table(tmp_path / "out.parquet")
    rows = table.select(["user", "item", "time", "label"]).to_pylist()
    assert sorted((tuple(row.values()) for row in rows), key=str) == sorted(expected, key=str)
    assert table["label"].null_count == (0 if labelled else len(expected))
    assert np.isfinite(table["score"].to_numpy()).all()
    assert ("auc" in found) == labelled
