"""The folder of a local run, and what ML Metadata knows of it."""
