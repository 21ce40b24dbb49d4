"""Chapters executed, and the book rendered from them."""
