"""Everlong's TFX components: one folder each, pure helpers beside thin executors."""

import os

# TFT and TFRS need Keras 2; the switch must be thrown before anything imports TensorFlow.
os.environ.setdefault("TF_USE_LEGACY_KERAS", "1")
