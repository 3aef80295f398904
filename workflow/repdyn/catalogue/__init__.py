"""What is measured, scored, dated and claimed: one entry for each, which whoever must know it asks.

Phases, findings, figures, report and explorer read these entries; an unknown name raises ``KeyError``. Imports nothing
heavy: Snakemake reads it.
"""
