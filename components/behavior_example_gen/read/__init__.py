"""Files of a log, from bytes to blocks of columns."""
