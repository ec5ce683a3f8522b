"""`everlong compare`: two runs on the same targets."""
