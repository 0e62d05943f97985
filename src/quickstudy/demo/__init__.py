"""The demo: a stream of bank questions, a learner that starts from nothing, and a teacher."""
