"""What trajectories of similarity say: events, phases, scores, and claims that are tested over runs.

``trajectory`` reads a layer's matrix on an even grid of log epochs, ``change_points`` finds phases in it, ``events``
dates what happens in a history, ``phases`` scores a run, ``crossover`` holds its dates against those of other runs.
Over runs, ``rate_matching`` and ``pairing`` say which are compared, ``claim_tests`` tests what is claimed of them.
"""
