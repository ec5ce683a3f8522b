"""Rows of items, made anew of a table of items, without training."""
