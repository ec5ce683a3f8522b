"""Everlong's pipeline: configuration, the TFX graph, its runners and the command line."""

import gc

import models  # noqa: F401  # it sets TensorFlow's environment, before anything imports TensorFlow

# TFX's imports make a million objects that stay, and graphs further ones. Looking through them for
# cycles as often as Python does by itself is some tenth of a command's start.
gc.set_threshold(50_000)

__version__ = "0.2.0"
