"""Figures, tables, published results and the chapter runner."""
