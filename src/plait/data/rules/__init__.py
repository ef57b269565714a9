"""What must hold for the outcomes of tasks: conditions over columns, read, evaluated, kept."""
