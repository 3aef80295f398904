"""The stages: one module for each, whose ``main(job)`` reads tables, calls the library and writes tables.

``catalogue/stages.py`` declares the stages, and ``records`` their tables.
"""
