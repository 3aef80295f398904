"""Training one run: optimizer steps, schedules, checkpoints, and resuming after an interruption."""
