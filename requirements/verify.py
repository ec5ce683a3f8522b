"""Checks an installed environment by using what breaks silently in it.

ml-metadata only prints an import error and goes on without SQLite when its native module does not
load; so this opens a store, writes and reads back, and has TFDV's native module infer a schema.
"""

from __future__ import annotations

import os
import sys
import tempfile

os.environ.setdefault("TF_USE_LEGACY_KERAS", "1")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")


def check_metadata_store() -> None:
    from ml_metadata import metadata_store
    from ml_metadata.proto import metadata_store_pb2 as pb

    with tempfile.TemporaryDirectory() as folder:
        config = pb.ConnectionConfig()
        config.sqlite.filename_uri = f"{folder}/metadata.sqlite"
        store = metadata_store.MetadataStore(config)
        store.put_artifact_type(pb.ArtifactType(name="Probe"))
        assert [kind.name for kind in store.get_artifact_types()] == ["Probe"]


def check_data_validation() -> None:
    import pandas as pd
    import tensorflow_data_validation as tfdv

    statistics = tfdv.generate_statistics_from_dataframe(pd.DataFrame({"item": [1, 2]}), n_jobs=1)
    schema = tfdv.infer_schema(statistics)
    assert [feature.name for feature in schema.feature] == ["item"]


def main() -> int:
    for check in (check_metadata_store, check_data_validation):
        try:
            check()
        except Exception as error:
            print(f"verify: {check.__name__} failed: {error!r}", file=sys.stderr)
            return 1
    print("verify: ML Metadata opens SQLite and TFDV infers a schema")
    return 0


if __name__ == "__main__":
    sys.exit(main())
