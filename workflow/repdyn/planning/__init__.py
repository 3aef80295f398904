"""Predict a study before it runs: whether it can run, which layers it would observe, and what it will cost.

Each tool of the command line is a module with ``main(study)``.
"""
