"""Everlong's pipeline: configuration, the TFX graph, its runners and the command line."""

import gc
import os

# TFT and TFRS need Keras 2; the switch must be thrown before anything imports TensorFlow.
os.environ.setdefault("TF_USE_LEGACY_KERAS", "1")
# TensorFlow leaves oneDNN off where a CPU has no AVX-512: a training step takes a third longer.
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")

# TFX's imports make a million objects that stay, and graphs further ones. Looking through them for
# cycles as often as Python does by itself is some tenth of a command's start.
gc.set_threshold(50_000)

__version__ = "0.2.0"
