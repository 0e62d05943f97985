"""The client: a deployment on another machine, over HTTP."""
