"""What was planned beside what a finished study took."""

import os
import re
import subprocess

import pytest
from running import PYTHON, ROOT, TINY

from repdyn.config import study as studies
from repdyn.planning import plan

# Most of a tiny study is what files take before they hold anything, so factors are wider than for a study of use.
DISK, MEMORY = 2.0, 1.5


@pytest.fixture(scope="module")
def planned():
    """The plan, with the memory that a process of its own has before it does anything, not that of these tests."""
    code = "from repdyn.planning import plan; print(plan.memory.peak())"
    environment = os.environ | {"PYTHONPATH": str(ROOT / "workflow")}
    base = float(subprocess.run([PYTHON, "-c", code], env=environment, capture_output=True, check=True).stdout)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(plan.memory, "peak", lambda: base)
        return plan.of(studies.load(TINY))


def test_disk_is_what_was_planned_table_by_table(folder, planned):
    taken = {}
    for table in planned.disk.keys() - {"figures"}:
        files = [path for path in (folder / "results/tiny" / table).rglob("*") if path.is_file()]
        # Checkpoints in the state are hard links to the study's own.
        own = [path for path in files if table != "state" or path.name == "state.pt"]
        taken[table] = sum(path.stat().st_size for path in own)
    wrong = {
        table: (round(planned.disk[table]), size)
        for table, size in taken.items()
        if not 1 / DISK <= planned.disk[table] / size <= DISK
    }
    assert not wrong
    # Every table that a study leaves is planned.
    tables = (folder / "results/tiny").rglob("*.parquet")
    left = {path.relative_to(folder / "results/tiny").parts[0] for path in tables}
    assert left <= {table.partition("/")[0] for table in planned.disk}


def test_no_job_took_more_memory_than_planned_or_far_less(folder, planned):
    logs = folder / "results/tiny/logs"
    for stage, expected in planned.memory.items():
        texts = [
            path.read_text(encoding="utf-8")
            for path in logs.rglob("*.log")
            if path.relative_to(logs).parts[0].startswith(stage)
        ]
        peaks = [int(peak) for text in texts for peak in re.findall(r"peak memory (\d+) MiB", text)]
        assert 1 / MEMORY <= expected / 2**20 / max(peaks) <= MEMORY, stage
