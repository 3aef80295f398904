import os

# One thread per process, as the workflow's rules have it; BLAS and OpenMP read this when they are loaded.
os.environ["OMP_NUM_THREADS"] = "1"
