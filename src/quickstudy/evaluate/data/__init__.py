"""Readers that turn delimited text, JSON, Parquet, Arrow and Excel into records and labels."""
