"""Pages of oversight: autonomy, limits, versions, exam, annotators."""
