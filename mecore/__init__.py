"""Spotting and recognising facial micro-expressions: a reproducible study of four papers."""

__version__ = "0.1.0"
