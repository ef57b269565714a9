"""Texts of a table: several as one, as vectors kept by content, as tokens, and the phrases marked in them."""
