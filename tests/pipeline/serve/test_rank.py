"""`everlong rank`: tables, JSON, and what it refuses."""

from __future__ import annotations

import io
import json
import sys
import types

import pytest
import tensorflow as tf

from pipeline.cli import main
from tests.pipeline.serve.tiny import Tiny, probability, publish

ONE = {
    "history_item": [1, 2, 3],
    "target_item": [10, 30, 20],
    "target_brand": ["a", "", "bc"],
}
# Version 2, a history of 3, and brands of 1, 0 and 2 bytes; best first.
RANKED = [
    (30, probability(2, 30, 3, 0)),
    (20, probability(2, 20, 3, 2)),
    (10, probability(2, 10, 3, 1)),
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("serving")
    publish(folder, 1)
    publish(folder, 2)
    return folder


@pytest.fixture
def rank(folder, tmp_path, capfd):
    """Runs the command on a request in a file: its code, what it printed, and its errors."""

    def run(request, *words):
        file = tmp_path / "request.json"
        file.write_text(request if isinstance(request, str) else json.dumps(request))
        code = main(["rank", "--model", str(folder), "--request", str(file), *words])
        told = capfd.readouterr()
        return code, told.out, told.err.replace(str(file), "FILE")

    return run


def whole(**changes):
    wrapped = {name: [values] for name, values in ONE.items()}
    return wrapped | {"history_length": [3]} | changes


@pytest.mark.parametrize(
    "request_",
    [
        ONE,
        whole(),
        {"inputs": ONE},
        {"signature_name": "score", "inputs": whole()},
        "\ufeff" + json.dumps(ONE),
    ],
    ids=["plain", "with users", "inputs", "as REST takes it", "with a byte-order mark"],
)
def test_json(rank, request_):
    code, out, err = rank(request_, "--json")
    assert (code, err) == (0, "")
    rows = json.loads(out)
    assert [row["target_item"] for row in rows] == [item for item, _ in RANKED]
    for row, (_, wanted) in zip(rows, RANKED, strict=True):
        assert set(row) == {"target_item", "probability", "probability_like"}
        assert row["probability"] == pytest.approx(wanted, abs=1e-7)
        assert row["probability_like"] == pytest.approx(wanted / 2, abs=1e-7)


def test_the_table(rank):
    code, out, err = rank(ONE, "--top", "2")
    assert (code, err) == (0, "")
    assert out.splitlines() == [
        "target_item  probability  probability_like",
        "30                 0.026             0.013",
        "20                 0.025            0.0125",
    ]


def test_standard_input(folder, capfd, monkeypatch):
    text = json.dumps(ONE).encode()
    monkeypatch.setattr(sys, "stdin", types.SimpleNamespace(buffer=io.BytesIO(text)))
    assert main(["rank", "--model", str(folder / "1"), "--json", "--top", "1"]) == 0
    (row,) = json.loads(capfd.readouterr().out)
    assert row["target_item"] == 30
    assert row["probability"] == pytest.approx(probability(1, 30, 3, 0), abs=1e-7)


@pytest.mark.parametrize(
    ("request_", "sentence"),
    [
        ("{", "--request FILE: is no JSON: "),
        ('{"inputs": {"a": 1, "a": 1}}', "--request FILE: the key 'a' is twice in an object"),
        ([1], "--request FILE: must be an object: inputs by name"),
        ({"inputs": 1}, "--request FILE: must be an object: inputs by name"),
        ({}, "--request FILE: history_item: is missing; signature 'score' takes it"),
        (whole(target_itme=[[1]]), "'target_itme'; the nearest is 'target_item'"),
        (whole(history_length=[4]), "--request FILE: history_length: must be 0 to 3"),
        (
            {name: values * 2 for name, values in whole().items()},
            "--request FILE: must be of one user. Received: 2",
        ),
    ],
)
def test_what_it_refuses(rank, request_, sentence):
    code, out, err = rank(request_)
    assert (code, out) == (2, "")
    assert err.startswith("everlong: ")
    assert sentence in err
    assert err.count("\n") == 1


class TellsOfItems(Tiny):
    """A model that reads a feature of items, if a request tells it: its scores are halved then."""

    @tf.function(
        input_signature=[
            tf.TensorSpec([None, None], tf.int64, "history_item"),
            tf.TensorSpec([None], tf.int64, "history_length"),
            tf.TensorSpec([None, None], tf.int64, "target_item"),
            tf.TensorSpec([None, None], tf.string, "target_brand"),
            tf.TensorSpec([None, None], tf.string, "target_author"),
        ]
    )
    def score_new_items(
        self, history_item, history_length, target_item, target_brand, target_author
    ):
        scores = self.score(
            {
                "history_item": history_item, "history_length": history_length,
                "target_item": target_item, "target_brand": target_brand,
            }
        )  # fmt: skip
        told = tf.cast(target_author != "", tf.float32)
        return {name: values * (1 - told / 2) for name, values in scores.items()}


def test_what_a_request_tells_of_items_is_read(tmp_path, capfd):
    model = TellsOfItems(2)
    signatures = {
        name: getattr(model, name).get_concrete_function()
        for name in ("score", "serving_default", "score_new_items")
    }
    tf.saved_model.save(model, str(tmp_path / "models" / "2"), signatures)

    def ranked(request):
        (tmp_path / "x.json").write_text(json.dumps(request))
        words = ["--model", str(tmp_path / "models"), "--request", str(tmp_path / "x.json")]
        code = main(["rank", *words, "--json"])
        told = capfd.readouterr()
        return json.loads(told.out) if code == 0 else told.err

    plain = {row["target_item"]: row["probability"] for row in ranked(ONE)}
    assert plain == pytest.approx(dict(RANKED), abs=1e-7)
    told = ranked(ONE | {"target_author": ["x", "", "y"]})
    assert {row["target_item"]: row["probability"] for row in told} == pytest.approx(
        {10: plain[10] / 2, 30: plain[30], 20: plain[20] / 2}, abs=1e-7
    )
    assert "'target_autor'; the nearest is" in ranked(ONE | {"target_autor": ["x", "", "y"]})


def test_folders_and_files_that_it_refuses(folder, tmp_path, capfd):
    def told(*words):
        assert main(["rank", *words]) == 2
        return capfd.readouterr().err

    empty = tmp_path / "empty"
    empty.mkdir()
    assert "empty: holds no version; give" in told("--model", str(empty))
    assert "there is no such folder" in told("--model", str(tmp_path / "none"))
    words = "--model", str(folder), "--request", str(tmp_path / "none")
    assert "none: cannot be read: No such file or directory" in told(*words)
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "file").write_text("")
    assert "other: holds 'file', but no version" in told("--model", str(tmp_path / "other"))
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "metadata.sqlite").write_text("")
    assert "run: is the folder of a run; give" in told("--model", str(tmp_path / "run"))
