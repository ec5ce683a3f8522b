"""A SavedModel in a session: its signatures as functions of numpy arrays.

It is loaded as TensorFlow Serving loads it. `tf.saved_model.load` makes a Python object of every
operation of every function, seconds in which no other thread of the process gets far, and then
TensorFlow optimizes each function by itself when it first runs. In a session nearly all of loading
is C++ that lets other threads run; and examples are scored as fast (within 5 %).
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping

import numpy as np
import tensorflow as tf
from tensorflow.core.protobuf import config_pb2, meta_graph_pb2, rewriter_config_pb2
from tensorflow.python.saved_model import loader_impl

from components.plain_folder import plain

Arrays = Mapping[str, np.ndarray]


class Function:
    """A signature.

    Args:
      definition: of it.
      session: that holds the model.

    Attributes:
      inputs: names, shapes and types that it takes, by name.
      outputs: names that it gives.
    """

    def __init__(
        self, definition: meta_graph_pb2.SignatureDef, session: tf.compat.v1.Session
    ) -> None:
        self.inputs: dict[str, tf.TensorSpec] = {
            key: tf.TensorSpec(tf.TensorShape(one.tensor_shape), tf.as_dtype(one.dtype), key)
            for key, one in sorted(definition.inputs.items())
        }
        self.outputs: tuple[str, ...] = tuple(definition.outputs)
        self._session = session
        self._options = config_pb2.CallableOptions(
            feed=[definition.inputs[key].name for key in self.inputs],
            fetch=[definition.outputs[key].name for key in self.outputs],
        )

    @functools.cached_property
    def _run(self) -> Callable[..., list[np.ndarray]]:
        # As `Session.make_callable`, which looks at all names again in every request: a fifth of
        # the time of one with one target.
        run: Callable[..., list[np.ndarray]] = self._session._make_callable_from_options(
            self._options
        )
        return run

    def make_ready(self) -> None:
        """Has TensorFlow build the graph that answers, a second which else the first call takes."""
        _ = self._run

    def __call__(self, tensors: Arrays) -> dict[str, np.ndarray]:
        """Runs the graph.

        Args:
          tensors: an array of each input's type; strings are bytes.

        Raises:
          tf.errors.OpError: what the graph says of them.
        """
        given = [np.asarray(tensors[n], s.dtype.as_numpy_dtype) for n, s in self.inputs.items()]
        return dict(zip(self.outputs, self._run(*given), strict=True))


class SavedModel:
    """A model in memory.

    Args:
      path: its folder, of this machine or a URI that TensorFlow opens.
      optimized: whether TensorFlow optimizes the graph of each signature, as it does for TensorFlow
        Serving. It spares 4 to 20 % of a request and takes about as long as the rest of loading:
        it is for who answers requests for hours.

    Attributes:
      session: that holds it.
      definition: the signatures as the SavedModel's file has them.
      functions: the same, by name.
    """

    def __init__(self, path: str, optimized: bool = False) -> None:
        self.session = tf.compat.v1.Session(graph=tf.Graph(), config=_options(optimized))
        loader = loader_impl.SavedModelLoader(plain(path))
        loaded: meta_graph_pb2.MetaGraphDef = loader.load(self.session, [tf.saved_model.SERVING])
        self.definition = dict(loaded.signature_def)
        self.functions = {
            name: Function(definition, self.session)
            for name, definition in self.definition.items()
            if definition.method_name == tf.saved_model.PREDICT_METHOD_NAME
        }


def _options(optimized: bool) -> config_pb2.ConfigProto:
    """Makes one graph of a signature's functions, and leaves it as it is but for constants.

    Or has it optimized, in half of the time that TensorFlow takes by itself for as much: once
    instead of twice, and without those of its optimizers that find nothing in these graphs.
    """
    off = rewriter_config_pb2.RewriterConfig.OFF
    rewrites = rewriter_config_pb2.RewriterConfig(
        disable_meta_optimizer=not optimized,
        meta_optimizer_iterations=rewriter_config_pb2.RewriterConfig.ONE,
        memory_optimization=rewriter_config_pb2.RewriterConfig.NO_MEM_OPT,
        function_optimization=off,
        layout_optimizer=off,
        loop_optimization=off,
        scoped_allocator_optimization=off,
        shape_optimization=off,
    )
    optimizer = config_pb2.OptimizerOptions(do_function_inlining=True)
    return config_pb2.ConfigProto(
        graph_options=config_pb2.GraphOptions(optimizer_options=optimizer, rewrite_options=rewrites)
    )
