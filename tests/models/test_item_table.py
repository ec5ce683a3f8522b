"""Features of every kind through the real Transform, against ids by the letter of their meaning."""

from __future__ import annotations

import collections

import numpy as np
import pytest
import tensorflow as tf

from models import features, preprocessing
from models.buckets import choose_shapes
from models.config import TwinConfig
from models.inputs import Layout, Split
from models.registry import build_model
from tests.models import features_of_all_kinds as kinds
from tests.models.transformed import Transformed


@pytest.fixture(scope="module")
def transformed(transformed_features: Transformed) -> Transformed:
    return transformed_features


@pytest.fixture(scope="module")
def items(transformed: Transformed) -> features.ItemTable:
    return transformed.items()


def read(transformed: Transformed, split: str) -> dict[int, dict[str, list]]:
    spec = transformed.output.transformed_feature_spec()
    found = {}
    for record in tf.data.TFRecordDataset(tf.io.gfile.glob(transformed.files(split)), "GZIP"):
        parsed = tf.io.parse_single_example(record, spec)
        found[int(parsed[features.USER_ID][0])] = {k: v.numpy() for k, v in parsed.items()}
    return found


def ids(transformed: Transformed, vocabulary: str) -> collections.defaultdict[bytes, int]:
    """Ids of words: known ones from 1, unknown ones behind them, and what is missing last."""
    words = list(transformed.output.vocabulary_by_name(vocabulary))
    known = {word: place for place, word in enumerate(words, start=1)}
    unknown = len(words) + 1
    return collections.defaultdict(lambda: unknown, known | {b"": unknown + 1})


def weights(transformed: Transformed, vocabulary: str) -> collections.Counter:
    """How often training rows have each word."""
    counted = collections.Counter()
    columns = {"age": ["user_age"], "tab": ["history_tab", "target_tab", "history_device"],
               "tags": ["user_taste"]}  # fmt: skip
    for example in transformed.splits["train"]:
        for name in columns.get(vocabulary, []):
            counted.update(example[name])
    for known in kinds.items_of(transformed.splits).values():
        if vocabulary == "tags":
            for word in known["tags"]:
                counted[word] += known["count"]
        elif vocabulary == "author":
            counted[known["author"]] += known["count"]
    return +counted - collections.Counter({b"": 10**9})


def test_vocabularies_hold_what_training_rows_have(transformed):
    for name, least, most in (("age", 1, 99), ("tab", 1, 2), ("tags", 1, 99), ("author", 3, 99)):
        counted = weights(transformed, name)
        words = list(transformed.output.vocabulary_by_name(name))
        kept = [word for word, count in counted.most_common() if count >= least]
        assert [counted[word] for word in words] == [counted[word] for word in kept[:most]]
        assert set(words) <= set(counted)
    assert b"from the future" not in transformed.output.vocabulary_by_name("author")


def test_ids_of_users_and_behaviours(transformed):
    of = {name: ids(transformed, name) for name in ("age", "tab", "tags")}
    for split in ("train", "validation"):
        outputs = read(transformed, split)
        for raw in transformed.splits[split]:
            output = outputs[raw[features.USER_ID][0]]
            expected = {
                "user_age": [of["age"][w] for w in raw["user_age"]],
                "user_income": [kinds.bucket(v, [0.0]) for v in raw["user_income"]],
                "user_taste": [of["tags"][w] for w in raw["user_taste"]],
                "history_tab": [of["tab"][w] for w in raw["history_tab"]],
                "target_tab": [of["tab"][w] for w in raw["target_tab"]],
                "history_device": [of["tab"][w] for w in raw["history_device"]],
                "history_rank": [kinds.bucket(v, [5.0]) for v in raw["history_rank"]],
                "target_rank": [kinds.bucket(v, [5.0]) for v in raw["target_rank"]],
                "history_dwell": [kinds.bucket(v, [1.0, 5.0]) for v in raw["history_dwell"]],
                "history_hour": [kinds.hour(t) for t in raw[features.HISTORY_TIME]],
                "target_hour": [kinds.hour(t) for t in raw[features.TARGET_TIME]],
                "history_day": [kinds.day(t) for t in raw[features.HISTORY_TIME]],
                "target_day": [kinds.day(t) for t in raw[features.TARGET_TIME]],
            }
            assert {name: output[name].tolist() for name in expected} == expected


def test_the_table_of_items(transformed, items):
    known = kinds.items_of(transformed.splits)
    place = {int(w): p for p, w in enumerate(transformed.output.vocabulary_by_name("item"), 1)}
    assert set(place) == set(known)
    counts = [known[item]["count"] for item in place]
    assert counts == sorted(counts, reverse=True)
    assert items.known == sum(count >= 2 for count in counts)
    authors, tags = (ids(transformed, name) for name in ("author", "tags"))
    unknown = len(place) + 1
    for item, id_ in place.items():
        of = known[item]
        assert items.ids["author"][id_].tolist() == [authors[of["author"]]]
        assert [t for t in items.ids["tags"][id_] if t] == [tags[w] for w in of["tags"]]
        assert items.ids["price"][id_].tolist() == [kinds.bucket(of["price"], [1.0, 2.5])]
        np.testing.assert_allclose(items.vectors["cover"][id_], of["cover"], rtol=1e-6)
    assert items.ids["author"][unknown].tolist() == [authors[b""]]
    assert not items.ids["tags"][unknown].any()
    assert items.ids["price"][unknown].tolist() == [4]
    assert not items.vectors["cover"][unknown].any()
    assert items.rows == len(place) + 2


def test_hashes_are_two_and_never_change(transformed, items):
    pages = {b"": (4, 4), b"p1": None, b"p2": None, b"p3": None, b"p4": None}
    for split in ("train", "validation"):
        outputs = read(transformed, split)
        for raw in transformed.splits[split]:
            output = outputs[raw[features.USER_ID][0]]
            for column in ("history_page", "target_page"):
                for word, *rows in zip(
                    raw[column], output[column], output[f"{column}_2"], strict=True
                ):
                    pages[word] = pages[word] or tuple(rows)
                    assert tuple(rows) == pages[word]
    assert pages == {b"": (4, 4), b"p1": (3, 1), b"p2": (2, 1), b"p3": (3, 2), b"p4": (3, 3)}
    known = kinds.items_of(transformed.splits)
    place = {int(w): p for p, w in enumerate(transformed.output.vocabulary_by_name("item"), 1)}
    for item, id_ in place.items():
        for column in ("words", "words_2"):
            ids_ = items.ids[column][id_]
            assert [bool(i) for i in ids_] == [True] * len(known[item]["tags"]) + [False] * (
                len(ids_) - len(known[item]["tags"])
            )
            assert ids_.max() <= 7


def test_quantiles_are_of_training_rows(transformed, items):
    known = kinds.items_of(transformed.splits)
    place = {int(w): p for p, w in enumerate(transformed.output.vocabulary_by_name("item"), 1)}
    rows = [(o["length"], o["count"], items.ids["length"][place[i], 0]) for i, o in known.items()]
    assert {id_ for value, _, id_ in rows if np.isnan(value)} == {5}
    seen = sorted((value, count, id_) for value, count, id_ in rows if not np.isnan(value))
    assert [id_ for *_, id_ in seen] == sorted(id_ for *_, id_ in seen)
    shares = collections.Counter()
    for _, count, id_ in seen:
        shares[id_] += count
    total, most = sum(shares.values()), max(count for _, count, _ in seen)
    for id_ in range(1, 5):  # a quarter each, up to the items at its two boundaries
        assert abs(shares[id_] - total / 4) <= 2 * most


def test_a_batch_holds_what_a_model_reads(transformed, items):
    sizes = preprocessing.feature_sizes(transformed.output, transformed.settings, items)
    assert sizes.item == items.known + 2
    assert sizes.cross["tab"] == sizes.cross["device"] == 2 + 3
    assert (sizes.cross["hour"], sizes.cross["day"], sizes.cross["dwell"]) == (25, 8, 5)
    assert [f.width for f in sizes.item_features] == [None, 3, None, None, None, None]
    assert {f.table for f in sizes.item_features if f.name.startswith("words")} == {"words"}
    assert sizes.cross["page"] == sizes.cross["page_2"] == 3 + 2
    assert dict(sizes.cross_tables) == {"device": "tab", "page_2": "page"}
    assert {"page", "page_2"} <= set(sizes.context)
    model = build_model(TwinConfig(name="twin", item_dim=8, category_dim=8, top_k=3), sizes, 1)
    files = tf.io.gfile.glob(transformed.files("validation"))
    spec = transformed.output.transformed_feature_spec()
    layout = Layout.of(sizes)
    split = Split(files, spec, layout, 2**30)
    shapes = choose_shapes(split.lengths, split.targets, 8)
    dataset, _ = next(split.batches(shapes, None))
    for batch in dataset:
        assert batch["user_taste"].shape[1] == 3
        assert features.BATCH_ITEMS in batch
        assert np.isfinite(model(batch).numpy()).all()
