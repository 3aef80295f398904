"""Runs that were trained elsewhere: their checkpoints and histories are found and read, or recorded as they train."""
