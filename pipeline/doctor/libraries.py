"""The libraries under Everlong, tried by using them: some fail without a word when imported.

These import TensorFlow: see `child`.
"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from pipeline.doctor.probe import Doubt, Fault, Probe

# What the driver of an NVIDIA GPU makes, in a container, too.
DRIVER = Path("/dev/nvidiactl")
_SETUP = "run make clean setup; if it stays, report it with the output of: ldd --version"


def _keras() -> str:
    import tensorflow as tf

    if not tf.keras.Model.__module__.startswith("tf_keras."):
        raise Fault(
            f"TensorFlow {tf.__version__} takes Keras 3, and TFX and TFRS know Keras 2 only; set "
            f"TF_USE_LEGACY_KERAS=1 (it is {os.environ.get('TF_USE_LEGACY_KERAS')!r})"
        )
    return f"tf_keras, by TensorFlow {tf.__version__}"


def _metadata() -> str:
    # Without its native module it prints an error when imported, and goes on without SQLite.
    from ml_metadata import metadata_store
    from ml_metadata.proto import metadata_store_pb2 as pb

    with tempfile.TemporaryDirectory() as folder:
        config = pb.ConnectionConfig()  # type: ignore[attr-defined]
        config.sqlite.filename_uri = f"{folder}/metadata.sqlite"
        store = metadata_store.MetadataStore(config)
        kind = pb.ArtifactType(name="Probe")  # type: ignore[attr-defined]
        store.put_artifact_type(kind)
        kept = [kind.name for kind in store.get_artifact_types()]
    if kept != ["Probe"]:
        raise Fault(f"a store in SQLite was written and read back as {kept}; {_SETUP}")
    return "a store in SQLite is written and read"


def _validation() -> str:
    import pandas as pd
    import tensorflow_data_validation as tfdv

    statistics = tfdv.generate_statistics_from_dataframe(pd.DataFrame({"item": [1, 2]}), n_jobs=1)
    inferred = [feature.name for feature in tfdv.infer_schema(statistics).feature]
    if inferred != ["item"]:
        raise Fault(f"the schema of a column `item` has {inferred}; {_SETUP}")
    return f"{tfdv.__version__} infers a schema"


def _beam() -> str:
    import apache_beam as beam

    with tempfile.TemporaryDirectory() as folder:
        with beam.Pipeline(runner="DirectRunner") as pipeline:
            pairs = pipeline | beam.Create([("a", 1), ("b", 2), ("a", 3)])
            sums = pairs | beam.CombinePerKey(sum) | beam.Map(str)
            sums | beam.io.WriteToText(f"{folder}/sums")  # which needs a /dev/shm to write to
        written = sorted(line for f in Path(folder).iterdir() for line in f.read_text().split("\n"))
    if [line for line in written if line] != ["('a', 4)", "('b', 2)"]:
        raise Fault(f"a pipeline in memory wrote {written} for sums; {_SETUP}")
    return f"{beam.__version__} runs a pipeline in memory"


def _gpu() -> str:
    import tensorflow as tf

    devices = tf.config.list_physical_devices("GPU")
    if devices:
        named = [tf.config.experimental.get_device_details(d).get("device_name") for d in devices]
        return ", ".join(str(name) for name in named)
    if DRIVER.exists():
        raise Doubt(
            "there is one, which TensorFlow does not see; install requirements/gpu.txt beside "
            "lock.txt, or use the image built with DEVICE=gpu"
        )
    return f"none: models train on {len(os.sched_getaffinity(0))} CPU cores"


def _xla() -> str:
    import tensorflow as tf

    multiply = tf.function(tf.matmul, jit_compile=True)
    product = multiply([[1.0, 2.0], [3.0, 4.0]], [[5.0, 6.0], [7.0, 8.0]])
    if product.numpy().tolist() != [[19.0, 22.0], [43.0, 50.0]]:
        raise Fault(f"a compiled product is wrong: {product.numpy().tolist()}; {_SETUP}")
    return f"compiles for the {'GPU' if 'GPU' in product.device else 'CPU'}"


LIBRARIES = (
    Probe("Keras", _keras, "TensorFlow's wheel needs a CPU with AVX, and all of requirements/"),
    Probe("ML Metadata", _metadata, _SETUP),
    Probe("TFDV", _validation, _SETUP),
    Probe("Beam", _beam, f"let /dev/shm and {tempfile.gettempdir()} be written; {_SETUP}"),
    Probe("GPU", _gpu, "hide it with CUDA_VISIBLE_DEVICES=-1, or mend its driver"),
    Probe("XLA", _xla, "set training.jit_compile: off if this machine is to train"),
)
