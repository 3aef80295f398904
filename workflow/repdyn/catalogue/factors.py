"""The factors of a grid that have names: a run is a level of each, and a seed."""

ARCH, OPTIMIZER, DATA = "arch", "optimizer", "data"
FACTORS = (ARCH, OPTIMIZER, DATA)  # in the order of paths and tables
# Settings of data that say which labels are wrong; all others say which examples there are.
WRONG_LABELS = {"label_noise", "label_noise_kind", "label_noise_pairs"}
