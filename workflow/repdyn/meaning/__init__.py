"""What code means: digests that change when a program would do something else, and at no other time.

``parsing`` reads a file's syntax, ``scopes`` says what its names stand for, ``wording`` and ``hints`` which of it
is for people and type checkers alone, ``syntax`` writes the rest as ``tokens``; ``modules`` does so for each definition
of a module, ``library`` makes digests of definitions with all that they make use of, and ``memory`` keeps them.
"""
