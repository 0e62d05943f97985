"""The server: a thin face on a deployment, and the doors in front of it."""
