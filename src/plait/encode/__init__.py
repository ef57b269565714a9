"""The columns of one table row -> one vector; shared by all tasks that touch the table."""
