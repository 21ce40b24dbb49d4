"""Spotting and recognising facial micro-expressions: a reproducible study of four papers."""

import os

__version__ = "0.1.0"

# TensorFlow reports every missing accelerator library on import; errors still come through.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
