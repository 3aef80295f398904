import os
import subprocess
import sys
from pathlib import Path

import pytest

import repdyn
from repdyn.runtime import memory

ASK = "from repdyn.runtime import memory; print(memory.peak())"


@pytest.mark.skipif(not memory.STATUS.exists(), reason="only Linux says what a process took since it began")
def test_a_child_of_a_large_process_is_not_as_large():
    """``getrusage`` says that it is."""
    library = str(Path(repdyn.__file__).parents[1])
    ask = f"print(subprocess.check_output([sys.executable, '-c', {ASK!r}]).decode())"
    code = f"import subprocess, sys; held = bytearray(400 * 2**20); {ask}"
    done = subprocess.run(
        [sys.executable, "-c", code], env=os.environ | {"PYTHONPATH": library}, capture_output=True, check=True
    )
    assert float(done.stdout) < 200 * 2**20


def test_where_the_system_does_not_say_the_rusage_does(monkeypatch, tmp_path):
    monkeypatch.setattr(memory, "STATUS", tmp_path / "none")
    assert memory.peak() > 10 * 2**20
