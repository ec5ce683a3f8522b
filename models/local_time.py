"""What a clock on the wall shows, of seconds since 1970, in a graph."""

from __future__ import annotations

import datetime
import functools
import zoneinfo

import tensorflow as tf

DAY = 86_400
_YEARS = 1970, 2100
_MONDAY = 3  # 1 January 1970 was a Thursday


def hour_of_day(seconds: tf.Tensor, zone: str) -> tf.Tensor:
    """Returns the hour, 0 to 23, of int64 seconds since 1970, in a zone of the IANA data base."""
    return _local(seconds, zone) % DAY // 3600


def day_of_week(seconds: tf.Tensor, zone: str) -> tf.Tensor:
    """Returns the day, Monday is 0, of int64 seconds since 1970, in a zone as `hour_of_day`'s."""
    return (_local(seconds, zone) // DAY + _MONDAY) % 7


def _local(seconds: tf.Tensor, zone: str) -> tf.Tensor:
    begins, offsets = _offsets(zone)
    place = tf.searchsorted(tf.constant(begins, tf.int64), tf.reshape(seconds, [-1]), side="right")
    return seconds + tf.reshape(tf.gather(tf.constant(offsets, tf.int64), place), tf.shape(seconds))


@functools.cache
def _offsets(zone: str) -> tuple[list[int], list[int]]:
    """When the zone's offset from UTC changes, and the offsets before, between and after."""
    info = zoneinfo.ZoneInfo(zone)

    def offset(second: int) -> int:
        moment = datetime.datetime.fromtimestamp(second, datetime.UTC).astimezone(info)
        return round(moment.utcoffset().total_seconds())  # type: ignore[union-attr]

    first, last = (int(datetime.datetime(y, 1, 1, tzinfo=datetime.UTC).timestamp()) for y in _YEARS)
    begins, offsets = [], [offset(first)]
    for day in range(first + DAY, last, DAY):
        now = offset(day)
        if now != offsets[-1]:
            begins.append(_first(offset, day - DAY, day))
            offsets.append(now)
    return begins, offsets


def _first(offset, before: int, after: int) -> int:
    """The first second in (before, after] that has the offset of `after`."""
    while after - before > 1:
        middle = (before + after) // 2
        before, after = (before, middle) if offset(middle) == offset(after) else (middle, after)
    return after
