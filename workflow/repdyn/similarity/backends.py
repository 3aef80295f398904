"""Where Grams are multiplied: NumPy on a CPU, torch on an NVIDIA GPU.

On one core NumPy computes X Xᵀ in half the time of torch (measured: 23 and 78 ms at 2000 × 512, 0.27 and 0.49 s at
1000 × 16384), because it calls the symmetric routine. Without a GPU, torch, which takes seconds, is not imported.
Few examples are compared on the CPU, whatever is chosen here (``precision.py``).
"""

from __future__ import annotations

from pathlib import Path

from . import gram

# An NVIDIA driver makes one of these, the last under WSL.
DRIVERS = ("/dev/nvidiactl", "/proc/driver/nvidia", "/dev/dxg")


def choose(device: str, memory_gib: float, tf32: bool = False) -> tuple[gram.Backend, float]:
    """The backend for ``execution.device`` and the bytes it may use.

    ``mps`` computes on the CPU: it has no float64.

    Raises:
        RepdynError: if there is no such GPU.
    """
    budget = memory_gib * 2**30
    if device in ("cpu", "mps") or (device == "auto" and not any(Path(path).exists() for path in DRIVERS)):
        return gram.Numpy(), budget
    from . import gram_torch

    return gram_torch.choose(device, budget, tf32)
