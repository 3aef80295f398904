"""One job of the workflow: its input, what decides its rerun, and the metadata of its files."""
