"""Optical flow: its engines, what is derived from it, and flow as a small image."""
