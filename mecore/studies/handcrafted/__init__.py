"""Handcrafted features and a grid of settings (Varanka 2019)."""
