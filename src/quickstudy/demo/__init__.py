"""The demo: 6,000 bank questions, a learner that starts from nothing, and a teacher."""
