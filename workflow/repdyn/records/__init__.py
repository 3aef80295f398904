"""The files that each stage writes: one module for each stage, which readers and writers share.

Records import no stage, so a figure reads a table without the code that computed it.
"""
