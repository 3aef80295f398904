"""A run that fails: the others go on, and what it failed of is the last thing that is said."""

import yaml
from running import TINY, snakemake

CKA = "results/tiny/cka/arch=vit/optimizer={}/seed=0/cka.parquet"


def test_a_failed_run_stops_no_other_and_its_sentence_comes_last(tmp_path):
    study = yaml.safe_load(TINY.read_text(encoding="utf-8"))
    study["optimizers"] = {"sgd": {"opt": "momentum", "lr": 0.05}, "rash": {"opt": "momentum", "lr": 1e30}}
    study |= {"training": {"epochs": 2, "batch_size": 32}, "checkpoints": {"per_decade": 2}}
    (tmp_path / "study.yaml").write_text(yaml.safe_dump(study), encoding="utf-8")
    targets = [CKA.format(optimizer) for optimizer in ("rash", "sgd")]
    done = snakemake("--configfile", "study.yaml", "--", *targets, folder=tmp_path)
    assert done.returncode == 1
    assert not (tmp_path / targets[0]).exists()
    assert (tmp_path / targets[1]).is_file()
    last = done.stderr.splitlines()[-1]
    assert last.startswith("train vit rash seed 0: ")
    log = (tmp_path / "results/tiny/logs/train/arch=vit/optimizer=rash/seed=0.log").read_text(encoding="utf-8")
    assert log.rstrip().endswith(last.partition(": ")[2])
    assert "lower the learning rate" in last


def test_a_data_set_that_cannot_be_had_is_one_sentence_before_any_job(tmp_path, monkeypatch):
    for kind in ("http", "https"):
        monkeypatch.setenv(f"{kind}_proxy", "http://127.0.0.1:9")  # where nobody answers
    study = yaml.safe_load(TINY.read_text(encoding="utf-8"))
    study["data"] = {"dataset": "mnist", "train_size": 120, "test_size": 60}
    (tmp_path / "study.yaml").write_text(yaml.safe_dump(study), encoding="utf-8")
    done = snakemake("--configfile", "study.yaml", folder=tmp_path)
    assert done.returncode == 1
    assert "The data set MNIST is not whole under `data` and cannot be downloaded" in done.stderr.splitlines()[-1]
    assert [log.name for log in (tmp_path / "results/tiny/logs").rglob("*.log")] == ["fetch.log"]
