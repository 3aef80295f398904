"""Analysis of similarity over training: events, phases, scores, and claims that are tested over runs.

``trajectory`` resamples a layer's matrix on an even grid of log epochs, ``change_points`` finds its phases, ``events``
dates events in a history, ``phases`` scores a run, ``transition`` finds where its change stops and tests whether that
goes with perfect fit, ``latent`` holds probes against the network, and ``synchrony`` layers of a run against those of
other seeds. ``rate_matching`` and ``pairing`` choose which runs to compare, ``sign_flips`` has p-values and intervals
of seeds, ``fits`` the findings about perfect fit, and ``claim_tests`` those about the grid.
"""
