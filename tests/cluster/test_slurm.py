"""The tiny study through a real Slurm, as a cluster user runs it: a fresh checkout, and the command of its page."""

import subprocess

import pytest
import running

COMMAND = "snakemake --cores 8 --profile slurm --configfile tests/pipeline/tiny.yaml"
# A test does not wait as long as a person: the executor looks after 40 s otherwise, and ever more rarely.
IMPATIENT = "--slurm-init-seconds-before-status-checks 1 --seconds-between-status-checks 1 --latency-wait 10"
# All tables of all runs, and of the figures, which are many jobs of one kind, two.
TARGETS = ["tables", "results/tiny/figures/training.png", "results/tiny/figures/arch=vit/optimizer=sgd/seed=0/cka.png"]
USES_GPU = {"train", "activations", "cka", "regions"}


@pytest.fixture(scope="module")
def finished(slurm, checkout):
    """A finished tiny study's folder."""
    slurm.forget()
    done = subprocess.run(
        [*COMMAND.split(), *IMPATIENT.split(), "--", *TARGETS],
        cwd=checkout, env=running.environment(checkout), capture_output=True, encoding="utf-8", check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return checkout


def test_the_results_are_those_of_a_run_without_the_cluster_byte_for_byte(finished, tmp_path):
    done = running.snakemake("--configfile", str(running.TINY), "--", *TARGETS, folder=tmp_path)
    assert done.returncode == 0, done.stderr
    wanted = running.content(tmp_path / "results/tiny")
    assert len(wanted) > 70
    assert not running.differences(running.content(finished / "results/tiny"), wanted)


@pytest.mark.usefixtures("finished")
def test_jobs_ask_for_gpus_memory_and_time_by_rule_and_see_their_gpu(slurm):
    seen = slurm.devices()
    jobs = {job: comment.removeprefix("rule_").split("_wildcards_")[0] for job, comment in slurm.jobs().items()}
    assert len(jobs) == 32
    for job, rule in jobs.items():
        asked = slurm.show(job)
        assert asked["JobName"].startswith("repdyn_")
        assert asked["MinMemoryNode"] == "4000M"
        assert asked["TimeLimit"] == {"train": "12:00:00", "regions": "04:00:00"}.get(rule, "01:00:00")
        assert asked.get("TresPerJob") == ("gres:gpu:1" if rule in USES_GPU else None), rule
        assert (seen[job] in {"0", "1"}) == (rule in USES_GPU), rule
