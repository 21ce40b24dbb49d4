"""Splits, the fold runner, stored rows, and the tasks of the chapters."""
