"""The stages: a module for each, whose ``main(job)`` reads tables, calls the library and writes tables.

What is known of a stage beforehand stands in ``catalogue/stages.py``; what its tables look like, in ``records``.
"""
