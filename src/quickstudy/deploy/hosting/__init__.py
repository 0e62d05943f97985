"""Hosting: replicas that answer, trainers that teach, refits in a process of their own."""
