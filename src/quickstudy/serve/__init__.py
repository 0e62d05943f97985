"""The server: the HTTP API of a deployment, with authentication, and the dashboard."""
