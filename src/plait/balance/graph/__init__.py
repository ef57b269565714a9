"""What autograd's graph says: where the tasks part, and the gradients of all tasks there."""
