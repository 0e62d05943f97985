"""The experts: models that each predict a distribution, and the pool that weighs them."""
