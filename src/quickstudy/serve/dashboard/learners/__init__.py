"""Pages of all learners and of one."""
