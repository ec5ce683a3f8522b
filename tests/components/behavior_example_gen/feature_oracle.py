"""A literal account of what the examples hold of features: dictionaries and loops over rows."""

from __future__ import annotations

import dataclasses
import math
from typing import Any

import numpy as np
import tensorflow as tf

from components.behavior_example_gen.config.ingest_config import SPLITS, IngestConfig

from .oracle import tail_split

MISSING = ("", "NULL", "nan")


@dataclasses.dataclass(frozen=True)
class Row:
    """A row of a log, as texts; `label` and `fold` are empty where the row has none."""

    user: int
    item: int
    time: int
    label: str
    fold: str
    cells: tuple[str, ...]  # of COLUMNS


def read(text: str, feature: Any) -> Any:
    """The value of a cell: bytes, a float32, or, of ids, the tidy cell; None: missing."""
    text = text.strip()
    if text in MISSING:
        return None
    if feature.type == "number":
        return float(np.float32(text))
    if getattr(feature, "after", None):
        text = text.split(feature.after)[-1]
    if getattr(feature, "before", None):
        text = text.split(feature.before)[0]
    return text.encode() or None


def shown(value: Any, feature: Any) -> list[Any]:
    """What an example holds of a value."""
    if feature.type == "ids":
        parts = [part.strip() for part in (value or b"").decode().split(feature.separator)]
        return [p.encode() for p in parts if p not in MISSING][: feature.max_values]
    if value is None:
        return [math.nan if feature.type == "number" else b""]
    return [value]


class Log:
    """What must come of a log.

    Args:
      rows: in the order of the log.
      columns: names of the cells of a row.
      config: with `history.min_length` 0 and no window.
      tables: rows of joined tables: by feature, the cell of each key.
      cuts: of a split by time.
      user_split: of each user, by hash.
    """

    def __init__(self, rows, columns, config: IngestConfig, tables, cuts, user_split):
        self.config, self.tables, self.cuts, self.user_split = config, tables, cuts, user_split
        self.features = {n: f for n, f in config.features.items() if f.type != "time"}
        of_rows = {n: f for n, f in self.features.items() if n not in tables}
        self.rows = []
        for place, row in enumerate(rows):
            cells = dict(zip(columns, row.cells, strict=True))
            try:
                values = {n: read(cells[f.column], f) for n, f in of_rows.items()}
            except ValueError:
                continue  # a number that is none: the row is dropped
            self.rows.append((row, values, place))
        self.users = {}
        for user in sorted({row.user for row, _, _ in self.rows}):
            mine = sorted((r for r in self.rows if r[0].user == user), key=self._content)
            kept = [
                r for i, r in enumerate(mine) if i == 0 or self._same(r) != self._same(mine[i - 1])
            ]
            if config.history.ties == "order":
                kept.sort(key=lambda r: (r[0].time, r[2]))
            self.users[user] = kept

    def _same(self, entry):
        row, values, _ = entry
        label = {"": -1, "0": 0, "1": 1}[row.label]
        fold = SPLITS.index(row.fold) if row.fold else 0
        if self.config.split.by == "column" and not row.fold:
            label = -1
        lowest = [(v is not None, v if v is not None else 0) for v in values.values()]
        return (row.time, row.item, label, lowest, fold if self.config.split.by == "column" else 0)

    def _content(self, entry):
        return (*self._same(entry), entry[2])

    def is_target(self, row: Row) -> bool:
        return row.label != "" and (self.config.split.by != "column" or row.fold != "")

    def splits(self, user) -> list[str | None]:
        """The split of each row of a user, None of a row that is no target."""
        mine, rule = self.users[user], self.config.split
        requests = []  # of a user: rows of one time, or each row where the log orders them
        for place, (row, _, _) in enumerate(mine):
            alone = self.config.history.ties == "order"
            if alone or not requests or mine[requests[-1][0]][0].time != row.time:
                requests.append([])
            requests[-1].append(place)
        shown = [[p for p in r if self.is_target(mine[p][0])] for r in requests]
        shown = [request for request in shown if request]
        found: list[str | None] = [None] * len(mine)
        for number, request in enumerate(shown):
            first = mine[request[0]][0]
            if rule.by == "time":
                split = SPLITS[(first.time >= self.cuts[0]) + (first.time >= self.cuts[1])]
            elif rule.by == "user_tail":
                split = tail_split(number, len(shown), self.config)
            elif rule.by == "user_hash":
                split = self.user_split[user]
            else:
                split = first.fold
            for place in request:
                if rule.by != "column" or mine[place][0].fold == split:
                    found[place] = split
        return found

    def trains(self, user) -> list[bool]:
        """Which rows of a user are of the training period."""
        mine, by = self.users[user], self.config.split.by
        if by == "time":
            return [row.time < self.cuts[0] for row, _, _ in mine]
        if by == "user_hash":
            return [self.user_split[user] == "train"] * len(mine)
        if by == "column":
            held = [i for i, (row, _, _) in enumerate(mine) if row.fold not in ("", "train")]
        else:
            held = [i for i, split in enumerate(self.splits(user)) if split not in (None, "train")]
        if not held:
            return [True] * len(mine)
        if self.config.history.ties == "order":
            return [i < held[0] for i in range(len(mine))]
        return [row.time < mine[held[0]][0].time for row, _, _ in mine]

    def of_user(self, user, name):
        if name in self.tables:
            return read(self.tables[name].get(user, ""), self.features[name])
        mine, trains = self.users[user], self.trains(user)
        every = [(values[name], ok) for (_, values, _), ok in zip(mine, trains, strict=True)]
        known = [value for value, _ in every if value is not None]
        train = [value for value, ok in every if ok and value is not None]
        return train[-1] if train else known[0] if known else None

    def training(self):
        """All training rows, by time; of one time, by the log's order where that counts."""
        found = []
        for user, mine in self.users.items():
            found += [r for r, ok in zip(mine, self.trains(user), strict=True) if ok]
        order = self.config.history.ties == "order"
        return sorted(found, key=lambda r: (r[0].time, r[2] if order else 0))

    def items(self):
        """By item: the number of its training rows, and its features."""
        training = self.training()
        names = [name for name, f in self.features.items() if f.of == "item"]
        known = {row.item for row, _, _ in training}
        for name in names:
            known |= set(self.tables.get(name, {}))
        found = {}
        for item in sorted(known):
            mine = [r for r in training if r[0].item == item]
            values = {}
            for name in names:
                if name in self.tables:
                    values[name] = read(self.tables[name].get(item, ""), self.features[name])
                else:
                    values[name] = self._last(mine, name)
            shown_values = {n: shown(v, self.features[n]) for n, v in values.items()}
            found[item] = (len(mine), shown_values)
        return found

    def _last(self, mine, name):
        have = [r for r in mine if r[1][name] is not None]
        if not have:
            return None
        last = have[-1]
        if self.config.history.ties == "order":
            return last[1][name]
        return max(r[1][name] for r in have if r[0].time == last[0].time)

    def differing(self, name) -> int:
        seen: dict[int, set] = {}
        for row, values, _ in self.training():
            if values[name] is not None:
                seen.setdefault(row.item, set()).add(values[name])
        return sum(len(values) > 1 for values in seen.values())

    def targets(self):
        """By split: each target with the features that it and its history have, sorted."""
        found: dict[str, list] = {split: [] for split in SPLITS}
        by = {
            o: [n for n, f in self.features.items() if f.of == o]
            for o in ("context", "event", "user")
        }
        for user, mine in self.users.items():
            of_user = [shown(self.of_user(user, n), self.features[n]) for n in by["user"]]
            for place, split in enumerate(self.splits(user)):
                if split is None:
                    continue
                row, values, _ = mine[place]
                order = self.config.history.ties == "order"
                past = mine[:place] if order else [r for r in mine if r[0].time < row.time]
                history = [
                    (r.item, r.time, *(self._one(v, n) for n in by["event"] + by["context"]))
                    for r, v, _ in past
                ]
                context = [self._one(values, name) for name in by["context"]]
                found[split].append(
                    repr((user, row.item, row.time, row.label, context, of_user, history))
                )
        return {split: sorted(targets) for split, targets in found.items()}

    def _one(self, values, name):
        return shown(values[name], self.features[name])[0]


def unpack(serialized: list[bytes], config: IngestConfig) -> list[str]:
    """Reads examples back, in the form of `Log.targets`."""
    features = {n: f for n, f in config.features.items() if f.type != "time"}
    by = {o: [n for n, f in features.items() if f.of == o] for o in ("context", "event", "user")}
    found = []
    for text in serialized:
        cells = values(text)
        of_user = [cells[f"user_{name}"] for name in by["user"]]
        names = ["item", "time", *by["event"], *by["context"]]
        history = list(zip(*(cells[f"history_{name}"] for name in names), strict=True))
        for t, end in enumerate(cells["target_hist_end"]):
            context = [cells[f"target_{name}"][t] for name in by["context"]]
            item, time = cells["target_item"][t], cells["target_time"][t]
            label = str(int(cells["label"][t]))
            user = cells["user_id"][0]
            found.append(repr((user, item, time, label, context, of_user, history[:end])))
    return sorted(found)


def unpack_items(serialized: list[bytes], config: IngestConfig):
    """Reads the split of items back, in the form of `Log.items`."""
    found = {}
    for text in serialized:
        cells = values(text)
        assert cells["user_id"] in ([0], [b""])
        begin = dict.fromkeys(config.features, 0)
        for i, item in enumerate(cells["item_id"]):
            of_item = {}
            for name, feature in config.features.items():
                if feature.of == "item":
                    size = cells[f"item_{name}_length"][i] if feature.type == "ids" else 1
                    size = feature.dim if feature.type == "vector" else size
                    of_item[name] = cells[f"item_{name}"][begin[name] : begin[name] + size]
                    begin[name] += size
            found[item] = (cells["item_count"][i], of_item)
        for name, end in begin.items():
            assert end == len(cells.get(f"item_{name}", []))
    assert list(found) == sorted(found)
    return found


def values(text: bytes) -> dict[str, list[Any]]:
    named = tf.train.Example.FromString(text).features.feature
    return {name: list(getattr(f, f.WhichOneof("kind")).value) for name, f in named.items()}
