"""What is known of a study before it runs: whether it can, what would be observed, and what it will take.

Each tool of the command line is a module with ``main(study)``.
"""
