"""Pictures and sounds of a table: found, read, decoded, and kept by content once they are vectors."""
