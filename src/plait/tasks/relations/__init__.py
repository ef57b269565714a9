"""What a task takes from the tasks it is given: one relation per file."""
