"""The command line: ``mecore …``."""
