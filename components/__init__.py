"""Everlong's TFX components: one folder each, pure helpers beside thin executors."""

import models  # noqa: F401  # it sets TensorFlow's environment, before anything imports TensorFlow
