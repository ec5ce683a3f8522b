"""From a user's rows to histories, targets, splits and examples."""
