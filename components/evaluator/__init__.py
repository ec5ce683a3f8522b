"""Judges a model: metrics for TFMA, the gate that blesses, and the reasons in plain words."""
