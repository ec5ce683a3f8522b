"""From cells of text to typed values, and the conditions on them."""
