"""The schema of a run: the curated one of `schemas/`, fitted to the configured log."""
