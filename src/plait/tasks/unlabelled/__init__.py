"""What a task learns from rows without a label: one way per file."""
