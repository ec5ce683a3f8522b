"""Everlong's TFX components: one folder each, pure helpers beside thin executors."""

import os

# TFT and TFRS need Keras 2; the switch must be thrown before anything imports TensorFlow.
os.environ.setdefault("TF_USE_LEGACY_KERAS", "1")
# TensorFlow leaves oneDNN off where a CPU has no AVX-512: a training step takes a third longer.
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")
