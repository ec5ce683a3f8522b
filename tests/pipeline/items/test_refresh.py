"""Rows made anew are those that training's own table has; further items score as their like."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import tensorflow as tf

from components.behavior_example_gen.cells.columns import IdColumn
from components.errors import InputError
from components.saved_model import SavedModel
from models import contract, features, trainer
from pipeline.cli import main
from pipeline.items import table
from pipeline.items.refresh import Refreshed, refresh
from tests.models import features_of_all_kinds
from tests.models.features_of_all_kinds import items_of

TRAINING = {
    "epochs": 1, "max_steps": 3, "early_stopping": {"metric": "loss"}, "item_rows": "int8",
}  # fmt: skip
# A row is a sum of some features: in another order, of float32 rounds differently.
OTHER_ORDER = 1e-6


@pytest.fixture(scope="module", params=["float32", "int8"])
def pushed(request, transformed_features, trained_features, tmp_path_factory) -> Path:
    """A folder with a version of a trained model, whose rows are stored as they are or rounded."""
    folder = tmp_path_factory.mktemp("items")
    if request.param == "float32":
        return Path(shutil.copytree(trained_features / "models", folder / "serving"))
    arguments = transformed_features.fn_args(folder, TRAINING, item_bias=True)
    arguments.serving_model_dir = str(folder / "serving" / "7")
    trainer.run_fn(arguments)
    return folder / "serving"


@pytest.fixture(scope="module")
def known(transformed_features) -> dict:
    return items_of(transformed_features.splits)


def write(path: Path, items: dict) -> str:
    """Writes a table of items by their ids."""
    columns = {"item": list(items)} | {
        name: [one[name] for one in items.values()]
        for name in ("author", "tags", "price", "length", "cover")
    }
    columns["author"] = [a.decode() for a in columns["author"]]
    columns["words"] = columns["tags"] = [[t.decode() for t in tags] for tags in columns["tags"]]
    pq.write_table(pa.table(columns), path)
    return str(path)


def rows_of(version: Path) -> dict[str, np.ndarray]:
    reader = tf.train.load_checkpoint(str(version / "variables" / "variables"))
    return {
        name: reader.get_tensor(name).astype(np.float32)
        for name in reader.get_variable_to_shape_map()
        if name.startswith("item_rows/")
    }


def scorer(version: Path) -> Callable[[list[int], list[int]], np.ndarray]:
    """Loads a version: what scores targets, by their items, after a history of items."""
    told = json.loads((version / features.CONTRACT).read_text())
    score = SavedModel(str(version)).functions["score"]

    def scores(targets: list[int], history: list[int]) -> np.ndarray:
        given = {}
        for name in score.inputs:
            value = np.array(told["example"][name])
            if name.startswith("target_"):
                value = np.repeat(value[:, :1], len(targets), 1)
            given[name] = value
        given["target_item"] = np.array([targets])
        given["history_item"][0, : len(history)] = history
        return score(given)[features.PROBABILITY][0]

    return scores


def test_what_is_known_of_items_makes_the_rows_that_they_have(pushed, known, tmp_path):
    told = refresh(pushed / "7", write(tmp_path / "items.parquet", known), tmp_path / "out")
    assert (told.known, told.new) == (features_of_all_kinds.ITEMS, 0)
    before, after = rows_of(pushed / "7"), rows_of(tmp_path / "out")
    assert before.keys() == after.keys() and before
    for name, rows in before.items():
        assert np.abs(rows).max() > 0
        # A rounding may take a whole number to the next one.
        step = {"float32": OTHER_ORDER, "int8": 1.0}
        kind = tf.train.load_checkpoint(str(pushed / "7" / "variables" / "variables"))
        store = kind.get_variable_to_dtype_map()[name].name
        np.testing.assert_allclose(after[name], rows, atol=step[store])
        assert np.mean(np.abs(after[name] - rows) > OTHER_ORDER) < 0.01


@pytest.mark.parametrize("pushed", ["float32"], indirect=True)
def test_values_that_training_did_not_know_are_counted(pushed, known, tmp_path):
    like = next(one for one in known.values() if one["tags"] and one["count"])
    other = like | {"author": b"nobody", "tags": [b"odd", like["tags"][0], b"odder"]}
    table = write(tmp_path / "items.parquet", {1000: other, 1001: other, 1002: like})
    told = refresh(pushed / "7", table, tmp_path / "out")
    assert told.unknown == {"author": 2, "tags": 2}  # two tags of an item are read


def test_a_further_item_scores_as_one_of_the_same_features(pushed, known, tmp_path):
    (like, *_) = (item for item, one in known.items() if not one["count"])  # no row of its own id
    table = write(tmp_path / "items.parquet", {1000: known[like], 1001: known[like]})
    told = refresh(pushed / "7", table, tmp_path / "out")
    assert told == Refreshed(known=0, new=2, unknown=told.unknown, ignored=[])
    scores_before, scores_after = scorer(pushed / "7"), scorer(tmp_path / "out")
    before = scores_before([like, 1000, 2000], [1, 2, 1000])
    assert before[1] == before[2] != before[0]  # both are unknown
    after = scores_after([like, 1000, 1001, 2000], [1, 2, like])
    assert after[0] == after[1] == after[2] != after[3]
    assert after[0] == scores_before([like], [1, 2, like])[0]
    assert after[0] == scores_after([like], [1, 2, 1000])[0]
    assert after[3] == scores_before([2000], [1, 2, like])[0]
    said = json.loads((tmp_path / "out" / features.CONTRACT).read_text())
    assert said["vocabularies"]["item"] == features_of_all_kinds.ITEMS + 2
    assert (
        f"{features_of_all_kinds.ITEMS + 2} values of `item`"
        in (tmp_path / "out" / contract.README).read_text()
    )


@pytest.mark.parametrize("pushed", ["float32"], indirect=True)
def test_the_command_pushes_the_next_version(pushed, known, tmp_path, capfd):
    items = write(tmp_path / "items.parquet", {1000: known[1]})
    twice = pa.concat_tables([pq.read_table(items)] * 2)
    pq.write_table(twice.append_column("colour", pa.array(["red", "blue"])), items)
    assert main(["items", "--model", str(pushed), "--items", items]) == 0
    told = capfd.readouterr().out
    assert "rows of 0 items of 7 made anew, and of 1 that it did not know" in told
    assert "1 rows have an item that an earlier row has, which counts" in told
    assert f"no feature of items is made of the columns colour of {items}" in told
    versions = sorted(int(path.name) for path in pushed.iterdir())
    assert len(versions) == 2 and versions[0] == 7


@pytest.mark.parametrize("pushed", ["float32"], indirect=True)
def test_a_version_that_is_pushed_meanwhile_keeps_its_place(
    pushed, known, tmp_path, capfd, monkeypatch
):
    serving = tmp_path / "serving"
    shutil.copytree(pushed / "7", serving / "7")

    def overtaken(*arguments):
        told = refresh(*arguments)
        shutil.copytree(pushed / "7", serving / "8")  # stands for a model that was trained anew
        return told

    monkeypatch.setattr("pipeline.items.refresh.refresh", overtaken)
    items = write(tmp_path / "items.parquet", {1000: known[1]})
    assert main(["items", "--model", str(serving), "--items", items]) == 2
    assert "version 8 was pushed while rows of 7 were made" in capfd.readouterr().err
    assert sorted(path.name for path in serving.iterdir()) == ["7", "8"]


@pytest.mark.parametrize("pushed", ["float32"], indirect=True)
def test_faults_of_the_table_are_named(pushed, known, tmp_path):
    without = pq.read_table(write(tmp_path / "a.parquet", known)).drop(["price"])
    pq.write_table(without, tmp_path / "a.parquet")
    with pytest.raises(InputError, match="no column 'price'") as caught:
        refresh(pushed / "7", str(tmp_path / "a.parquet"), tmp_path / "out")
    assert "Write CSV in UTF-8 with commas, JSON lines or Parquet, with the columns item, " in str(
        caught.value
    )
    assert "`items." not in str(caught.value)
    short = {1: known[1] | {"cover": [1.0, 2.0]}}
    with pytest.raises(InputError, match="cover must hold lists of 3 numbers in each row"):
        refresh(pushed / "7", write(tmp_path / "b.parquet", short), tmp_path / "out")
    for number in (float("nan"), float("inf"), 1e39, None):  # beyond 32-bit floats, too
        wrong = {1: known[1], 3: known[3] | {"cover": [1.0, number, 2.0]}}
        with pytest.raises(InputError, match="cover of item 3 holds a value that is no finite"):
            refresh(pushed / "7", write(tmp_path / "c.parquet", wrong), tmp_path / "out")
    texts = {1: known[1] | {"cover": ["1", "2", "3"]}}
    with pytest.raises(InputError, match="cover must hold lists of 3 numbers in each row"):
        refresh(pushed / "7", write(tmp_path / "d.parquet", texts), tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_ids_are_cut_as_the_logs_were(tmp_path):
    pq.write_table(pa.table({"item": ["7|x", "8|x", "7|y"]}), tmp_path / "items.parquet")
    found = table.read(str(tmp_path / "items.parquet"), {}, IdColumn(column="item", before="|"))
    assert (found.ids, found.repeated) == ([b"7", b"8"], 1)


@pytest.mark.parametrize(
    ("cell", "fault"), [("inf", "no finite number: inf"), ("abc", "not a number: abc")]
)
def test_a_cell_that_is_no_number_is_shown(tmp_path, cell, fault):
    (tmp_path / "items.csv").write_text(f"item,price\na,1\nb c,{cell}\n")
    price = {"price": {"of": "item", "column": "price", "type": "number", "buckets": 4}}
    with pytest.raises(InputError, match=f": price of item b c is {fault}$"):
        table.read(str(tmp_path / "items.csv"), price, IdColumn(column="item", type="string"))


def test_an_id_of_several_lines_is_refused(tmp_path):
    pq.write_table(pa.table({"item": ["a", "b\nc"]}), tmp_path / "items.parquet")
    with pytest.raises(InputError, match="an id holds a line end"):
        table.read(str(tmp_path / "items.parquet"), {}, IdColumn(column="item"))


def test_a_model_of_ids_alone_is_refused(tmp_path):
    with pytest.raises(InputError, match="knows items by their ids alone"):
        refresh(tmp_path, "items.csv", tmp_path / "out")
