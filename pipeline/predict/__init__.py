"""`everlong predict`: every target of a split, scored."""
