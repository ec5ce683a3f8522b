"""TFDV statistics of a handful of raw examples, without a Beam pipeline."""

from __future__ import annotations

import tensorflow_data_validation as tfdv
from tensorflow_data_validation.statistics import stats_impl
from tensorflow_metadata.proto.v0 import statistics_pb2
from tfx_bsl.coders import example_coder

from tests.components import raw_examples


def statistics(data: raw_examples.Columns) -> statistics_pb2.DatasetFeatureStatisticsList:
    """What StatisticsGen would compute of these examples."""
    batch = example_coder.ExamplesToRecordBatchDecoder().DecodeBatch(raw_examples.serialized(data))
    return stats_impl.generate_statistics_in_memory(batch, tfdv.StatsOptions())
