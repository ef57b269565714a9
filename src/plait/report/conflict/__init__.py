"""What the tasks of a run do to each other: read from its figures, in words, in pictures, as a page."""
