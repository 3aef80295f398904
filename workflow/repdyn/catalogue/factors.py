"""The factors of a grid that have names: a run is a level of each, and a seed."""

ARCH, OPTIMIZER, DATA = "arch", "optimizer", "data"
FACTORS = (ARCH, OPTIMIZER, DATA)  # in the order of paths and tables
