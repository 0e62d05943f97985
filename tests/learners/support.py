"""Learners that several test files begin with."""

from quickstudy import Classifier
from quickstudy.learners.check import make_stream


def taught(n=60, **settings):
    learner = Classifier(**settings)
    learner.learn_many(*make_stream(n))
    return learner
