"""A version in memory: signatures that refuse what does not fit them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import tensorflow as tf

from components.saved_model import Arrays, Function, SavedModel
from pipeline.serve.errors import Code, RequestError, invalid, unknown
from pipeline.serve.expected import Expected
from pipeline.serve.graph_errors import of_tensorflow


class Signature:
    """One function of a model.

    Args:
      name: of the signature.
      function: that answers.

    Attributes:
      name: of the signature.
      inputs: names, shapes and types that it takes.
      outputs: names that it gives.
    """

    def __init__(self, name: str, function: Function) -> None:
        self.name = name
        self._function = function
        self.inputs, self.outputs = function.inputs, function.outputs

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
            if tensors[name].shape[:1] == (0,):
                raise invalid(f"{name}: holds nothing; ask about one user at least")
        try:
            return self._function(tensors)
        except (tf.errors.OpError, UnicodeDecodeError) as error:
            raise of_tensorflow(error) from None


class Model(SavedModel):
    """A SavedModel.

    Args:
      path: its folder.
      optimized: whether it answers many requests, as of `SavedModel`.

    Attributes:
      path: its folder.
      expected: what is known of its requests and scores; nothing, until a server reads it.
    """

    def __init__(self, path: Path, optimized: bool = False) -> None:
        super().__init__(str(path), optimized)
        self.path = path
        self.expected = Expected()

    def signature(self, name: str) -> Signature:
        """The signature of a name.

        Raises:
          RequestError: if there is none.
        """
        if name not in self.functions:
            raise RequestError(Code.NOT_FOUND, unknown("signature", name, self.functions))
        return Signature(name, self.functions[name])
