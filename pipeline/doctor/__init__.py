"""What `everlong doctor` looks at: the machine, the libraries, and what a run reads and writes."""
