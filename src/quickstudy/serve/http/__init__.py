"""HTTP: authentication, bodies, middleware, errors and events as they happen."""
