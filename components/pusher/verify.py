"""Whether a SavedModel can be served: it loads, and gives real examples probabilities."""

from __future__ import annotations

import contextlib
import itertools
import os
import tempfile
from collections.abc import Iterator, Sequence

import numpy as np
import tensorflow as tf
from tfx.utils import io_utils

from components.scoring.exported_model import Model
from models.inputs import untuned

_REQUESTS = 8


class UnservableError(RuntimeError):
    """A model that was about to be pushed cannot be served."""


def requests(files: Sequence[str]) -> np.ndarray:
    """The first serialized examples [n] of bytes of gzipped TFRecord files."""
    records = untuned(tf.data.TFRecordDataset(list(files), "GZIP"))
    return np.array(list(itertools.islice(records.as_numpy_iterator(), _REQUESTS)), object)


def verify(folder: str, examples: np.ndarray) -> None:
    """Loads the SavedModel in `folder` and scores `examples`.

    Raises:
      UnservableError: if it does not load, or gives anything but probabilities.
    """
    try:
        with here(folder) as near:
            scores = Model(near)(examples)
    except Exception as error:  # TensorFlow has many ways to fail
        raise UnservableError(f"the model in {folder} cannot be served: {error}") from error
    if not (len(scores) and np.all((scores >= 0) & (scores <= 1))):
        raise UnservableError(
            f"the model in {folder} gives {len(examples)} examples scores that are no "
            f"probabilities: {np.ravel(scores)[:5].tolist()}"
        )


@contextlib.contextmanager
def here(folder: str) -> Iterator[str]:
    """A folder of this machine with what is in the folder, which may be in an object store."""
    if "://" not in folder:
        yield folder
        return
    with tempfile.TemporaryDirectory() as private:
        near = os.path.join(private, "model")  # which others may read, as what is copied from it
        io_utils.copy_dir(folder, near)
        yield near
