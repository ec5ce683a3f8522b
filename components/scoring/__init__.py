"""Targets scored by an exported model: the table that everything downstream reads."""
