"""From the sorted rows of some users to their histories and targets, all splits together."""

from __future__ import annotations

import collections
import dataclasses
import functools
from collections.abc import Iterator
from typing import Any, Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from components.behavior_example_gen.clean.clean import REQUEST, UNKNOWN
from components.behavior_example_gen.config.ingest_config import IngestConfig
from components.behavior_example_gen.config.label_config import NegativesConfig
from components.behavior_example_gen.cut import labels, requests, split
from components.behavior_example_gen.cut.items import Catalogue
from components.behavior_example_gen.cut.negatives import NONE, FirstTimes, draw_negatives
from components.behavior_example_gen.cut.order import codes
from components.behavior_example_gen.cut.pack import window_begin
from components.behavior_example_gen.cut.session import local_begin, session_begin
from components.behavior_example_gen.cut.visible import hist_begin, hist_end
from components.behavior_example_gen.hashing import combine, id_hash
from components.behavior_example_gen.row import FEATURE, IN_HISTORY, LABEL, NO_TARGET
from components.behavior_example_gen.tables import one_batch
from components.segments import begin_of, rank_of, size_of, starts
from models import feature_config, features
from models.feature_config import Owner


@dataclasses.dataclass(frozen=True)
class WholeLog:
    """What must be known of the whole log.

    Attributes:
      catalogue: the items, if negatives are drawn or categories of impressions looked up. If the
        split is by time, negatives are drawn from the items before validation.
      eval_catalogue: the items before eval; None: as `catalogue`.
      last: time of its last row, in ticks.
      cuts: first second of validation and of eval, if the split is by time.
      repeats: what stands for `label.negatives.repeats` where that is null.
    """

    catalogue: Catalogue | None = None
    cuts: tuple[int, int] | None = None
    eval_catalogue: Catalogue | None = None
    last: int = np.iinfo(np.int64).max
    repeats: Literal["drop", "keep"] = "keep"

    def drops_repeats(self, negatives: NegativesConfig) -> bool:
        """Whether items that the user had before are neither positives nor negatives."""
        return (negatives.repeats or self.repeats) == "drop"

    def catalogues(self, place: np.ndarray) -> Iterator[tuple[Catalogue, np.ndarray]]:
        """Yields each catalogue with the targets [t] bool that it is for, by their splits [t]."""
        evaluates = place == split.EVAL
        for catalogue, which in (
            (self.catalogue, ~evaluates),
            (self.eval_catalogue or self.catalogue, evaluates),
        ):
            if catalogue is not None:
                yield catalogue, which


@dataclasses.dataclass(frozen=True)
class Histories:
    """The behaviours of some users, one user after the other, each in order.

    Attributes:
      user: [h] int64 codes.
      category_code: [h] int64, places in `categories`.
      categories: [k], the distinct categories.
      columns: Arrow arrays [h] by feature name.
    """

    user: np.ndarray
    category_code: np.ndarray
    categories: pa.Array
    columns: dict[str, pa.Array]


@dataclasses.dataclass(frozen=True)
class Targets:
    """The targets of some users; positions are indices into `Histories`.

    Attributes:
      user, hist_end, window_begin, local_begin: [t] int64.
      category_code: [t] int64, -1 for a category that is in no history.
      split: [t] int8, index of `SPLITS`.
      user_hash: [t] uint64.
      user_rows: [t] int64, number of rows of the target's user.
      seconds, label: [t] int64 and float32, NaN where it is not known.
      request: [t] int64, a user's requests from 0 on: targets of one were shown together.
      user_id, item, category: Arrow arrays [t].
      oracle: Arrow array [t] float64, or None if the log does not know it.
      context: Arrow arrays [t] by feature name; a drawn negative has that of its positive.
      labels: [t] float32 by name, of the labels beside the primary one, NaN where it is not known.
      weight: [t] float32, or None if all count alike.
    """

    user: np.ndarray
    hist_end: np.ndarray
    window_begin: np.ndarray
    local_begin: np.ndarray
    category_code: np.ndarray
    split: np.ndarray
    user_hash: np.ndarray
    user_rows: np.ndarray
    seconds: np.ndarray
    label: np.ndarray
    request: np.ndarray
    user_id: pa.Array
    item: pa.Array
    category: pa.Array
    oracle: pa.Array | None
    context: dict[str, pa.Array]
    labels: dict[str, np.ndarray] = dataclasses.field(default_factory=dict)
    weight: np.ndarray | None = None

    def take(self, which: np.ndarray) -> Targets:
        """Returns some of the targets."""

        def part(values: Any) -> Any:
            if isinstance(values, dict):
                return {name: part(one) for name, one in values.items()}
            return values.take(pa.array(which)) if isinstance(values, pa.Array) else values[which]

        fields = {
            field.name: part(values)
            for field in dataclasses.fields(self)
            if (values := getattr(self, field.name)) is not None
        }
        return dataclasses.replace(self, **fields)


class UserRows:
    """All rows of some users, cleaned and sorted, as numpy columns [n]."""

    def __init__(self, batch: pa.RecordBatch, config: IngestConfig):
        self.batch, self.config = batch, config
        self.user, users = codes(batch["user"])
        self.user_hash = id_hash(users)[self.user]
        self.number = rank_of(starts(self.user))  # of the row, within its user
        self.time, self.label = batch["time"].to_numpy(), batch["label"].to_numpy()
        self.seconds = self.time // config.log.mapping.time.ticks_per_second
        if config.log.impressions is not None:
            self.in_history = batch[IN_HISTORY].to_numpy() == 1
        elif config.history.include == "all":
            self.in_history = np.full(len(self.user), True)
        else:
            self.in_history = self.label == 1
        self.hist_begin = hist_begin(self.user, self.in_history)
        end = hist_end(self.user, self.time, self.in_history, config.history.ties)
        ids = batch[REQUEST] if REQUEST in batch.schema.names else None
        if config.log.impressions is None:
            self.request = requests.first_rows(self.user, self.time, end, ids)  # its first row
        else:  # only impressions are requested
            asks = np.flatnonzero(~self.in_history)
            ids = ids if ids is None else ids.take(pa.array(asks))
            first = requests.first_rows(self.user[asks], self.time[asks], end[asks], ids)
            self.request = np.arange(len(self.user))
            self.request[asks] = asks[first]
        self.hist_end = end[self.request]

    def take(self, name: str, rows: np.ndarray) -> pa.Array:
        """Returns a column of some rows."""
        return self.batch[name].take(pa.array(rows))

    def features_of(self, *owners: Owner) -> dict[str, str]:
        """The columns that are features of some owners, by the feature's name."""
        names = [FEATURE + name for name in feature_config.of(owners, self.config.features)]
        return {n.removeprefix(FEATURE): n for n in names if n in self.batch.schema.names}

    @functools.cached_property
    def repeated(self) -> np.ndarray:
        """[n] bool: rows of the history whose item an earlier one of the user has."""
        rows = np.flatnonzero(self.in_history)
        item = self.take("item", rows).dictionary_encode().indices.to_numpy().astype(np.int64)
        _, first = np.unique(self.user[rows] * (len(rows) + 1) + item, return_index=True)
        repeated = self.in_history.copy()
        repeated[rows[first]] = False
        return repeated

    @functools.cached_property
    def histories(self) -> Histories:
        """The rows that are in the histories."""
        rows = np.flatnonzero(self.in_history)
        names = {n: n for n in ("item", "category", "behavior") if n in self.batch.schema.names}
        names |= self.features_of("event", "context")
        columns = {features.history_feature(n): self.take(own, rows) for n, own in names.items()}
        columns[features.HISTORY_TIME] = pa.array(self.seconds[rows])
        category_code, categories = codes(columns[features.HISTORY_CATEGORY])
        return Histories(self.user[rows], category_code, categories, columns)


@dataclasses.dataclass(frozen=True)
class _Chosen:
    """The rows that are targets, [t]: their places in `UserRows`, requests, splits, items, labels.

    Requests are numbers within a user, by which a user's targets rise.
    """

    row: np.ndarray
    request: np.ndarray
    split: np.ndarray
    item: pa.Array
    category: pa.Array
    label: np.ndarray


@dataclasses.dataclass(frozen=True)
class Placed:
    """The rows that may be targets, by request: their places in `UserRows` and their splits, [t].

    Attributes:
      row: [t] int64.
      split: [t] int8, that of the request, so that no request is torn.
      dropped: numbers of the other rows with a label, by reason.
    """

    row: np.ndarray
    split: np.ndarray
    dropped: collections.Counter[str]


def place_targets(rows: UserRows, whole: WholeLog) -> Placed:
    """Finds the rows that may be targets, and their splits."""
    dropped: collections.Counter[str] = collections.Counter()
    least, negatives = rows.config.history.min_length, rows.config.label.negatives
    target = rows.label != NO_TARGET
    if negatives is not None and whole.drops_repeats(negatives):
        dropped["target: an item that the user had before"] = int((target & rows.repeated).sum())
        target &= ~rows.repeated
    enough = rows.hist_end - rows.hist_begin >= least
    few = "no visible behaviour" if least == 1 else f"fewer than {least} visible behaviours"
    dropped[f"target: {few}"] = int((target & ~enough).sum())
    row = np.flatnonzero(target & enough)
    row = row[np.argsort(rows.request[row], kind="stable")]
    begins = starts(rows.user[row], rows.request[row])
    return Placed(row, _split_requests(rows, row[begins], whole)[np.cumsum(begins) - 1], dropped)


def find_targets(
    rows: UserRows, whole: WholeLog, placed: Placed
) -> tuple[Targets, collections.Counter[str], collections.Counter[str]]:
    """Finds the targets of some users, and where their subsequences lie.

    Args:
      rows: all rows of these users.
      whole: what must be known of the whole log.
      placed: of these rows.

    Returns:
      Targets, a user's adjacent and rising in time, the number of dropped ones by reason, and of
      those that are too young for a label, by its name.
    """
    rule = rows.config.history
    chosen, dropped = _choose(rows, whole, placed)
    row, history = chosen.row, rows.in_history
    begin, end = rows.hist_begin[row], rows.hist_end[row]
    seconds = rows.seconds[rows.request[row]]  # a request's targets share one moment
    window = window_begin(begin, end, rule.max_length)
    sessions = None
    if rule.session_gap is not None:
        sessions = session_begin(rows.user[history], rows.seconds[history], rule.session_gap)
    code = pc.index_in(chosen.category, rows.histories.categories).fill_null(-1)
    names = rows.batch.schema.names
    label = np.where(chosen.label == UNKNOWN, np.nan, chosen.label).astype(np.float32)
    further, young = _labels(rows, whole, chosen, label)
    targets = Targets(
        user=rows.user[row],
        hist_end=end,
        window_begin=window,
        local_begin=local_begin(
            sessions,
            rows.seconds[history],
            seconds,
            end,
            window,
            rule.session_gap,
            rule.min_local,
        ),
        category_code=code.to_numpy().astype(np.int64),
        split=chosen.split,
        user_hash=rows.user_hash[row],
        user_rows=size_of(starts(rows.user))[row],
        seconds=seconds,
        label=label,
        request=chosen.request,
        user_id=rows.take("user", row),
        item=chosen.item,
        category=chosen.category,
        oracle=rows.take("oracle", row) if "oracle" in names else None,
        context={
            features.target_feature(name): rows.take(column, row)
            for name, column in rows.features_of("context").items()
        },
        labels=further,
        weight=_numbers(rows.take("weight", row)) if "weight" in names else None,
    )
    return targets, dropped, young


def _numbers(values: pa.Array) -> np.ndarray:
    return values.to_numpy(zero_copy_only=False).astype(np.float32)


def _labels(
    rows: UserRows, whole: WholeLog, chosen: _Chosen, primary: np.ndarray
) -> tuple[dict[str, np.ndarray], collections.Counter[str]]:
    """The labels beside the primary one, and how many targets are too young for each."""
    rules, row = rows.config.labels, chosen.row
    if not rules:
        return {}, collections.Counter()
    ticks = rows.config.log.mapping.time.ticks_per_second
    time = rows.time[rows.request[row]]
    cuts = whole.cuts and (whole.cuts[0] * ticks, whole.cuts[1] * ticks)
    until = labels.known_until(rows.user[row], time, chosen.split, whole.last, cuts)
    young, count = labels.count_young(rules, time, until, ticks)
    # A drawn negative has the row of its positive, which says nothing of it.
    drawn = (primary == 0) & (rows.config.label.negatives is not None)
    items = pa.concat_arrays([chosen.item, rows.batch["item"]]).dictionary_encode().indices
    codes_ = items.to_numpy().astype(np.int64)
    size = int(codes_.max(initial=0)) + 1
    pair = rows.user[row] * size + codes_[: len(row)]
    every = rows.user * size + codes_[len(row) :]
    own = {rows.config.primary or "": primary.astype(np.float64)}
    for name, rule in rules.items():
        said = rows.batch[LABEL + name].to_numpy()
        if rule.within_seconds is None:
            own[name] = np.where(drawn | (said[row] == UNKNOWN), np.nan, said[row])
        else:
            yes = said == 1
            window = rule.within_seconds * ticks
            follows = labels.follows(pair, time, every[yes], rows.time[yes], window)
            own[name] = np.where(young[name], np.nan, follows)
    joint = labels.joint(own, rules)
    return {name: joint[name] for name in rules}, count


def _choose(
    rows: UserRows, whole: WholeLog, placed: Placed
) -> tuple[_Chosen, collections.Counter[str]]:
    config, dropped = rows.config, placed.dropped.copy()
    most, negatives = config.split.eval_per_user, config.label.negatives
    row, place = placed.row, placed.split
    request = requests.number(rows.user[row], rows.request[row])
    if config.split.by == "column":
        kept = rows.batch["split"].to_numpy()[row] == place
        dropped["target: its request began in another split"] = int((~kept).sum())
        row, request, place = row[kept], request[kept], place[kept]
    if negatives is not None:
        kept = np.zeros(len(row), bool)
        for catalogue, which in whole.catalogues(place):
            kept[which] = catalogue.index(rows.take("item", row[which])) != NONE
        dropped["target: its item is new since its split began"] = int((~kept).sum())
        row, request, place = row[kept], request[kept], place[kept]
    if most is not None:
        first = rows.number[rows.request[row]]
        draws = (
            combine(config.seed, rows.user_hash[row], first),  # whole requests first
            combine(config.seed, rows.user_hash[row], rows.number[row]),
        )
        kept = split.sample_per_user(rows.user[row], place == split.EVAL, draws, most)
        dropped["target: more than split.eval_per_user"] = int((~kept).sum())
        row, request, place = row[kept], request[kept], place[kept]
    if negatives is not None and len(row):
        chosen = _with_negatives(rows, row, request, place, whole, negatives)
        asked = len(row) * (1 + negatives.per_positive)
        dropped["target: no negative found"] = asked - len(chosen.row)
    else:
        item, category = rows.take("item", row), rows.take("category", row)
        chosen = _Chosen(row, request, place, item, category, rows.label[row])
    return chosen, +dropped


def _split_requests(rows: UserRows, row: np.ndarray, whole: WholeLog) -> np.ndarray:
    rule = rows.config.split
    if rule.by == "time":
        assert whole.cuts is not None, "they are found before, where the split is by time"
        return split.by_time(rows.seconds[rows.request[row]], whole.cuts)
    if rule.by == "user_tail":
        return split.by_user_tail(rows.user[row], rule.validation, rule.eval)
    if rule.by == "user_hash":
        hashes = rows.user_hash[row]
        return split.by_user_hash(hashes, rows.config.seed, rule.validation, rule.eval)
    return rows.batch["split"].to_numpy()[row]


def _with_negatives(
    rows: UserRows,
    row: np.ndarray,
    request: np.ndarray,
    place: np.ndarray,
    whole: WholeLog,
    rule: NegativesConfig,
) -> _Chosen:
    """Puts the negatives of each positive target behind it, into its request.

    Positives, too, take their item's category from the catalogue: were it that of their own row,
    an unusual one would give them away.
    """
    parts, copies = [], []
    for catalogue, which in whole.catalogues(place):
        candidates = _candidates(rows, row[which], catalogue, rule, whole.drops_repeats(rule))
        found = candidates != NONE
        copied = np.flatnonzero(which)[np.nonzero(found)[0]]
        item = pa.array(candidates[found])
        label = np.broadcast_to(np.arange(candidates.shape[1]) == 0, candidates.shape)[found]
        columns = catalogue.items.take(item), catalogue.categories.take(item), pa.array(label)
        parts.append(pa.table(dict(zip(("item", "category", "label"), columns, strict=True))))
        copies.append(copied)
    copied = np.concatenate(copies)
    order = np.argsort(copied, kind="stable")
    copied, drawn = copied[order], one_batch(pa.concat_tables(parts)).take(pa.array(order))
    label = drawn["label"].to_numpy(zero_copy_only=False)
    return _Chosen(
        row[copied], request[copied], place[copied], drawn["item"], drawn["category"], label
    )


def _candidates(
    rows: UserRows, row: np.ndarray, catalogue: Catalogue, rule: NegativesConfig, first_only: bool
) -> np.ndarray:
    """The item of each positive target and its negatives, as places in the catalogue or `NONE`."""
    index, items = catalogue.index(rows.batch["item"]), len(catalogue.items)
    known = index != NONE
    # Not only of the same request: what is positive at that time is no negative of any.
    moment = begin_of(starts(rows.user, rows.time))[rows.request]
    positive = known & (rows.label == 1)
    given = FirstTimes(moment[positive], index[positive], moment[positive], items)
    past = known & rows.in_history
    had = FirstTimes(rows.user[past], index[past], rows.time[past], items)
    user, at = rows.user[row], moment[row]

    def refuse(which: np.ndarray, item: np.ndarray) -> np.ndarray:
        refused = given.until(at[which], item, at[which])
        if first_only:
            refused |= had.until(user[which], item, rows.time[at[which]])
        return refused

    drawn = draw_negatives(
        seed=rows.config.seed,
        user_hash=rows.user_hash[row],
        target=rows.number[row],
        weights=catalogue.counts if rule.by == "popularity" else np.ones(items),
        refuse=refuse,
        per_positive=rule.per_positive,
    )
    return np.concatenate([index[row][:, None], drawn], axis=1)
