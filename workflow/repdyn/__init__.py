"""repdyn: how the representations inside neural networks evolve while they train."""

__version__ = "0.1.0"
