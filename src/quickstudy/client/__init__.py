"""The client: uses a deployment over HTTP."""
