"""MovieLens-1M, with the order of each user's ratings."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pyarrow as pa
import tensorflow_datasets as tfds

from components.behavior_example_gen.config.log_config import CsvConfig
from components.behavior_example_gen.sources.datasets.event_log import EventLog, Joined, typed
from components.behavior_example_gen.tables import one_batch
from components.segments import rank_of, starts

_RATINGS = ["user_id", "movie_id", "rating", "timestamp"]
_MOVIES = CsvConfig(
    delimiter="::", header=["movie_id", "title", "genres"], encoding="latin-1", quote=None
)
_USERS = CsvConfig(delimiter="::", header=["user_id", "gender", "age", "occupation", "zip"])


class Movielens1mPositions(EventLog):
    """MovieLens-1M: 1,000,209 ratings of 6,040 users, with titles, genres, users and positions.

    `position` numbers a user's ratings from 0 in the order of their `timestamp`; equal ones, which
    are many, in the order of the file. `age` is the least of one of seven groups.
    """

    name = "movielens_1m_positions"
    VERSION = tfds.core.Version("1.2.0")
    RELEASE_NOTES = {  # noqa: RUF012
        "1.2.0": "With titles, which end with the year.",
        "1.1.0": "With gender, age and occupation of the users.",
    }
    HOMEPAGE = "https://grouplens.org/datasets/movielens/1m/"
    MANUAL_DOWNLOAD_INSTRUCTIONS = (
        "Download ml-1m.zip from https://grouplens.org/datasets/movielens/1m/ and unpack "
        "ratings.dat, movies.dat and users.dat into manual_dir."
    )
    FILES = "ratings.dat"
    CSV = CsvConfig(delimiter="::", header=_RATINGS)
    COLUMNS = {  # noqa: RUF012
        "user_id": np.int64,
        "movie_id": np.int64,
        "rating": np.int64,
        "timestamp": np.int64,
        "position": np.int64,
    }
    JOINED = (
        Joined(
            files="movies.dat", key="movie_id", columns={"title": str, "genres": str}, csv=_MOVIES
        ),
        Joined(
            files="users.dat",
            key="user_id",
            columns={"gender": str, "age": str, "occupation": str},
            csv=_USERS,
        ),
    )

    def tables(self, folder: str) -> Iterator[pa.RecordBatch]:
        """Sorts the ratings, which are few, at once."""
        read = self.blocks(folder, self.FILES, self.CSV, _RATINGS)
        rows = one_batch(pa.Table.from_batches([typed(block, self.COLUMNS) for block in read]))
        order = np.lexsort((rows["timestamp"].to_numpy(), rows["user_id"].to_numpy()))
        rows = rows.take(pa.array(order))
        yield rows.append_column(
            "position", pa.array(rank_of(starts(rows["user_id"].to_numpy())).astype(np.int64))
        )
