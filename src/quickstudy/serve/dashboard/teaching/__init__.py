"""Pages of teaching: the labelling queue, approvals, cases, try it."""
