"""Which earlier model a candidate is judged against."""
