"""Networks of the papers, their training, and what they look at."""

import os

# TensorFlow reports every missing accelerator library on import; errors still come through.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
