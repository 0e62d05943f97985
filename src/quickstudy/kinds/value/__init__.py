"""The value function: it predicts how runs of many steps end."""
