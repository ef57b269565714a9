"""What an output costs beside a label: one loss per file, and what weighs them."""
