"""What TensorFlow says of a request, as one sentence without the graph's inside."""

from __future__ import annotations

import re

import tensorflow as tf

from pipeline.serve.errors import Code, RequestError, invalid

_ASSERTION = re.compile(r"assertion failed: \[(.*)\]\s*$", re.MULTILINE)
_NODE = "\n\t [[{{"  # where in the graph
_NO_EXAMPLE = "Could not parse example input"
# Before the sentence: which of several errors, its code, and the example, which has no name.
_HEAD = re.compile(r"^(\(\d+\) )?([A-Z_]+: )?(Name: <unknown>, )?")


def of_tensorflow(error: tf.errors.OpError | UnicodeDecodeError) -> RequestError:
    """The error of a request on which a graph failed.

    Args:
      error: of TensorFlow, or of its Python over bytes that TensorFlow quotes.
    """
    if isinstance(error, UnicodeDecodeError):
        text = error.object.decode("utf-8", "replace")
    else:
        text = error.message
    if _NO_EXAMPLE in text:  # and quotes it, of any length and with line ends
        return invalid(f"{_NO_EXAMPLE}: `examples` must be serialized tf.Examples")
    if found := _ASSERTION.search(text):
        sentence = _unescaped(found[1])
    else:
        sentence = text.partition(_NODE)[0].strip().rpartition("\n")[2].partition(" [Op:")[0]
        sentence = _HEAD.sub("", sentence)
    if isinstance(error, tf.errors.InvalidArgumentError | UnicodeDecodeError):
        return invalid(sentence)
    if isinstance(error, tf.errors.ResourceExhaustedError):
        return RequestError(Code.RESOURCE_EXHAUSTED, sentence)
    return RequestError(Code.INTERNAL, f"{type(error).__name__}: {sentence}")


def _unescaped(text: str) -> str:
    """The text of an assertion, in which TensorFlow writes quotes and some bytes as escapes."""
    try:
        escaped = text.encode().decode("unicode_escape")
        return escaped.encode("latin-1").decode("utf-8", "replace")
    except UnicodeError:
        return text
