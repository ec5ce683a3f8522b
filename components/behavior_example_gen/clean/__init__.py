"""From raw rows to rows that can be used, with an account of every one that cannot."""
