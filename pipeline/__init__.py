"""Everlong's pipeline: configuration, the TFX graph, its runners and the command line."""

import os

# TFT and TFRS need Keras 2; the switch must be thrown before anything imports TensorFlow.
os.environ.setdefault("TF_USE_LEGACY_KERAS", "1")

__version__ = "0.2.0"
