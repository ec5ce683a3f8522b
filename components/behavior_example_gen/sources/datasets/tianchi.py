"""Logs of Alibaba's shops, as published on Tianchi."""

from __future__ import annotations

import numpy as np
import tensorflow_datasets as tfds

from components.behavior_example_gen.config.log_config import CsvConfig
from components.behavior_example_gen.sources.datasets.event_log import EventLog, Joined


class TaobaoUserBehavior(EventLog):
    """Taobao UserBehavior: 100,150,807 events of 987,994 users, 2017-11-25 to 12-03.

    `behavior` is pv, cart, fav or buy; `timestamp` counts seconds since 1970.
    """

    VERSION = tfds.core.Version("1.0.0")
    HOMEPAGE = "https://tianchi.aliyun.com/dataset/649"
    MANUAL_DOWNLOAD_INSTRUCTIONS = (
        "Sign in at https://tianchi.aliyun.com/dataset/649, download UserBehavior.csv.zip and "
        "unpack UserBehavior.csv into manual_dir."
    )
    FILES = "UserBehavior.csv"
    CSV = CsvConfig(header=["user_id", "item_id", "category_id", "behavior", "timestamp"])
    COLUMNS = {  # noqa: RUF012
        "user_id": np.int64,
        "item_id": np.int64,
        "category_id": np.int64,
        "behavior": str,
        "timestamp": np.int64,
    }


class TmallUserLog(EventLog):
    """Tmall repeat buyers, IJCAI-15: 54,925,330 events of 424,170 users in half a year.

    `time_stamp` is month and day, 511 the 11th of May; `action_type` is 0 click, 1 cart, 2 purchase
    or 3 favourite; `age_range` and `gender` are of the user; what is missing is empty.
    """

    VERSION = tfds.core.Version("2.0.0")
    RELEASE_NOTES = {  # noqa: RUF012
        "2.0.0": "With age_range and gender of the users; a missing brand_id is empty, not -1.",
    }
    HOMEPAGE = "https://tianchi.aliyun.com/dataset/42"
    MANUAL_DOWNLOAD_INSTRUCTIONS = (
        "Sign in at https://tianchi.aliyun.com/dataset/42, download data_format1.zip and unpack "
        "user_log_format1.csv and user_info_format1.csv into manual_dir."
    )
    FILES = "user_log_format1.csv"
    COLUMNS = dict.fromkeys(
        ["user_id", "item_id", "cat_id", "seller_id", "time_stamp", "action_type"], np.int64
    ) | {"brand_id": str}
    JOINED = (
        Joined(
            files="user_info_format1.csv",
            key="user_id",
            columns={"age_range": str, "gender": str},
        ),
    )


class AlipayUserLog(EventLog):
    """Alipay, IJCAI-16: 44 million events of Taobao users, 2015-07 to 11.

    `time_ID` is a day such as 20150701; `act_ID` is 0 click or 1 purchase.
    """

    VERSION = tfds.core.Version("1.0.0")
    HOMEPAGE = "https://tianchi.aliyun.com/dataset/53"
    MANUAL_DOWNLOAD_INSTRUCTIONS = (
        "Sign in at https://tianchi.aliyun.com/dataset/53, download IJCAI16_data.zip and unpack "
        "ijcai2016_taobao.csv into manual_dir."
    )
    FILES = "ijcai2016_taobao.csv"
    COLUMNS = dict.fromkeys(["use_ID", "sel_ID", "ite_ID", "cat_ID", "act_ID", "time_ID"], np.int64)
