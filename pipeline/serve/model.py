"""A SavedModel in memory: signatures that take and give numpy arrays.

It is loaded as TensorFlow Serving loads it, into a session. `tf.saved_model.load` makes a Python
object of every operation of every function: seconds in which no other thread of the process gets
far, and then TensorFlow optimizes each function by itself when it first runs. In a session nearly
all of loading is C++ that lets other threads run.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import tensorflow as tf
from tensorflow.core.protobuf import config_pb2, meta_graph_pb2, rewriter_config_pb2
from tensorflow.python.saved_model import loader_impl

from components.plain_folder import plain
from pipeline.serve.errors import Code, RequestError, invalid, unknown
from pipeline.serve.expected import Expected
from pipeline.serve.graph_errors import of_tensorflow

Arrays = Mapping[str, np.ndarray]


class Signature:
    """One function of a model.

    Args:
      name: of the signature.
      definition: of it.
      session: that holds the model.

    Attributes:
      name: of the signature.
      inputs: names, shapes and types that it takes.
      outputs: names that it gives.
    """

    def __init__(
        self, name: str, definition: meta_graph_pb2.SignatureDef, session: tf.compat.v1.Session
    ) -> None:
        self.name = name
        self.inputs: dict[str, tf.TensorSpec] = {
            key: tf.TensorSpec(tf.TensorShape(one.tensor_shape), tf.as_dtype(one.dtype), key)
            for key, one in sorted(definition.inputs.items())
        }
        self.outputs: tuple[str, ...] = tuple(definition.outputs)
        options = config_pb2.CallableOptions(
            feed=[definition.inputs[key].name for key in self.inputs],
            fetch=[definition.outputs[key].name for key in self.outputs],
        )
        # As `Session.make_callable`, which looks at all names again in every request: a fifth of
        # the time of one with one target.
        self._function = session._make_callable_from_options(options)

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
        given = [np.asarray(tensors[n], s.dtype.as_numpy_dtype) for n, s in self.inputs.items()]
        try:
            found = self._function(*given)
        except (tf.errors.OpError, UnicodeDecodeError) as error:
            raise of_tensorflow(error) from None
        return dict(zip(self.outputs, found, strict=True))


class Model:
    """A SavedModel.

    Args:
      path: its folder.

    Attributes:
      path: its folder.
      session: that holds it.
      definition: the signatures as the SavedModel's file has them.
      expected: what is known of its requests and scores; nothing, until a server reads it.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.expected = Expected()
        self.session = tf.compat.v1.Session(graph=tf.Graph(), config=_options())
        loader = loader_impl.SavedModelLoader(plain(str(path)))
        loaded: meta_graph_pb2.MetaGraphDef = loader.load(self.session, [tf.saved_model.SERVING])
        self.definition = dict(loaded.signature_def)
        self._signatures = {
            name: Signature(name, definition, self.session)
            for name, definition in self.definition.items()
            if definition.method_name == tf.saved_model.PREDICT_METHOD_NAME
        }

    def signature(self, name: str) -> Signature:
        """The signature of a name.

        Raises:
          RequestError: if there is none.
        """
        if name not in self._signatures:
            sentence = unknown("signature", name, self._signatures)
            raise RequestError(Code.NOT_FOUND, sentence)
        return self._signatures[name]


def _options() -> config_pb2.ConfigProto:
    """Makes one graph of a signature's functions, and leaves it as it is but for constants.

    TensorFlow's graph optimizer would spare up to 15 % of a small request, and take more CPU time
    for each signature than all the rest of loading.
    """
    rewrites = rewriter_config_pb2.RewriterConfig(disable_meta_optimizer=True)
    optimizer = config_pb2.OptimizerOptions(do_function_inlining=True)
    return config_pb2.ConfigProto(
        graph_options=config_pb2.GraphOptions(optimizer_options=optimizer, rewrite_options=rewrites)
    )
