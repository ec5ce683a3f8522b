"""KuaiRand: impressions of short videos."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import tensorflow_datasets as tfds

from components.behavior_example_gen.config.log_config import CsvConfig
from components.behavior_example_gen.sources.datasets.event_log import EventLog, typed
from components.behavior_example_gen.tables import one_batch

_VIDEOS = "video_features_basic_pure.csv"
_OF_VIDEO = {"author_id": np.int64, "tag": str}


class KuairandPure(EventLog):
    """KuaiRand-Pure: 1.4 million impressions of the standard policy, with features of the videos.

    `time_ms` counts milliseconds since 1970; `is_click` is 0 or 1; `author_id` and `tag` (several,
    with commas between them) are those of the video, -1 and empty where it has none.
    """

    VERSION = tfds.core.Version("1.0.0")
    HOMEPAGE = "https://kuairand.com"
    MANUAL_DOWNLOAD_INSTRUCTIONS = (
        "Download KuaiRand-Pure.tar.gz from https://kuairand.com and unpack "
        f"log_standard_*_pure.csv and {_VIDEOS} of its folder data into manual_dir."
    )
    FILES = "log_standard_*_pure.csv"
    COLUMNS = (
        dict.fromkeys(
            [
                "user_id",
                "video_id",
                "date",
                "hourmin",
                "time_ms",
                "is_click",
                "is_like",
                "is_follow",
                "is_comment",
                "is_forward",
                "is_hate",
                "long_view",
                "play_time_ms",
                "duration_ms",
                "profile_stay_time",
                "comment_stay_time",
                "is_profile_enter",
                "is_rand",
                "tab",
            ],
            np.int64,
        )
        | _OF_VIDEO
    )

    def tables(self, folder: str) -> Iterator[pa.RecordBatch]:
        """Joins the features of the videos."""
        columns = {"video_id": np.int64} | _OF_VIDEO
        read = self.blocks(folder, _VIDEOS, CsvConfig(), list(columns))
        videos = one_batch(pa.Table.from_batches([typed(block, columns) for block in read]))
        own = [name for name in self.COLUMNS if name not in _OF_VIDEO]
        for block in self.blocks(folder, self.FILES, self.CSV, own):
            rows = typed(block, self.COLUMNS)
            place = pc.index_in(rows["video_id"], videos["video_id"])
            authors = videos["author_id"].take(place).fill_null(-1)
            rows = rows.append_column("author_id", authors)
            yield rows.append_column("tag", videos["tag"].take(place))
