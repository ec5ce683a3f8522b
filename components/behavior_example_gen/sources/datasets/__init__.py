"""TensorFlow datasets of behaviour logs. Importing this package makes TFDS know them by name."""

from components.behavior_example_gen.sources.datasets.event_log import EventLog, Joined
from components.behavior_example_gen.sources.datasets.kuairand import KuairandPure
from components.behavior_example_gen.sources.datasets.movielens import Movielens1mPositions
from components.behavior_example_gen.sources.datasets.tianchi import (
    AlipayUserLog,
    TaobaoUserBehavior,
    TmallUserLog,
)

NAMES = tuple(
    builder.name
    for builder in (
        AlipayUserLog,
        KuairandPure,
        Movielens1mPositions,
        TaobaoUserBehavior,
        TmallUserLog,
    )
)

__all__ = [
    "NAMES",
    "AlipayUserLog",
    "EventLog",
    "Joined",
    "KuairandPure",
    "Movielens1mPositions",
    "TaobaoUserBehavior",
    "TmallUserLog",
]
