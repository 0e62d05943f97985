"""Commands on a store or its server: serve, keys, backup, doctor, pause, resume, pins."""
