"""The stage findings, from the tables of simulated runs: what its four files hold, and that they hold the same."""

import itertools
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
import simulated_studies as simulated
import yaml
from made_of import KEYS, check_pairs
from running import TINY

from repdyn.analysis import phases, synchrony, trajectory
from repdyn.catalogue.claims import CHANGE, CLAIMS, SYNCHRONY, SYNCHRONY_MORE, TRANSITION
from repdyn.catalogue.paths import Paths
from repdyn.catalogue.scores import SYNCHRONY_BEYOND, SYNCHRONY_STEADY
from repdyn.config import study as studies
from repdyn.pipeline.jobs import Job
from repdyn.records import phases as of_phases
from repdyn.records.cka import CKA
from repdyn.records.findings import FINDINGS, LEFT_OUT, PAIRS
from repdyn.records.findings import SYNCHRONY as OF_SEEDS
from repdyn.records.regions import SIMILARITY
from repdyn.records.train import HISTORY
from repdyn.stages import findings
from repdyn.storage import tables
from repdyn.storage.origin import Origin

SEEDS = range(6)
# The layers of a ResNet change together, but at no event; those of a ViT at times of their own, until they fit.
LAWS = {
    "resnet": simulated.Law(directions=20, noise=0.02, deviation=1.0, common=1.0),
    "vit": simulated.Law(directions=20, noise=1e-4, deviation=0.2, common=0.0),
}
FITS = {"sgd": 30.0, "adam": 14.0}
LAYERS = 4
PARTS = {"l0": "stem"} | {f"l{depth}": "body" for depth in range(1, LAYERS)}
BODY = slice(1, None)
NEVER_FITS = ("vit", "sgd", 3)
COLLAPSES = ("resnet", "adam", 2)
COLLAPSE = (8.0, 14.0)  # epochs
RECORDS = (FINDINGS, PAIRS, LEFT_OUT, OF_SEEDS)


EPOCHS = simulated.schedule()


def simulate():
    """(arch, optimizer) -> its seeds' runs."""
    random = np.random.default_rng(2)
    cells = {}
    for arch, optimizer in itertools.product(LAWS, FITS):
        fits = FITS[optimizer] * 10 ** random.normal(0, 0.04, len(SEEDS))
        S = simulated.kernels(LAWS[arch], random, len(SEEDS), LAYERS, EPOCHS, fits if arch == "vit" else None)
        cells[arch, optimizer] = simulated.Study(np.array(SEEDS), np.zeros(len(SEEDS), dtype=int), fits, EPOCHS, S)
    return cells


def history_of(simulated_study, run, key):
    history = simulated_study.history(run)
    if key == NEVER_FITS:
        history["train_accuracy"] = np.minimum(history["train_accuracy"], 0.97)
        history["mislabelled_accuracy"] = np.minimum(history["mislabelled_accuracy"], 0.8)
    if key == COLLAPSES:
        within = (COLLAPSE[0] <= history["epoch"]) & (history["epoch"] <= COLLAPSE[1])
        history["train_accuracy"][within] = 0.1
    return history


def regions_of(cka):
    """Tables of decision regions of the body and the output, whose similarity is CKA's square."""
    inner = cka[cka["layer"] != "l0"]
    output = cka[cka["layer"] == "l1"].assign(layer="output", depth=LAYERS)
    rows = pd.concat([inner, output])
    rows = rows.assign(similarity=rows["cka"] ** 2, kappa=0.0, planes="test")
    return rows[SIMILARITY.names]


def probes_of(history):
    """Probes that read true classes of test images better than the network by .1."""
    rows = [
        (layer, depth, epoch, "similarity", accuracy + 0.1)
        for depth, layer in enumerate(PARTS)
        for epoch, accuracy in zip(history["epoch"], history["test_accuracy"], strict=True)
    ]
    return pd.DataFrame(rows, columns=["layer", "depth", "epoch", "split", "true_accuracy"])


def store(make_job, study, cells):
    """Write what the stage reads, of every run."""
    for (arch, optimizer), cell in cells.items():
        for run, seed in enumerate(study["seeds"]):
            key = (arch, optimizer, seed)
            jobs = {stage: make_job(stage, study, *key) for stage in ("train", "cka", "regions", "phases")}
            history = history_of(cell, run, key)
            cka = cell.cka(run).assign(cka_debiased=lambda frame: frame["cka"])
            regions = regions_of(cka)
            similar, parts = phases.trajectories(cka, regions), PARTS | {"output": "output"}
            _, scores, _ = phases.analyse(history, similar, probes_of(history), parts, jobs["phases"].study.phases)
            unsaid = dict.fromkeys(set(HISTORY.names) - set(history), np.zeros(len(history["epoch"])))
            contents = {
                HISTORY: pd.DataFrame(history | unsaid),
                CKA: cka,
                SIMILARITY: regions,
                of_phases.SCORES: pd.DataFrame(scores, columns=phases.OF_SCORE).assign(
                    relative_depth=lambda frame: frame["depth"].astype(float) / (LAYERS - 1)
                ),
            }
            for record, content in contents.items():
                job = jobs[record.stage]
                table = pa.Table.from_pandas(content[record.names], record.schema, preserve_index=False)
                tables.write(job.path(record), table, record.schema, job.metadata(record))


def made(make_job, study):
    """The four tables of a study."""
    job = make_job("findings", study)
    findings.main(job)
    return [tables.read(*job.place(record)).to_pandas() for record in RECORDS]


@dataclass
class Stored:
    """A study whose runs are stored.

    Attributes:
        cells: (arch, optimizer) -> its seeds' runs.
        make_job: of a stage, a config, and an architecture, an optimizer and a seed.
        study: the config.
    """

    cells: dict
    make_job: Callable
    study: dict


@pytest.fixture(scope="module")
def stored(tmp_path_factory):
    """The tiny study with six simulated seeds of each cell."""
    config = yaml.safe_load(TINY.read_text(encoding="utf-8")) | {"seeds": list(SEEDS)}
    paths = Paths(str(tmp_path_factory.mktemp("simulated") / config["name"]))

    def make_job(stage, config, *run):
        study = studies.parse(config)
        return Job(stage, study, paths, study.run(*run) if run else None)

    cells = simulate()
    # These runs have other checkpoints than the tiny study.
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Origin, "check_rows", lambda *_: None)
        store(make_job, config, cells)
        yield Stored(cells, make_job, config)


@pytest.fixture(scope="module")
def whole(stored):
    """The four tables of all its runs."""
    return made(stored.make_job, stored.study)


def test_every_time_the_files_have_the_same_bytes(stored, whole, caplog):
    job = stored.make_job("findings", stored.study)
    files = [Path(job.path(record)).read_bytes() for record in RECORDS]
    with caplog.at_level("INFO"):
        made(stored.make_job, stored.study)
    assert [Path(job.path(record)).read_bytes() for record in RECORDS] == files
    said = re.search(r"(\d+) primary tests, (\d+) decided; (\d+) exploratory ones", caplog.text)
    found = whole[0]
    primary = found[found["primary"]]
    decided = primary["decision"] != "undecided"
    assert list(map(int, said.groups())) == [len(primary), decided.sum(), len(found) - len(primary)]
    assert decided.any()
    assert "latent_generalization" in caplog.text and "nan" not in caplog.text, "of a score without a measure, too"


def test_every_run_that_a_primary_row_is_about_is_in_its_pairs_or_left_out(whole):
    found, pairs, left_out, _ = whole
    check_pairs(found, pairs)
    primary = found[found["primary"]]
    for row in primary.to_dict("records"):
        if str(row["reason"]).startswith("not identifiable"):
            assert row["n_pairs"] == 0
            continue
        keys = {name: row[name] for name in KEYS}
        made_of, without = matching(pairs, keys), matching(left_out, keys)
        used = {run for side in SIDES for run in runs(made_of, side)}
        assert used | runs(without) == about(row), row
        assert len(used) + len(without) == len(about(row))
        assert len(without) == row["n_left_out"]
    assert primary["n_left_out"].sum() == len(left_out)
    transition = primary[primary["claim"] == TRANSITION.name].set_index("first")
    assert transition.loc["resnet", "reason"].startswith("not identifiable: 0 seeds")
    assert transition.loc["vit", "n_pairs"] >= 8


SIDES = (("arch_first", "optimizer_first", "seed"), ("arch_second", "optimizer_second", "seed"))


def runs(frame, columns=("arch", "optimizer", "seed")):
    """The runs in a table of pairs or of runs."""
    return set(frame[list(columns)].dropna().itertuples(index=False, name=None))


def matching(frame, keys):
    """The rows with these keys, null ones included."""
    chosen = np.ones(len(frame), dtype=bool)
    for name, value in keys.items():
        chosen &= (frame[name].isna() if pd.isna(value) else frame[name] == value).to_numpy()
    return frame[chosen]


def about(row):
    """The runs that a row compares."""
    if pd.isna(row["factor"]):
        return set()
    of_factor = {level for level in (row["first"], row["second"]) if pd.notna(level)}
    at = {level for level in (row["level"], row["level_second"]) if pd.notna(level)}
    archs, optimizers = (of_factor, at or set(FITS)) if row["factor"] == "arch" else (at or set(LAWS), of_factor)
    return set(itertools.product(archs, optimizers, SEEDS))


def test_synchrony_is_that_of_the_bodies_and_is_tested_between_them(stored, whole):
    found, pairs, _, of_seeds = whole
    assert set(of_seeds["measure"]) == {"cka", "cka_debiased", "regions:test"}
    for (arch, optimizer), cell in stored.cells.items():
        alike = synchrony.likeness(cell.S[:, BODY])
        s = synchrony.of_seeds(alike)
        rows = of_seeds[(of_seeds["arch"] == arch) & (of_seeds["optimizer"] == optimizer)]
        rows = rows[(rows["measure"] == "cka") & (rows["score"] == SYNCHRONY_BEYOND)]
        table = rows.pivot(index="seed_a", columns="seed_b", values="synchrony")
        np.testing.assert_allclose(table.to_numpy(), s, rtol=1e-9)
        assert rows["beyond"].isna().sum() == len(SEEDS) == (rows["seed_a"] == rows["seed_b"]).sum()
        (row,) = cell_rows(found, arch, optimizer).to_dict("records")
        assert row["primary"]
        assert row["p_value"] == synchrony.p_value(alike, stored.study["findings"]["resamples"], 0)
        assert row["decision"] == ("supported" if arch == "resnet" else "undecided")
        of_cell = cell_rows(pairs, arch, optimizer).sort_values("seed")
        np.testing.assert_allclose(of_cell["value_first"], synchrony.pseudo_values(s), rtol=1e-9)
        # The same pseudo-values are compared between cells.
        between = matching(pairs, {"claim": SYNCHRONY_MORE.name, "measure": "cka", "score": SYNCHRONY_BEYOND})
        own = of_cell.set_index("seed")["value_first"]
        compared = 0
        for side in ("first", "second"):
            there = between[(between[f"arch_{side}"] == arch) & (between[f"optimizer_{side}"] == optimizer)]
            np.testing.assert_array_equal(there[f"value_{side}"], own[there["seed"]])
            compared += len(there)
        assert compared >= 2 * len(SEEDS)


def cell_rows(frame, arch, optimizer, score=SYNCHRONY_BEYOND):
    """The rows of a cell's synchrony under CKA."""
    keys = {"claim": SYNCHRONY.name, "measure": "cka", "score": score, "first": arch, "level": optimizer}
    return matching(frame, keys)


def test_steady_synchrony_leaves_out_what_lies_in_a_collapse_of_any_seed(stored, whole):
    found, pairs, *_ = whole
    for (arch, optimizer), cell in stored.cells.items():
        (row,) = cell_rows(found, arch, optimizer, SYNCHRONY_STEADY).to_dict("records")
        assert not row["primary"] and pd.isna(row["decision"])
        (all_of_them,) = cell_rows(found, arch, optimizer).to_dict("records")
        if (arch, optimizer) != COLLAPSES[:2]:
            assert row["estimate"] == all_of_them["estimate"]
            continue
        # Accuracy at a checkpoint is that of the last evaluation before it.
        evaluated = cell.history(0)["epoch"]
        last = evaluated[np.searchsorted(evaluated, cell.epochs, side="right") - 1]
        kept = np.flatnonzero((last < COLLAPSE[0]) | (last > COLLAPSE[1]))
        assert 4 < len(kept) < len(cell.epochs)
        position = trajectory.positions(cell.epochs[kept])
        matrices = [[trajectory.even(S[np.ix_(kept, kept)], position) for S in run] for run in cell.S[:, BODY]]
        s = synchrony.of_seeds(synchrony.likeness(np.array(matrices)))
        of_cell = cell_rows(pairs, arch, optimizer, SYNCHRONY_STEADY).sort_values("seed")
        np.testing.assert_allclose(of_cell["value_first"], synchrony.pseudo_values(s), rtol=1e-9)
        assert row["estimate"] != all_of_them["estimate"]


def test_a_run_without_a_fit_is_left_out_of_what_needs_one_with_the_reason(whole):
    found, _, left_out, _ = whole
    arch, optimizer, seed = NEVER_FITS
    of_run = {"arch": arch, "optimizer": optimizer, "seed": seed}
    without = matching(left_out, of_run)
    assert set(without["claim"]) == {claim.name for claim in CLAIMS.values() if claim.needs and claim.test != "twin"}
    assert set(without["reason"]) == {"did not happen: lasting perfect fit", "no perfect fit"}
    # Its partners are left out of what compares them with it.
    partner = matching(left_out, of_run | {"optimizer": "adam"})
    assert set(partner["reason"]) == {"has no partner with a value", "no other run of its seed to compare with"}
    change = found[found["primary"] & (found["claim"] == CHANGE.name)]
    for level, seeds in ((optimizer, 5), ("adam", 6)):
        assert matching(change, {"factor": "arch", "level": level})["n_seeds"].tolist() == [seeds]


def test_two_seeds_have_no_synchrony_beyond_each_other(stored):
    found, pairs, _, of_seeds = made(stored.make_job, stored.study | {"seeds": [0, 1]})
    check_pairs(found, pairs)
    assert of_seeds.empty
    rows = found[found["claim"] == SYNCHRONY.name]
    assert rows["p_value"].isna().all() and rows["estimate"].isna().all()
    assert set(rows.loc[rows["primary"], "reason"]) == {"too few seeds, 2 of 3"}
    assert set(found.loc[found["primary"], "decision"]) == {"undecided"}
