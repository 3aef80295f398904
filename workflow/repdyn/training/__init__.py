"""Training one run: optimizer steps, schedules, checkpoints, and going on after an interruption."""
