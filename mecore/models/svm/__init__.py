"""Polynomial support vector machines over whole grids of settings."""
