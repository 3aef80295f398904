"""Linear probes: fitting them, and the file of their weights."""
