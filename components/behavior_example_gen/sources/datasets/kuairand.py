"""KuaiRand: impressions of short videos."""

from __future__ import annotations

import numpy as np
import tensorflow_datasets as tfds

from components.behavior_example_gen.sources.datasets.event_log import EventLog, Joined

_VIDEOS, _USERS = "video_features_basic_pure.csv", "user_features_pure.csv"


class KuairandPure(EventLog):
    """KuaiRand-Pure: 1.4 million impressions of the standard policy, with videos and users.

    `time_ms` counts milliseconds since 1970; `is_click` is 0 or 1; `author_id`, `music_id`, `tag`
    (several, with commas between them) and `video_duration` in milliseconds are those of the video,
    `user_active_degree` is that of the user; empty or NaN where there is none.
    """

    VERSION = tfds.core.Version("2.0.0")
    RELEASE_NOTES = {  # noqa: RUF012
        "2.0.0": "With music_id, video_duration and user_active_degree; author_id is a text.",
    }
    HOMEPAGE = "https://kuairand.com"
    MANUAL_DOWNLOAD_INSTRUCTIONS = (
        "Download KuaiRand-Pure.tar.gz from https://kuairand.com and unpack "
        f"log_standard_*_pure.csv, {_VIDEOS} and {_USERS} of its folder data into manual_dir."
    )
    FILES = "log_standard_*_pure.csv"
    COLUMNS = dict.fromkeys(
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
    JOINED = (
        Joined(
            files=_VIDEOS,
            key="video_id",
            columns={
                "author_id": str,
                "tag": str,
                "music_id": str,
                "video_duration": np.float32,
            },
        ),
        Joined(files=_USERS, key="user_id", columns={"user_active_degree": str}),
    )
