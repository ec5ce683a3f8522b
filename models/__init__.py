"""Click-through-rate models that read a user's whole behaviour history."""

import os

# The one place, which `components` and `pipeline` import before all else.
# TFT and TFRS need tf_keras behind `tf.keras`; this must be set before anything imports TensorFlow.
os.environ.setdefault("TF_USE_LEGACY_KERAS", "1")
# TensorFlow leaves oneDNN off where a CPU has no AVX-512: a training step takes a third longer.
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")
# After a product of numpy's OpenBLAS's threads spin for 27 ms (2^26 cycles), on cores of which
# TensorFlow makes no use then: a model that answers next takes half as long again. Now they sleep.
os.environ.setdefault("OPENBLAS_THREAD_TIMEOUT", "4")
