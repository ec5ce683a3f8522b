"""Examples as bytes on disk."""
