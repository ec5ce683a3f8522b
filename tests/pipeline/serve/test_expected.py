"""Which ids a version knows, told by the contract and the vocabularies beside it."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.serve.expected import Expected

CONTRACT = {
    "signatures": {
        "score": {
            "inputs": {
                "target_item": {"dtype": "int64", "vocabulary": "item"},
                "history_item": {"dtype": "int64", "vocabulary": "item"},
                "target_category": {"dtype": "string", "vocabulary": "category"},
                "target_time": {"dtype": "int64"},
            }
        }
    },
    "validation_scores": {"bounds": [0.25, 0.5], "shares": [0.5, 0.25, 0.25]},
}


def version(folder: Path, items: list[int], categories: list[bytes]) -> Expected:
    (folder / "assets").mkdir(exist_ok=True)
    (folder / "assets" / "item").write_text("".join(f"{item}\n" for item in items))
    (folder / "assets" / "category").write_bytes(b"".join(name + b"\n" for name in categories))
    (folder / "everlong_model.json").write_text(json.dumps(CONTRACT))
    return Expected.read(folder)


def test_what_is_known(tmp_path):
    expected = version(tmp_path, [7, -1, 2**63 - 1, 3], ["été".encode(), b"a b"])
    assert sorted(expected.known) == ["history_item", "target_category", "target_item"]
    assert expected.unknown("target_item", [7, 3, 3, -2, 2**63 - 2, -1, 2**63 - 1]) == 2
    assert expected.unknown("history_item", []) == 0
    assert expected.unknown("target_category", ["été".encode(), b"a b", b"a", b"zzz"]) == 2
    assert expected.bounds.tolist() == [0.25, 0.5]
    assert expected.shares.tolist() == [0.5, 0.25, 0.25]


def test_without_a_contract_nothing_is(tmp_path):
    expected = Expected.read(tmp_path)
    assert not expected.known
    assert not len(expected.shares)


@pytest.mark.parametrize(
    ("items", "fault"),
    [
        (b"12\n3", "assets/item has 4 bytes, of 6"),
        (None, "assets/item is not there, of 6"),
        (b"12\n345\n", "assets/item has 7 bytes, of 6"),
    ],
)
def test_a_version_of_which_a_part_was_copied_is_refused(tmp_path, items, fault):
    version(tmp_path, [12, 34], [b"a"])
    told = CONTRACT | {"files": {"assets/category": 2, "assets/item": 6}}
    (tmp_path / "everlong_model.json").write_text(json.dumps(told))
    assert Expected.read(tmp_path).known
    (tmp_path / "assets" / "item").unlink()
    if items is not None:
        (tmp_path / "assets" / "item").write_bytes(items)
    with pytest.raises(ValueError, match=f"^{fault}: copy a version beside this folder"):
        Expected.read(tmp_path)


def test_half_a_contract_is_named(tmp_path):
    (tmp_path / "everlong_model.json").write_text('{"signatures": ')
    with pytest.raises(ValueError, match=r"^everlong_model\.json is no JSON: Expecting value"):
        Expected.read(tmp_path)


def test_an_empty_vocabulary(tmp_path):
    assert version(tmp_path, [], []).unknown("target_category", [b"a", b"b"]) == 2


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("version")


@given(st.sets(st.integers(-(2**63), 2**63 - 1), max_size=9), st.data())
def test_as_a_set_says(folder, known, data):
    ids = data.draw(st.lists(st.sampled_from(sorted(known | {0, 1, 2})), max_size=20))
    found = version(folder, list(known), []).unknown("target_item", np.array(ids, int).tolist())
    assert found == sum(one not in known for one in ids)
