"""Speed and quality as ratios measured in one run: `make bench`, or `python -m bench --quick` for a smoke test."""
