"""A third kind of learner, as another package brings it: it predicts the most frequent label."""
