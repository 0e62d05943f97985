"""The classifier: it answers records with labels."""
