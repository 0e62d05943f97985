"""Commands on data files and saved learners: evaluate, learn, predict, explain, inspect."""
