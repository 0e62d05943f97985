"""One transaction: tables, rows, the context that handlers work in, and the dispatcher."""
