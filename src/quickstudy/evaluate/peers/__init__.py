"""Other libraries' learners, evaluated on the same rows."""
