"""Figures: functions that take data frames, as read from the tables, and return a matplotlib figure.

``catalogue`` knows which figures there are and what each reads; the other modules hold one kind of figure each, and
``draw`` is the edge that reads the tables and saves. For a notebook::

    from repdyn.figures import similarity
    similarity.matrices(pandas.read_parquet("results/digits/cka/arch=vit/optimizer=sgd/seed=0"), value="cka")

``docs/notebook.ipynb`` is such a notebook.
"""
