"""Images and labels: which data sets there are, how they are read, which examples of them a study uses.

``datasets`` knows what there is, ``downloads`` and ``decoded`` read it, ``subsets`` chooses examples and makes labels
wrong, ``loader`` and ``augmentation`` bring images to a network.
"""
