"""What a job imports is its fixed cost: no stage has torch that does without, and none has torch's compiler.

Stages that observe layers trace a forward pass without data, for which torch imports sympy.
"""

import os
import shutil
import subprocess

import pytest
from running import PYTHON, ROOT, TINY

RUN = ["--arch", "vit", "--optimizer", "sgd", "--seed", "0"]
WITHOUT_TORCH = {
    "cka": RUN,
    "cka_layers": RUN,
    "cka_between": [],
    "alignment": [],
    "probes": RUN,
    "planes": ["--seed", "0"],
    "regions_between": [],
    "events": RUN,
    "phases": RUN,
    "findings": [],
    "figure": ["cka", "drawn.png", *RUN],
}
WITH_TORCH = {"train": RUN, "activations": RUN, "regions": RUN}
# Runs a stage to its end in this very process, then says what of interest was imported.
STAGE = """
import runpy, sys
sys.argv[0] = "repdyn"
try:
    runpy.run_module("repdyn", run_name="__main__", alter_sys=True)
except SystemExit as end:
    assert not end.code
print("IMPORTED", *sorted({"torch", "timm", "torch._dynamo", "torch._inductor", "sympy"} & set(sys.modules)))
"""


@pytest.fixture(scope="module")
def copy(folder, tmp_path_factory):
    """A copy of the finished study, whose files the stages make anew."""
    path = tmp_path_factory.mktemp("stages")
    shutil.copytree(folder / "results", path / "results")
    shutil.rmtree(path / "results/tiny/state")
    return path


@pytest.mark.parametrize("stage", [*WITHOUT_TORCH, *WITH_TORCH])
def test_a_stage_imports_no_more_than_it_needs(copy, stage):
    arguments = (WITHOUT_TORCH | WITH_TORCH)[stage]
    done = subprocess.run(
        [PYTHON, "-c", STAGE, stage, *arguments[:2], "--study", str(TINY), *arguments[2:]],
        cwd=copy,
        env=os.environ | {"PYTHONPATH": str(ROOT / "workflow")},
        capture_output=True,
        encoding="utf-8",
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert " done in " in done.stderr
    heavy = ["sympy", "timm", "torch"]  # sympy: torch's meta device, on which layers are found
    assert done.stdout.splitlines()[-1].split() == ["IMPORTED", *(heavy if stage in WITH_TORCH else [])]
