"""Data on disk: manifests, annotation sheets, frames, external files and the phantom."""
