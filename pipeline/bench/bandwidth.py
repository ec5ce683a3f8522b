"""The memory-bandwidth limits of this machine, measured with the same tools as retrieval."""

from __future__ import annotations

from collections.abc import Callable

import tensorflow as tf

STREAM_BYTES = 2**28  # far beyond any cache
GATHERED_ROWS = 2**18
CHUNKS = (2**12, 2**15)  # rows at a time: what is written stays in cache


def streaming_read(seed: int) -> tuple[Callable[[], tf.Tensor], int]:
    """Returns a function that reads memory in a line, and how many bytes it reads."""
    values = tf.random.stateless_normal([STREAM_BYTES // 4], [seed, 0])
    return tf.function(lambda: tf.reduce_max(values), autograph=False), STREAM_BYTES


def random_rows(table: tf.Variable, seed: int) -> dict[str, Callable[[], tf.Tensor]]:
    """Returns functions that read `GATHERED_ROWS` random rows of a table [N, D].

    A limit is what the fastest way reaches, so there are several: which one it is depends on the
    width of a row and on the machine.
    """
    width = table.shape[1]
    one = tf.ones([width])
    ways = {}
    for chunk in CHUNKS:
        indices = tf.random.stateless_uniform(
            [GATHERED_ROWS // chunk, chunk], [seed, 1], 0, table.shape[0], tf.int32
        )

        def scored(indices=indices):
            return tf.map_fn(
                lambda part: tf.linalg.matvec(tf.gather(table, part), one),
                indices,
                fn_output_signature=tf.float32,
            )

        def copied(indices=indices):
            return tf.map_fn(
                lambda part: tf.gather(table, part)[0, 0], indices, fn_output_signature=tf.float32
            )

        ways[f"scored {chunk}"] = tf.function(scored, jit_compile=True, autograph=False)
        ways[f"copied {chunk}"] = tf.function(copied, autograph=False)
    return ways
