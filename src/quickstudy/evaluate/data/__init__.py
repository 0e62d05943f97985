"""Readers of data files: delimited text, JSON, Parquet, Arrow and Excel, as records and labels."""
