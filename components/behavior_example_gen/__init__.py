"""BehaviorExampleGen: from a behaviour log to user-major examples, by Beam.

The configuration is what the rest of the project sees; it imports neither Beam nor TFX. The TFX
component is `components.behavior_example_gen.component.BehaviorExampleGen`, the check of a log
before a run `components.behavior_example_gen.check`.
"""

from components.behavior_example_gen.cells.columns import ColumnConfig
from components.behavior_example_gen.config.ingest_config import (
    SPLITS,
    HistoryConfig,
    IngestConfig,
    LogConfig,
    SplitConfig,
)
from components.behavior_example_gen.config.label_config import LabelConfig
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
]
