"""Code that a study names by import path: where it lies, how it is loaded, and what it means."""
