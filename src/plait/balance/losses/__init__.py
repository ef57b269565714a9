"""Methods that look at the losses alone: one backward pass for all tasks."""
