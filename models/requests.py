"""What a request must be before it is scored: an error that names the feature, never a probability.

A feature that is missing or misspelt parses as one without values, so it shows as a length that
does not fit the others. The checks are few operations on sizes: they cost nothing beside scoring.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, NamedTuple

import tensorflow as tf

from models import features
from models.inputs import Layout

_FAR = 30 * 365 * 86_400  # seconds
# Of a user's targets with behaviours, whose scores are in memory at once: half a GiB of them.
MOST_PAIRS = 2**27
_MISSPELT = "; a feature that is missing or misspelt has 0"


class Check(NamedTuple):
    """Where a request is wrong, and what is said of the first such place."""

    wrong: tf.Tensor  # [n] bool
    message: Callable[[tf.Tensor], list[str | tf.Tensor]]


def checked(
    raw: Mapping[str, tf.RaggedTensor],
    layout: Layout,
    span: tuple[int, int] | None = None,
    optional: Collection[str] = (),
    *,
    max_length: int,
    dense: bool = False,
) -> dict[str, tf.RaggedTensor]:
    """Returns the same features, which can be read only once they were found to fit each other.

    Args:
      raw: `history_*` [n, L], `target_*` [n, T], and `target_hist_end` [n, T] or empty by example;
        features of users [n, V].
      layout: which features are of users, and which of these have one value.
      span: first and last second of training; None: times are an order.
      optional: features of targets that an example may lack.
      max_length: behaviours of a history that are read at most.
      dense: whether `checked_dense` found all lengths to fit.

    Raises:
      tf.errors.InvalidArgumentError: when the graph runs, if in an example the features of its
        history or of its targets differ in length, if it has no target, if a number is none, if
        `history_time` falls, if a time is 30 years away from training, or if `target_hist_end`
        lies outside its history, or if targets and behaviours are more than memory may hold.
    """
    lengths = {name: values.row_lengths() for name, values in raw.items()}
    history, targets = _by_side(_equally_long(lengths, layout, optional))
    wanted = targets[features.TARGET_ITEM]
    checks = [
        _some_targets(wanted),
        *(_finite(name, values) for name, values in raw.items() if values.dtype.is_floating),
        _rising(raw[features.HISTORY_TIME]),
        _few_pairs(wanted, history[features.HISTORY_ITEM], max_length),
    ]
    if span is not None:
        times = (features.HISTORY_TIME, features.TARGET_TIME)
        checks += [_plausible(name, raw[name], span) for name in times]
    if not dense:
        equal = (_equal(side, "values", _MISSPELT, examples=True) for side in (history, targets))
        checks = [*equal, *checks]
        checks += [_one(name, lengths[name]) for name in sorted(layout.single)]
        checks += [_all_or_none(name, lengths[name], wanted) for name in optional]
    if features.TARGET_HIST_END in raw:
        checks += _ends(raw[features.TARGET_HIST_END], history[features.HISTORY_ITEM], wanted)
    with tf.control_dependencies([_enforced(checks)]):
        return {name: x.with_flat_values(tf.identity(x.flat_values)) for name, x in raw.items()}


def with_common_rows(
    raw: Mapping[str, tf.RaggedTensor], layout: Layout, optional: Collection[str] = ()
) -> dict[str, tf.RaggedTensor]:
    """Returns what `checked` found to fit, where what is equally long has the same rows.

    What follows is told of all of them at once then. Tensors lose it on their way into a function.
    """
    history, targets = _by_side(_equally_long(raw, layout, optional))
    rows = dict.fromkeys(history, features.HISTORY_ITEM) | dict.fromkeys(
        targets, features.TARGET_ITEM
    )
    return {n: raw[rows.get(n, n)].with_flat_values(x.flat_values) for n, x in raw.items()}


def checked_dense(tensors: Mapping[str, tf.Tensor], layout: Layout) -> dict[str, tf.Tensor]:
    """Returns the same tensors, which can be read only once they were found to fit each other.

    Args:
      tensors: `history_*` [n, L], `history_length` [n], `target_*` [n, T], of users [n, V].
      layout: which features are of users, and which of these have one value.

    Raises:
      tf.errors.InvalidArgumentError: when the graph runs, if rows or columns differ, or if a
        `history_length` lies outside 0 to L.
    """
    length = tensors[features.HISTORY_LENGTH]
    names = [name for name in tensors if name != features.HISTORY_LENGTH]
    shapes = tf.stack([tf.shape(tensors[name], tf.int64) for name in names])
    rows = tf.concat([shapes[:, 0], tf.shape(length, tf.int64)], 0)[None]
    columns = dict(zip(names, tf.split(shapes[:, 1], len(names)), strict=True))
    history, targets = _by_side({n: s for n, s in columns.items() if n not in layout.values})
    most = history[features.HISTORY_ITEM][0]
    wrong = (length < 0) | (length > most)
    checks = [
        _equal_sizes([*names, features.HISTORY_LENGTH], rows, "rows"),
        _equal(history, "columns"),
        _equal(targets, "columns"),
        *(_one_column(name, columns[name]) for name in sorted(layout.single)),
        Check(
            wrong,
            lambda at: [features.HISTORY_LENGTH, ": must be 0 to ", most, ", the columns of ",
                        features.HISTORY_ITEM, ". Received: ", length[at], " in row ", at],
        ),
    ]  # fmt: skip
    with tf.control_dependencies([_enforced(checks)]):
        return {name: tf.identity(tensor) for name, tensor in tensors.items()}


def _equally_long(
    of_features: Mapping[str, Any], layout: Layout, optional: Collection[str]
) -> dict[str, Any]:
    """What is said of features, but for those that have lengths of their own."""
    own = {features.TARGET_HIST_END, *layout.values, *optional}
    return {name: said for name, said in of_features.items() if name not in own}


def _by_side(sizes: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """What is said of the features of the history, and what is of those of the targets."""
    history = {n: s for n, s in sizes.items() if n.startswith(features.HISTORY_PREFIX)}
    return history, {name: size for name, size in sizes.items() if name not in history}


def _equal(
    sizes: Mapping[str, tf.Tensor], unit: str, hint: str = "", examples: bool = False
) -> Check:
    """Every feature has the same size [n], in each of n `examples` or alone in `sizes`."""
    return _equal_sizes(list(sizes), tf.stack(list(sizes.values()), axis=1), unit, hint, examples)


def _equal_sizes(
    known: Sequence[str], table: tf.Tensor, unit: str, hint: str = "", examples: bool = False
) -> Check:
    """As `_equal`, of sizes [n, features]."""
    names = tf.constant(known)
    most = tf.reduce_max(table, axis=1)

    def message(at: tf.Tensor) -> list[str | tf.Tensor]:
        row = table[at]
        least = tf.argmin(row)
        place = [" in example ", at] if examples else []
        return [names[least], ": ", row[least], f" {unit} where ", names[tf.argmax(row)],
                " has ", most[at], *place, hint]  # fmt: skip

    return Check(tf.reduce_any(table != most[:, None], axis=1), message)


def _some_targets(count: tf.Tensor) -> Check:
    text = f"{features.TARGET_ITEM}: there must be at least one target. Received: none in example "
    return Check(count == 0, lambda at: [text, at, _MISSPELT])


def _few_pairs(targets: tf.Tensor, history: tf.Tensor, max_length: int) -> Check:
    """All examples are padded to the most of both."""
    most, length = tf.reduce_max(targets), tf.minimum(tf.reduce_max(history), max_length)
    return Check(
        (most * length > MOST_PAIRS)[None],
        lambda _: [features.TARGET_ITEM, ": ", most, " targets of ", length, " behaviours each are "
                   f"more than {MOST_PAIRS} pairs; ask about fewer targets at a time"],
    )  # fmt: skip


def _one(name: str, count: tf.Tensor) -> Check:
    return Check(
        count != 1,
        lambda at: [name, ": must have one value. Received: ", count[at], " in example ", at,
                    _MISSPELT],
    )  # fmt: skip


def _one_column(name: str, count: tf.Tensor) -> Check:
    return Check(count != 1, lambda _: [name, ": must have one column. Received: ", count[0]])


def _finite(name: str, values: tf.RaggedTensor) -> Check:
    """No number is infinite: it would fall into a bucket, as any other. NaN is a missing one."""
    numbers = values.flat_values
    return Check(
        tf.math.is_inf(numbers),
        lambda at: [name, ": must be a number, or NaN where it is missing. Received: ", numbers[at],
                    " in example ", values.value_rowids()[at]],
    )  # fmt: skip


def _rising(times: tf.RaggedTensor) -> Check:
    """Behaviours are in order, the oldest first: positions and what is newest follow from it."""
    flat = times.flat_values
    falls = flat[1:] < flat[:-1]

    def within_examples() -> tf.Tensor:
        row = times.value_rowids()
        return falls & (row[1:] == row[:-1])

    return Check(
        tf.cond(tf.reduce_any(falls), within_examples, lambda: tf.zeros([0], tf.bool)),
        lambda at: [features.HISTORY_TIME, ": must rise, the oldest behaviour first. Received: ",
                    flat[at + 1], " after ", flat[at], " in example ", times.value_rowids()[at]],
    )  # fmt: skip


def _plausible(name: str, times: tf.RaggedTensor, span: tuple[int, int]) -> Check:
    """Times are in the unit of training: milliseconds for seconds would be in another age."""
    first, last = span
    flat = times.flat_values
    return Check(
        (flat < first - _FAR) | (flat > last + _FAR),
        lambda at: [name, ": must be in seconds since 1970. Received: ", flat[at],
                    f", more than 30 years from the times of training, {first} to {last}, in "
                    "example ", times.value_rowids()[at]],
    )  # fmt: skip


def _all_or_none(name: str, count: tf.Tensor, targets: tf.Tensor) -> Check:
    return Check(
        (count > 0) & (count != targets),
        lambda at: [name, ": ", count[at], " values for ", targets[at], " targets in example ", at],
    )


def _ends(given: tf.RaggedTensor, length: tf.Tensor, targets: tf.Tensor) -> list[Check]:
    """`target_hist_end`, where it is given, has a value from 0 to L for each target."""
    name = features.TARGET_HIST_END
    ends, row = given.flat_values, given.value_rowids()
    most = tf.gather(length, row)
    return [
        _all_or_none(name, given.row_lengths(), targets),
        Check(
            (ends < 0) | (ends > most),
            lambda at: [name, ": must be 0 to ", most[at], ", the length of the history. ",
                        "Received: ", ends[at], " in example ", row[at]],
        ),
    ]  # fmt: skip


def _enforced(checks: Sequence[Check]) -> tf.Tensor:
    """Fails with the message of the first check that is wrong somewhere."""

    def failed(check: Check) -> tf.Tensor:
        parts = check.message(tf.argmax(check.wrong))
        text = [p if isinstance(p, str) or p.dtype == tf.string else tf.as_string(p) for p in parts]
        end = tf.raw_ops.Assert(condition=False, data=[tf.strings.join(text)], summarize=1)
        with tf.control_dependencies([end]):
            return tf.constant(False)

    def first() -> tf.Tensor:
        found = tf.stack([tf.reduce_any(check.wrong) for check in checks])
        branches = [functools.partial(failed, check) for check in checks]
        return tf.switch_case(tf.argmax(found, output_type=tf.int32), branches)

    # One branch in a request that is right; what is wrong, and where, is asked in the other.
    wrong = tf.reduce_any(tf.concat([check.wrong for check in checks], axis=0))
    return tf.cond(wrong, first, lambda: tf.constant(True))
