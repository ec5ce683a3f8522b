"""Raw examples with features of every kind, and their ids by the letter of what each means."""

from __future__ import annotations

import collections
import datetime
import zoneinfo
from typing import Any

import numpy as np

from models import features
from models.settings import PreprocessingSettings
from tests.models.transformed import RawExample, random_example, with_positions

NAN = float("nan")
ITEMS = 70  # of which examples name 60; ten are known of a table alone
ZONE = "America/New_York"
SETTINGS = PreprocessingSettings.model_validate(
    {
        "features": {
            "author": {"of": "item", "column": "a", "min_count": 3},
            "tags": {"of": "item", "column": "t", "type": "ids", "max_values": 2},
            "price": {"of": "item", "column": "p", "type": "number", "boundaries": [1.0, 2.5]},
            "length": {"of": "item", "column": "l", "type": "number", "buckets": 4},
            "cover": {"of": "item", "type": "vector", "file": "f", "key": "k", "dim": 3},
            "age": {"of": "user", "column": "u"},
            "city": {"of": "user", "column": "y"},
            "income": {"of": "user", "column": "i", "type": "number", "boundaries": [0.0]},
            "taste": {"of": "user", "column": "w", "type": "ids", "max_values": 3, "table": "tags"},
            "tab": {"of": "context", "column": "c", "after": "(", "before": ")"},
            "rank": {"of": "context", "column": "r", "type": "number", "boundaries": [5.0]},
            "hour": {"from": "time", "as": "hour_of_day", "timezone": ZONE},
            "day": {"from": "time", "as": "day_of_week", "timezone": ZONE},
            "device": {"of": "event", "column": "d", "table": "tab"},
            "page": {"of": "context", "column": "h"},
            "words": {"of": "item", "column": "h", "type": "ids", "max_values": 2},
            "dwell": {"of": "event", "column": "s", "type": "number", "boundaries": [1.0, 5.0]},
        },
        "tables": {
            "tags": {"dim": 3},
            "tab": {"max_size": 2},
            "item": {"min_count": 2},
            "page": {"rows": "hash", "buckets": 3},
            "city": {"rows": "hash", "buckets": 5},
            "words": {"rows": "hash", "buckets": 7},
        },
    }
)


def splits(seed: int = 0, train: int = 60) -> dict[str, list[RawExample]]:
    """Returns users of two splits, and the items that they name, and some more, in two chunks."""
    rng = np.random.default_rng(seed)
    found = {
        "train": [_user(rng, number) for number in range(train)],
        "validation": [_user(rng, train + number) for number in range(20)],
    }
    found["validation"][0] |= {features.user_feature("age"): [b"never seen"]}
    count = collections.Counter(
        item for example in found["train"] for item in example[features.TARGET_ITEM]
    )
    chunks = np.array_split(rng.permutation(ITEMS), 2)
    found[features.ITEMS] = [_chunk(rng, chunk, count) for chunk in chunks]
    return found


def _words(rng: np.random.Generator, letter: str, size: int) -> list[bytes]:
    return [f"{letter}{n}".encode() if n else b"" for n in rng.integers(0, 5, size)]


def _numbers(rng: np.random.Generator, size: int) -> list[float]:
    values = np.where(rng.random(size) < 0.2, NAN, rng.random(size) * 8)
    return [float(value) for value in values.astype(np.float32)]


def _user(rng: np.random.Generator, number: int) -> RawExample:
    example = random_example(rng, number, optional=False)
    length, targets = (len(example[n]) for n in (features.HISTORY_ITEM, features.TARGET_ITEM))
    hours = 3600 * 24 * 9  # steps through the whole year, and both its changes of the clock
    for name in (features.HISTORY_TIME, features.TARGET_TIME):
        example[name] = [time * hours // 30 for time in example[name]]
    example = with_positions(example)
    return example | {
        "user_age": _words(rng, "u", 1),
        "user_city": [b"y%d" % (number % 9)],
        "user_income": _numbers(rng, 1),
        "user_taste": [word for word in _words(rng, "t", int(rng.integers(0, 4))) if word],
        "history_tab": _words(rng, "c", length),
        "target_tab": _words(rng, "c", targets),
        "history_rank": _numbers(rng, length),
        "target_rank": _numbers(rng, targets),
        "history_page": _words(rng, "p", length),
        "target_page": _words(rng, "p", targets),
        "history_device": _words(rng, "c", length),
        "history_dwell": _numbers(rng, length),
    }


def _chunk(rng: np.random.Generator, items: np.ndarray, count: dict[int, int]) -> RawExample:
    tags = [[w for w in _words(rng, "t", int(rng.integers(0, 3))) if w] for _ in items]
    # What only items without a training row have must not be in any vocabulary.
    authors = _words(rng, "a", len(items))
    return {
        features.USER_ID: [0],
        features.ITEM_ID: items.tolist(),
        features.ITEM_COUNT: [count.get(int(item), 0) for item in items],
        "item_author": [
            a if count.get(int(i), 0) else b"from the future"
            for a, i in zip(authors, items, strict=True)
        ],
        "item_tags": [word for words in tags for word in words],
        "item_tags_length": [len(words) for words in tags],
        "item_words": [word for words in tags for word in words],
        "item_words_length": [len(words) for words in tags],
        "item_price": _numbers(rng, len(items)),
        "item_length": _numbers(rng, len(items)),
        "item_cover": [float(x) for x in rng.normal(size=3 * len(items)).astype(np.float32)],
    }


def items_of(found: dict[str, list[RawExample]]) -> dict[int, dict[str, Any]]:
    """What is known of each item: `count` and features by name."""
    known: dict[int, dict[str, Any]] = {}
    for chunk in found[features.ITEMS]:
        ends = np.cumsum(chunk["item_tags_length"])
        for place, item in enumerate(chunk[features.ITEM_ID]):
            end = ends[place]
            known[item] = {
                "count": chunk[features.ITEM_COUNT][place],
                "tags": chunk["item_tags"][end - chunk["item_tags_length"][place] : end],
                "cover": chunk["item_cover"][3 * place : 3 * place + 3],
                **{n: chunk[f"item_{n}"][place] for n in ("author", "price", "length")},
            }
    return known


def bucket(value: float, boundaries: list[float]) -> int:
    """The id of a number: 1 + the boundaries not above it, or the last one where it is missing."""
    if np.isnan(value):
        return len(boundaries) + 2
    return 1 + sum(value >= boundary for boundary in boundaries)


def hour(time: int) -> int:
    """The id of the hour that a clock in `ZONE` shows."""
    return 1 + datetime.datetime.fromtimestamp(time, zoneinfo.ZoneInfo(ZONE)).hour


def day(time: int) -> int:
    """The id of the day of the week in `ZONE`."""
    return 1 + datetime.datetime.fromtimestamp(time, zoneinfo.ZoneInfo(ZONE)).weekday()
