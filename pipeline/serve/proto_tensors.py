"""Tensors of gRPC messages as numpy arrays, and back."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
import tensorflow as tf
from tensorflow.core.framework import tensor_pb2
from tensorflow_serving.apis import model_pb2

from components.saved_model import Arrays
from models.features import SERVING_DEFAULT
from pipeline.serve.errors import invalid
from pipeline.serve.model import Signature

# One value may stand for all that follow: a small message must not make a large array.
_MOST_REPEATED = 2**20


def signature_name(spec: model_pb2.ModelSpec) -> str:
    """The signature that a message means."""
    return spec.signature_name or SERVING_DEFAULT


def arrays(
    tensors: Mapping[str, tensor_pb2.TensorProto], signature: Signature
) -> dict[str, np.ndarray]:
    """Tensors as arrays.

    Raises:
      RequestError: naming a tensor of another type, or one that is damaged.
    """
    return {name: _array(name, tensor, signature) for name, tensor in tensors.items()}


def _array(name: str, tensor: tensor_pb2.TensorProto, signature: Signature) -> np.ndarray:
    spec = signature.inputs.get(name)
    if spec is not None and tensor.dtype != spec.dtype.as_datatype_enum:
        raise invalid(f"{name}: must be {spec.dtype.name}. Received: {_type(tensor.dtype)}")
    count = math.prod(dim.size for dim in tensor.tensor_shape.dim)
    if count and not _sent(tensor):  # TensorFlow would read as many zeros
        raise invalid(f"{name}: its shape has {count:,} values, of which none is sent")
    if count > max(_MOST_REPEATED, _sent(tensor)):
        raise invalid(
            f"{name}: its shape has {count:,} values, of which fewer are sent; the last may stand "
            f"for those that follow in no more than {_MOST_REPEATED:,}"
        )
    try:
        return tf.make_ndarray(tensor)
    except (TypeError, ValueError) as error:
        raise invalid(f"{name}: is no tensor: {error}") from None


def _sent(tensor: tensor_pb2.TensorProto) -> int:
    """As many values as a message holds, at least: of its bytes, one each."""
    lists = (values for field, values in tensor.ListFields() if field.name.endswith("_val"))
    return len(tensor.tensor_content) + sum(map(len, lists))


def _type(number: int) -> str:
    try:
        return tf.as_dtype(number).name
    except TypeError:
        return f"type {number}"


def protos(outputs: Arrays) -> dict[str, tensor_pb2.TensorProto]:
    """Arrays as TensorFlow Serving sends them: floats one by one, which many clients read."""
    return {name: _proto(array) for name, array in outputs.items()}


def _proto(array: np.ndarray) -> tensor_pb2.TensorProto:
    if array.dtype != np.float32:
        return tf.make_tensor_proto(array)
    shape = tf.TensorShape(array.shape).as_proto()
    number = tf.float32.as_datatype_enum
    return tensor_pb2.TensorProto(dtype=number, tensor_shape=shape, float_val=array.ravel())
