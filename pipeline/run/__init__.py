"""What `everlong run` shows and leaves: progress and the summary."""
