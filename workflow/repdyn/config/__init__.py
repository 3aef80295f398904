"""A study's config: its settings (``sections``, ``study``), how it is read, and the messages about a wrong one."""
