"""The formats of data files: delimited text, JSON, Parquet, Arrow and Excel."""
