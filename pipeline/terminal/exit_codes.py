"""Exit codes of the command line; the README lists them."""

DONE, FAILED, BAD_INPUT, NOT_BLESSED, INTERRUPTED = 0, 1, 2, 3, 130
