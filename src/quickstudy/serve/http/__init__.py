"""HTTP: authentication, bodies, middleware, errors and the event stream."""
