"""A slow and literal account of what the examples of a log must be: loops over rows, no numpy."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable

import tensorflow as tf

from components.behavior_example_gen.config.ingest_config import IngestConfig


@dataclasses.dataclass(frozen=True, order=True)
class Row:
    """A row of a log; `label` is None where the row is no target."""

    user: int
    time: int
    item: int
    category: int
    behavior: int
    label: int | None
    request: int | None = None


@dataclasses.dataclass(frozen=True, order=True)
class Seen:
    """A target and all that it sees, positions counted from the first behaviour that it sees."""

    user: int
    item: int
    category: int
    time: int
    label: float
    history: tuple[tuple[int, int, int, int], ...]  # item, category, behavior, time
    local_begin: int
    match: tuple[int, ...]
    request: int = 0


def targets(rows: list[Row], config: IngestConfig) -> dict[str, list[Seen]]:
    """Returns the targets of every split of a labelled log, sorted."""
    found: dict[str, list[Seen]] = {"train": [], "validation": [], "eval": []}
    if config.request is None:
        rows = [dataclasses.replace(row, request=None) for row in rows]
    for user in {row.user for row in rows}:
        mine = [row for row in rows if row.user == user]
        if config.log.duplicates == "drop":
            mine = list(dict.fromkeys(mine))
        if config.history.ties == "order":
            mine = sorted(mine, key=lambda row: row.time)  # stable: the log decides ties
        else:
            mine = sorted(mine, key=content)
        places = [place for place in range(len(mine)) if mine[place].label is not None]
        moments = sorted({_moment(mine, place, config) for place in places})
        moments = [m for m in moments if len(_past(mine, m, config)) >= config.history.min_length]
        for place in places:
            moment = _moment(mine, place, config)
            if moment not in moments:
                continue
            number = moments.index(moment)
            target = dataclasses.replace(mine[place], time=mine[moment[0]].time)
            seen = see(target, _past(mine, moment, config), config)
            split = tail_split(number, len(moments), config)
            found[split].append(dataclasses.replace(seen, request=number))
    return {name: sorted(targets) for name, targets in found.items()}


def content(row: Row) -> tuple[int, ...]:
    """The key by which rows are in order where the log's order does not count."""
    label = -1 if row.label is None else row.label
    request = -1 if row.request is None else row.request
    return (row.time, row.item, row.category, row.behavior, label, request)


def _moment(mine: list[Row], place: int, config: IngestConfig) -> tuple[int, bool]:
    """The first row of a row's request, and whether the log names the request."""

    def together(other: int) -> bool:
        if mine[place].request is not None or mine[other].request is not None:
            return mine[place].request == mine[other].request
        same_past = _past(mine, (place, False), config) == _past(mine, (other, False), config)
        return mine[other].time == mine[place].time and same_past

    first = next(other for other in range(len(mine)) if together(other))
    return first, mine[place].request is not None


def _past(mine: list[Row], moment: tuple[int, bool], config: IngestConfig) -> list[Row]:
    rule, (place, _) = config.history, moment
    past = []
    for other in range(len(mine)):
        earlier = other < place if rule.ties == "order" else mine[other].time < mine[place].time
        if earlier and (rule.include == "all" or mine[other].label == 1):
            past.append(mine[other])
    return past


def see(target: Row, past: list[Row], config: IngestConfig) -> Seen:
    """Returns what a target sees of a user's past, oldest first."""
    rule = config.history
    window = 0
    while len(past) - window > rule.max_length:
        window += max(1, rule.max_length // 8)

    local, later = len(past), target.time
    if rule.session_gap is not None:
        while local > 0 and later - past[local - 1].time <= rule.session_gap:
            local, later = local - 1, past[local - 1].time
    local = max(window, min(local, len(past) - rule.min_local))

    match = [p for p in range(window, len(past)) if past[p].category == target.category]
    return Seen(
        target.user,
        target.item,
        target.category,
        target.time,
        float(target.label),
        tuple((row.item, row.category, row.behavior, row.time) for row in past[window:]),
        local - window,
        tuple(p - window for p in match[-rule.match :]),
    )


def tail_split(place: int, size: int, config: IngestConfig) -> str:
    """Of 10 targets at 0.1 and 0.2, the last is eval, the two before it are validation."""
    left = size - place
    if left <= _floor(size, config.split.eval):
        return "eval"
    held_out = config.split.validation + config.split.eval
    return "validation" if left <= _floor(size, held_out) else "train"


def _floor(size: int, share: float) -> int:
    return size * round(share * 1_000_000) // 1_000_000


def unpack(serialized: Iterable[bytes]) -> list[Seen]:
    """Reads examples back, as the targets in them and what they see."""
    seen = []
    for text in serialized:
        features = tf.train.Example.FromString(text).features.feature
        ints = {name: list(f.int64_list.value) for name, f in features.items()}
        size = len(ints["target_item"])
        width = len(ints["target_match"]) // size
        history = list(
            zip(
                *(ints[f"history_{name}"] for name in ("item", "category", "behavior", "time")),
                strict=True,
            )
        )
        assert max(ints["target_hist_end"]) == len(history)
        for t in range(size):
            match = ints["target_match"][t * width : (t + 1) * width]
            found = [p for p in match if p != -1]
            assert match == found + [-1] * (width - len(found))
            seen.append(
                Seen(
                    ints["user_id"][0],
                    ints["target_item"][t],
                    ints["target_category"][t],
                    ints["target_time"][t],
                    features["label"].float_list.value[t],
                    tuple(history[: ints["target_hist_end"][t]]),
                    ints["target_local_begin"][t],
                    tuple(found),
                    ints["target_request"][t],
                )
            )
    return sorted(seen)
