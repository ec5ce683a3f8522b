"""From scored targets to a verdict with its reasons."""
