"""How an ingest runs on Beam: spilled rows, threads, storage, progress."""
