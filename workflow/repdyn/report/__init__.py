"""The report: one self-contained page that opens with what a study found.

``build`` is the stage: it reads the tables and gathers what the page says. ``findings`` puts the table of findings into
sentences, ``pictures`` puts figures into the page as far as they fit, ``contents`` lists the files that it links, and
``page`` fills the template of ``assets``. Snakemake's own report stands beside it as the lab book.
"""
