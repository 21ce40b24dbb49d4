"""From faces to numbers: optical flow, strain, regions of interest."""
