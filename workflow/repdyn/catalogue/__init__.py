"""The catalogue: one entry for each stage, measure, score, event and claim.

Phases, findings, figures, report and explorer read these entries; an unknown name raises ``KeyError``. Imports nothing
heavy, because Snakemake reads it.
"""
