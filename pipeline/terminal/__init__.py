"""What a person sees: console, exit codes, signs of life."""
