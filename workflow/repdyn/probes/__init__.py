"""Linear probes: how they are fitted, and the file of their weights."""
