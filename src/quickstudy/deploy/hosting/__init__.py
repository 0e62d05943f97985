"""Hosting: replicas that answer, trainers that learn, refits in a separate process."""
