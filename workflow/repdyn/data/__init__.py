"""Inputs and labels: which data sets exist, how they are read, and which of their examples a study uses.

``datasets`` lists the data sets, ``downloads``, ``decoded`` and ``own`` read them, ``subsets`` chooses examples and
corrupts labels, ``loader`` and ``augmentation`` feed inputs to a network.
"""
