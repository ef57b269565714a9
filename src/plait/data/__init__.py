"""Tables to batches: the only folder that knows SQL and files."""
