"""How good: tasks on texts trained together, beside the same encoder fully tuned for each task, and beside word counts."""
