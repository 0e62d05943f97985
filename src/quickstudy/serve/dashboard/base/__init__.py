"""What every page shares: rendering, sessions, words and formats."""
