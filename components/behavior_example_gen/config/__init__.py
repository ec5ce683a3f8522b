"""What a user configures of an ingest."""
