"""The files that each stage writes: one module for each stage, of its name, which readers and writers share.

They import no stage, so that a figure that reads a table needs nothing of what made it.
"""
