"""What `everlong predict` writes is complete, or not there."""

from __future__ import annotations

import io
import math
import re
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
import tensorflow as tf

from components.errors import InputError
from components.scoring import exported_model
from pipeline.commands.predict import measured
from pipeline.predict.score import predict
from pipeline.terminal.console import Terminal
from tests.pipeline.ablation.test_pack import example


class _Model:
    """Scores every target 0.5, `calls` times."""

    reads = frozenset({"history_item", "history_time", "target_item", "target_hist_end"})

    def __init__(self, calls: int, labels: tuple[str, ...] = ()):
        self._left, self.labels = calls, labels

    def __call__(self, serialized: np.ndarray) -> np.ndarray:
        self._left -= 1
        if self._left < 0:
            raise RuntimeError("planted fault")
        return np.full((len(serialized), 1, 1 + len(self.labels)), 0.5, np.float32)


def _files(folder: Path, records: list[list[bytes]]) -> list[str]:
    files = [str(folder / f"data-{number}.gz") for number in range(len(records))]
    for file, part in zip(files, records, strict=True):
        with tf.io.TFRecordWriter(file, tf.io.TFRecordOptions("GZIP")) as writer:
            for record in part:
                writer.write(record)
    return files


def _examples(count: int) -> list[bytes]:
    return [example(user, [(1, 1)], 2, 1.0, "int") for user in range(count)]


@pytest.fixture
def terminal() -> Terminal:
    return Terminal(io.StringIO())


@pytest.mark.parametrize("calls", [0, 1, 2])
def test_a_model_that_fails_leaves_what_was_there(tmp_path, terminal, monkeypatch, calls):
    monkeypatch.setattr(exported_model, "_BLOCK_BYTES", 1)  # a batch for each example
    (tmp_path / "out").mkdir()
    out = tmp_path / "out" / "scores.parquet"
    out.write_text("earlier")
    files = _files(tmp_path, [_examples(3)])
    with pytest.raises(RuntimeError, match="planted fault"):
        predict(_Model(calls), files, 3, out, terminal)
    assert [path.name for path in out.parent.iterdir()] == [out.name]
    assert out.read_text() == "earlier"


def test_files_without_an_example_are_passed_over(tmp_path, terminal):
    out = tmp_path / "scores.parquet"
    predict(_Model(9), _files(tmp_path, [[], _examples(3), []]), 3, out, terminal)
    assert pq.read_table(out)["user"].to_pylist() == [0, 1, 2]


def test_every_label_has_its_score_and_what_is_known_of_it(tmp_path, terminal):
    out = tmp_path / "scores.parquet"
    records = []
    for number, like in enumerate((1.0, math.nan, 0.0)):
        made = tf.train.Example.FromString(example(number, [(1, 1)], 2, 1.0, "int"))
        made.features.feature["label_like"].float_list.value.append(like)
        made.features.feature["target_weight"].float_list.value.append(2.0 + number)
        records.append(made.SerializeToString())
    predict(_Model(9, ("like", "share")), _files(tmp_path, [records]), 3, out, terminal)
    found = pq.read_table(out)
    assert found["label_like"].to_pylist() == [1, None, 0]
    assert found["weight"].to_pylist() == [2, 3, 4]
    assert found["score_like"].to_pylist() == found["score_share"].to_pylist() == [0.5] * 3
    assert "label_share" not in found.column_names  # examples of before there was the label


def test_without_any_example_nothing_is_written(tmp_path, terminal):
    out = tmp_path / "scores.parquet"
    files = _files(tmp_path, [[], []])
    with pytest.raises(InputError, match=f"^{re.escape(files[0])}: holds no example.* 7 targets"):
        predict(_Model(9), files, 7, out, terminal)
    assert sorted(map(str, tmp_path.iterdir())) == files


def test_what_is_measured_among_drawn_negatives_says_so():
    found = {"auc": 0.7, "gauc": math.nan, "logloss": 0.5, "calibration": 1.01, "mrr": 0.3}
    ranking = "AUC 0.7000, GAUC (within requests) –"
    assert measured(found, 0) == f"{ranking}, LogLoss 0.5000, Calibration 1.0100"
    assert measured(found, 4) == (
        f"{ranking}, among negatives that were drawn, 4 for each positive"
    )
    assert measured({}, 4) == "no row has a label, so there is nothing to measure"
