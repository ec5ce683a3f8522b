"""BehaviorExampleGen: from a behaviour log to user-major examples, by Beam.

The TFX component is `components.behavior_example_gen.component.BehaviorExampleGen`; what is here
needs no TFX.
"""

from components.behavior_example_gen.check import check_log, fingerprint
from components.behavior_example_gen.columns import ColumnConfig
from components.behavior_example_gen.config import (
    SPLITS,
    HistoryConfig,
    IngestConfig,
    LabelConfig,
    LogConfig,
    SplitConfig,
)
from components.behavior_example_gen.errors import LogError

__all__ = [
    "SPLITS",
    "ColumnConfig",
    "HistoryConfig",
    "IngestConfig",
    "LabelConfig",
    "LogConfig",
    "LogError",
    "SplitConfig",
    "check_log",
    "fingerprint",
]
