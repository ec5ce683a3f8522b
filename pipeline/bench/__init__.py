"""The benchmarks of `everlong bench`, a module each, and what they share."""
