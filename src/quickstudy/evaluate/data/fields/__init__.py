"""The fields that a column of a data file becomes; all its values together decide their type."""
