"""The value function: predicts, after each step, the outcome of an agent run."""
