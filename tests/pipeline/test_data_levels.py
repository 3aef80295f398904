"""Data as a factor, through Snakemake: a study of two levels, one without wrong labels and with fewer examples."""

import pandas as pd
import pytest
import yaml
from running import TINY, snakemake

from repdyn.catalogue.claims import CLAIMS

COMMON = {"dataset": "digits", "test_size": 60, "common": 40}
LEVELS = {"noisy": COMMON | {"train_size": 120, "label_noise": 0.2}, "clean": COMMON | {"train_size": 96}}
FINDINGS = "results/levels/findings/findings.parquet"
BETWEEN = "results/levels/regions/between/between.parquet"
PAGES = [f"results/levels/{name}" for name in ("explorer.html", "figures/cka-grid.png", "figures/training.png")]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("levels")
    study = yaml.safe_load(TINY.read_text(encoding="utf-8"))
    study |= {"name": "levels", "data": LEVELS, "optimizers": {"sgd": {"opt": "momentum", "lr": 0.05}}, "seeds": [0, 1]}
    study["archs"].pop("resnet")
    study |= {"measures": ["cka"], "figures": {"rows": "data", "columns": "arch"}}
    study["training"]["epochs"] = 8
    study["activations"]["probe_examples"] = 90
    (folder / "study.yaml").write_text(yaml.safe_dump(study, sort_keys=False), encoding="utf-8")
    done = snakemake("--configfile", "study.yaml", "--", FINDINGS, *PAGES, BETWEEN, folder=folder)
    assert done.returncode == 0, done.stderr
    return folder


def test_tables_of_all_levels_are_one_with_the_level_as_a_column(folder):
    history = pd.read_parquet(folder / "results/levels/history")
    assert set(history["data"]) == set(LEVELS)
    assert history.loc[history["data"] == "clean", "mislabelled_accuracy"].isna().all()
    assert history.loc[history["data"] == "noisy", "mislabelled_accuracy"].notna().all()
    steps = history.groupby("data", observed=True)["step"].max()
    assert steps.to_dict() == {"clean": 8 * 3, "noisy": 8 * 4}


def test_findings_contrast_the_levels_and_name_the_runs_that_they_are_made_of(folder):
    findings, pairs = (
        pd.read_parquet(folder / FINDINGS.replace("findings.p", f"{name}.p")) for name in ("findings", "pairs")
    )
    of_data = findings[(findings["factor"] == "data") & findings["primary"]]
    assert set(zip(of_data["first"], of_data["second"], strict=True)) == {("clean", "noisy")}
    assert set(of_data["held"]) == {"optimizer"} and set(of_data["other"]) == {"arch"}
    of_phases = pairs[(pairs["factor"] == "data") & (pairs["score"] == "distinguishability_2")]
    assert set(of_phases["data_first"]) == {"clean"} and set(of_phases["data_second"]) == {"noisy"}
    cells = findings[(findings["claim"] == "layers change in synchrony") & findings["primary"]]
    assert set(cells["held_level"]) == set(LEVELS)


def test_a_level_with_other_examples_is_no_twin(folder):
    findings, beside = (
        pd.read_parquet(folder / FINDINGS.replace("findings.p", f"{name}.p")) for name in ("findings", "twins")
    )
    of_twins = findings[findings["reason"].fillna("").str.startswith("not testable: no runs without wrong labels")]
    assert set(of_twins["claim"]) == {claim.name for claim in CLAIMS.values() if claim.test == "twin"}
    assert beside.empty


def test_runs_on_other_images_are_not_compared_point_by_point(folder):
    between = pd.read_parquet(folder / BETWEEN)
    assert (between["data_a"] == between["data_b"]).all()  # their training sets differ in size, so in all they draw
    assert set(between.loc[between["planes"] == "mislabelled", "data_a"]) == {"noisy"}


def test_a_change_of_one_level_reruns_its_runs_alone(folder):
    text = (folder / "study.yaml").read_text(encoding="utf-8")
    changed = yaml.safe_load(text)
    changed["data"]["noisy"]["label_noise"] = 0.3
    (folder / "changed.yaml").write_text(yaml.safe_dump(changed, sort_keys=False), encoding="utf-8")
    planned = snakemake("--configfile", "changed.yaml", "--dry-run", "--", FINDINGS, folder=folder)
    said = (planned.stdout + planned.stderr).splitlines()
    lines = [line for line in said if line.startswith("Job ") and " seed " in line]
    assert lines and not [line for line in lines if " clean " in line]
