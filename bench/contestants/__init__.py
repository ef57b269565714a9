"""One process per contestant, each driven over its standard input: see `turns.py`."""
