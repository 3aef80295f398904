"""Figures: functions that take data frames, as read from the tables, and return a matplotlib figure.

``catalogue`` lists the figures and what each reads, the other modules each draw one kind of figure, and ``draw`` saves
them. In a notebook::

    from repdyn.figures import similarity
    similarity.matrices(pandas.read_parquet("results/digits/cka/arch=vit/optimizer=sgd/seed=0"), value="cka")

See ``docs/notebook.ipynb``.
"""
