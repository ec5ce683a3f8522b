"""TFMA's side of an evaluation: what it computes, and how it is read again."""
