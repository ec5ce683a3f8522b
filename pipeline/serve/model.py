"""A SavedModel in memory: signatures that take and give numpy arrays."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
from tensorflow.core.protobuf import meta_graph_pb2
from tensorflow.python.saved_model import loader_impl

from components.plain_folder import plain
from pipeline.serve.errors import Code, RequestError, invalid, unknown
from pipeline.serve.graph_errors import of_tensorflow

Arrays = Mapping[str, np.ndarray]


class Signature:
    """One function of a model.

    Args:
      name: of the signature.
      function: of a loaded SavedModel.

    Attributes:
      name: of the signature.
      inputs: names, shapes and types that it takes.
      outputs: names that it gives.
    """

    def __init__(self, name: str, function: Any) -> None:
        self.name = name
        self.inputs: dict[str, tf.TensorSpec] = dict(
            sorted(function.structured_input_signature[1].items())
        )
        self.outputs: tuple[str, ...] = tuple(function.structured_outputs)
        self._function = function

    def __call__(self, tensors: Arrays) -> dict[str, np.ndarray]:
        """Runs the graph.

        Args:
          tensors: an array of each input's type; strings are bytes.

        Raises:
          RequestError: naming the input that is missing, unknown, or of another shape; or with the
            sentence that the graph says of the request.
        """
        for name in tensors:
            if name not in self.inputs:
                what = f"input of signature {self.name!r}"
                raise invalid(unknown(what, name, self.inputs))
        if missing := [name for name in self.inputs if name not in tensors]:
            raise invalid(f"{missing[0]}: is missing; signature {self.name!r} takes it")
        for name, spec in self.inputs.items():
            if not spec.shape.is_compatible_with(tensors[name].shape):
                wanted = ", ".join("any" if size is None else str(size) for size in spec.shape)
                raise invalid(
                    f"{name}: must be of shape [{wanted}]. Received: {list(tensors[name].shape)}"
                )
        try:
            found = self._function(
                **{n: tf.constant(tensors[n], spec.dtype) for n, spec in self.inputs.items()}
            )
        except tf.errors.OpError as error:
            raise of_tensorflow(error) from None
        return {name: tensor.numpy() for name, tensor in found.items()}


class Model:
    """A SavedModel.

    Args:
      path: its folder.

    Attributes:
      path: its folder.
      definition: the signatures as the SavedModel's file has them.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        folder = plain(str(path))
        # Signatures alone would not keep its variables alive.
        self._loaded = tf.saved_model.load(folder)
        self._signatures = {
            name: Signature(name, function) for name, function in self._loaded.signatures.items()
        }
        graph: meta_graph_pb2.MetaGraphDef = loader_impl.parse_saved_model(folder).meta_graphs[0]
        self.definition = dict(graph.signature_def)

    def signature(self, name: str) -> Signature:
        """The signature of a name.

        Raises:
          RequestError: if there is none.
        """
        if name not in self._signatures:
            sentence = unknown("signature", name, self._signatures)
            raise RequestError(Code.NOT_FOUND, sentence)
        return self._signatures[name]
