"""The profiles that come with the workflow, where there is neither a cluster nor a GPU."""

import re

import pytest
from running import ROOT, TINY, snakemake

HISTORIES = [f"results/tiny/history/arch=vit/optimizer={name}/seed=0/history.parquet" for name in ("sgd", "adam")]


@pytest.mark.parametrize("profile", ["slurm", "workflow/profiles/local-gpu"])
def test_a_profile_resolves_and_every_option_in_it_exists(profile, tmp_path):
    done = snakemake("--profile", str(ROOT / profile), "--configfile", str(TINY), "--dry-run", folder=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "train" in done.stdout
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine/config.yaml").write_text(
        (ROOT / profile / "config.yaml").read_text(encoding="utf-8") + "slurm-acount: mine\n", encoding="utf-8"
    )
    done = snakemake("--profile", str(tmp_path / "mine"), "--configfile", str(TINY), "--dry-run", folder=tmp_path)
    assert done.returncode != 0  # so an option that does not exist would have been seen above


def test_jobs_take_turns_on_the_one_gpu_of_a_machine(tmp_path):
    profile = ROOT / "workflow/profiles/local-gpu"
    done = snakemake("--profile", str(profile), "--configfile", str(TINY), "--", *HISTORIES, folder=tmp_path)
    assert done.returncode == 0, done.stderr
    turns = re.findall(r"^(?:Job \d+: (train)|(Finished) jobid: \d+ \(Rule: train\))", done.stderr, re.MULTILINE)
    assert ["".join(turn) for turn in turns] == ["train", "Finished"] * 2


def test_jobs_that_run_side_by_side_have_a_card_each(tmp_path, monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0,1")
    monkeypatch.setenv("TMPDIR", str(tmp_path))  # cards of no other test
    profile = ROOT / "workflow/profiles/local-gpu"
    done = snakemake(
        *("--profile", str(profile), "--resources", "gpu=2", "--configfile", str(TINY), "--", *HISTORIES),
        folder=tmp_path,
    )
    assert done.returncode == 0, done.stderr
    turns = re.findall(r"^(?:Job \d+: (train)|(Finished) jobid: \d+ \(Rule: train\))", done.stderr, re.MULTILINE)
    assert ["".join(turn) for turn in turns] == ["train", "train", "Finished", "Finished"]
    logs = [log.read_text(encoding="utf-8") for log in (tmp_path / "results/tiny/logs/train").rglob("*.log")]
    assert sorted(re.search("computes on card (.) of 0, 1", log)[1] for log in logs) == ["0", "1"]
