import os

from hypothesis import HealthCheck, settings

# One thread per process, as the workflow's rules have it; BLAS and OpenMP read this when they are loaded.
os.environ["OMP_NUM_THREADS"] = "1"

# A slow example says something of the machine, not of the code.
settings.register_profile("untimed", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("untimed")
