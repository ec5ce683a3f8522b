"""Every model, small, with the switches that change what it computes."""

from __future__ import annotations

import pydantic
import tensorflow as tf

from models.base import CtrModel
from models.config import ModelConfig
from models.layers import LengthModulation, TargetPositionEncoding
from models.registry import build_model
from tests.models.batches import SIZES

SMALL = {
    "item_dim": 4,
    "category_dim": 4,
    "cross_dim": 2,
    "num_heads": 2,
    "short_seq_len": 3,
    "summary_len": 5,
    "mlp_units": [8],
    "item_bias": True,
}
RETRIEVE = {"top_k": 3}
HASH = {"hash_bits": 9}

VARIANTS = {
    "avg_pooling": {},
    "din": {"last": 3},
    "din full": {"last": None},
    "twin": RETRIEVE,
    "twin per head": RETRIEVE | {"search": "per_head", "position_encoding": True},
    "twin mass": RETRIEVE | {"search": "mass", "length_modulation": True},
    "twin plain": RETRIEVE
    | {
        "cross_features": False,
        "projection": False,
        "short_seq_len": 0,
        "item_bias": False,
        "summary_len": 0,
    },
    "twin_v2": RETRIEVE | {"compression": 2, "chunk": 4},
    "twin_v2 per head": RETRIEVE | {"compression": 3, "chunk": 3, "search": "per_head"},
    "hstu": {},
    "mirrn": RETRIEVE | HASH,
    "mirrn diagonal gru": RETRIEVE
    | HASH
    | {"fourier_mix": "diagonal", "fourier_transform": "fft", "local_query": "gru"},
    "mirrn cluster": RETRIEVE
    | HASH
    | {"global_query": "cluster", "local_query": "last_m", "refinement": "self_attention"},
    "mirrn target": RETRIEVE
    | HASH
    | {"granularities": ["target"], "position_encoding": False, "refinement": "none"},
    "sim_hard": RETRIEVE,
    "sim_soft": RETRIEVE,
    "eta": RETRIEVE | HASH,
    "sdim": HASH | {"signature_bits": 3},
    "dare": RETRIEVE | {"attention_dim": 3, "length_modulation": True},
}


def config(variant: str, **changes) -> ModelConfig:
    """Returns the configuration of a variant."""
    options = {"name": variant.split()[0]} | SMALL | VARIANTS[variant] | changes
    if options["name"] == "mirrn":
        options = {"local_last": 2} | options
    return pydantic.TypeAdapter(ModelConfig).validate_python(options)


def small_model(variant: str, seed: int = 0, **changes) -> CtrModel:
    """Returns a small model, whose weights are large enough for all it does to show."""
    model = build_model(config(variant, **changes), SIZES, seed)
    for variable in model.embedding_variables:
        variable.assign(variable * 20)
    if model.item_bias is not None:
        model.item_bias.table.assign(tf.random.stateless_normal([SIZES.item, 1], [seed, 2]) / 20)
    for layer in model.submodules:
        if isinstance(layer, TargetPositionEncoding) and layer.trainable:
            layer.kernel.assign(tf.random.stateless_normal(layer.kernel.shape, [seed, 1]))
        if isinstance(layer, LengthModulation):
            kernel = layer.encode.layers[-1].kernel  # starts at zero
            kernel.assign(tf.random.stateless_normal(kernel.shape, [seed, 3]))
    return model
