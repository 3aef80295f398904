"""Images and labels: which data sets exist, how they are read, and which of their examples a study uses.

``datasets`` lists the data sets, ``downloads`` and ``decoded`` read them, ``subsets`` chooses examples and corrupts
labels, ``loader`` and ``augmentation`` feed images to a network.
"""
