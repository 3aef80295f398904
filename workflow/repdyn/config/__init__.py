"""A study's config: what may stand in it (``sections``, ``study``), how it is read, and what is said of a wrong one."""
