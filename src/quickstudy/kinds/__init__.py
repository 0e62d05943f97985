"""The kinds of learners: a folder for each, and the one list of them."""
