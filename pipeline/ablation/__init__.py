"""Studies: variants of one configuration, trained on the same examples and compared with care."""
