"""One job of the workflow: what it is given, what decides its rerun, and what its files say about themselves."""
