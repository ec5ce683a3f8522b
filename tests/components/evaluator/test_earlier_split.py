"""Whether the latest blessed model may have learned from what judges it, by what lies beside it."""

import json

import pytest

from components.evaluator.earlier_split import learned_from

HASH = {"by": "user_hash", "validation": "0.1", "eval": "0.2", "seed": "7"}
TIME = {"by": "time", "validation": "0.1", "eval": "0.1"}
TAIL = {"by": "user_tail", "validation": "0.1", "eval": "0.1"}


def told(tmp_path, before, now, last=(0, 0), unit="seconds since 1970"):
    folders = [tmp_path / "before", tmp_path / "now"]
    for folder, split, time in zip(folders, (before, now), last, strict=True):
        folder.mkdir()
        contract = {"split": split, "time": {"unit": unit, "last_of_training": time}}
        (folder / "everlong_model.json").write_text(json.dumps(contract))
    return learned_from(*map(str, folders))


@pytest.mark.parametrize("split", [HASH, TIME, TAIL])
def test_the_same_split_of_a_log_that_grows_is_none(tmp_path, split):
    assert told(tmp_path, split, split, last=(100, 200)) is None


@pytest.mark.parametrize(
    ("before", "now", "words"),
    [
        (
            HASH,
            HASH | {"seed": "8"},
            "it was trained on the split by user_hash, validation 0.1, eval 0.2, seed 7, this one "
            "on by user_hash, validation 0.1, eval 0.2, seed 8",
        ),
        (
            TIME,
            TAIL | {"eval": "0.2"},
            "it was trained on the split by time, validation 0.1, eval 0.1, this one on by "
            "user_tail, validation 0.1, eval 0.2",
        ),
    ],
)
def test_a_split_that_changed(tmp_path, before, now, words):
    assert told(tmp_path, before, now) == words


@pytest.mark.parametrize(
    ("unit", "words"),
    [
        (
            "seconds since 1970",
            "it learned from times up to 2024-01-01 00:00:01, this one up to 2024-01-01 00:00:00",
        ),
        ("an order", "it learned from times up to 1704067201, this one up to 1704067200"),
    ],
)
def test_a_training_that_ended_later(tmp_path, unit, words):
    last = 1_704_067_201, 1_704_067_200
    assert told(tmp_path, TIME, TIME | {"eval": "0.3"}, last, unit) == words


def test_a_smaller_eval_split_by_time_moves_nothing_into_it(tmp_path):
    assert told(tmp_path, TIME | {"eval": "0.3"}, TIME, last=(100, 200)) is None


def test_models_that_do_not_say_are_not_judged(tmp_path):
    assert learned_from(str(tmp_path), str(tmp_path)) is None
    assert told(tmp_path, {}, HASH) is None
