"""Methods that look at the gradient of every task."""
