"""One video in, a report out."""
