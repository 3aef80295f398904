"""Studies whose data do not allow all that there is: tokens, which cannot be mixed, and examples without classes.

Each is run from its arrays to its page, in this process. All that can be had is there; what cannot is said.
"""

import html
import itertools
import json
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from torch import nn

from repdyn import __main__ as command
from repdyn.across_studies import remarks
from repdyn.across_studies import studies as across_studies
from repdyn.catalogue import stages
from repdyn.catalogue.claims import CLAIMS, LATENT, PHASES
from repdyn.catalogue.paths import Paths
from repdyn.config import study as studies
from repdyn.errors import RepdynError
from repdyn.figures import catalogue, draw
from repdyn.pipeline import settling
from repdyn.pipeline.jobs import Job
from repdyn.planning import check, plan
from repdyn.report import template

EPOCHS = (0, 1, 2, 3, 5, 8, 12)
EXAMPLES, LENGTH, CLASSES, WIDTH = 150, 5, 3, 8
EVERY = [name for name, stage in stages.STAGES.items() if stage.scope in ("run", "seed", "study") and name != "fetch"]
SENTENCES = {
    "tokens": "The inputs of `tokens.npz` are tokens, which cannot be mixed, so there are no decision regions.",
    "unlabelled": ("The examples of `unlabelled.npz` have no classes, so there are no probes and no decision regions."),
}
GONE = {"tokens": {"planes", "regions", "regions_between"}}
GONE["unlabelled"] = GONE["tokens"] | {"probes"}


class Blocks(nn.Module):
    """Two residual blocks, of which the first normalises over a batch."""

    def __init__(self, width):
        super().__init__()
        self.blocks = nn.ModuleList(Block(width) for _ in range(3))

    def forward(self, hidden):
        for block in self.blocks:
            hidden = block(hidden)
        return hidden


class Block(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.norm, self.linear = nn.BatchNorm1d(width), nn.Linear(width, width)

    def forward(self, hidden):
        return hidden + torch.tanh(self.linear(self.norm(hidden)))


class OfTokens(Blocks):
    """Classes of sequences of tokens."""

    def __init__(self, vocabulary, num_classes):
        super().__init__(WIDTH)
        self.embed, self.head = nn.Embedding(vocabulary, WIDTH), nn.Linear(WIDTH, num_classes)

    def forward(self, tokens):
        return {"logits": self.head(super().forward(self.embed(tokens).mean(1)))}


class OfNumbers(Blocks):
    """Numbers of images, in something that nobody could take for logits."""

    def __init__(self):
        super().__init__(WIDTH)
        self.embed, self.head = nn.Linear(36, WIDTH), nn.Linear(WIDTH, 2)

    def forward(self, images):
        return super().forward(self.embed(images.flatten(1))), self.head


def arrays(kind):
    """Training and test part in one piece."""
    random = np.random.default_rng(0)
    if kind == "unlabelled":
        return {"inputs": random.normal(size=(EXAMPLES, 1, 6, 6)).astype(np.float32)}
    tokens = random.integers(0, 12, size=(EXAMPLES, LENGTH))
    return {"inputs": tokens, "labels": tokens.sum(1) % CLASSES}


MODELS = {
    "tokens": {"model": f"{__name__}:OfTokens", "kwargs": {"vocabulary": 12, "num_classes": CLASSES}},
    "unlabelled": {"model": f"{__name__}:OfNumbers"},
}


RECORDED = {"path": "runs/{optimizer}-{seed}/epoch_{epoch}.pt", "steps_per_epoch": 6}
TRAINED = {
    "optimizers": {"sgd": {"opt": "momentum", "lr": 0.05}, "adam": {"opt": "adam", "lr": 0.01}},
    "training": {"epochs": 12, "batch_size": 16},
    "checkpoints": {"per_decade": 5},
}
SOURCES = {"tokens": TRAINED, "unlabelled": {"optimizers": {name: {"recorded": RECORDED} for name in ("sgd", "adam")}}}


def content(kind, folder):
    return {
        "name": kind,
        "archs": {"small": MODELS[kind] | {"width": None, "layers": ["embed", "blocks.*"]}},
        "seeds": [0, 1],
        "data": {"dataset": f"{kind}.npz", "train_size": 90, "test_size": 60, "common": 30},
        "activations": {"similarity_examples": 20, "probe_examples": 30},
        "measures": ["knn", "cka_deconfounded"],
        "comparisons": {"permutations": 19},
        "findings": {"resamples": 200},
        "execution": {"data_root": str(folder), "device": "cpu"},
    } | SOURCES[kind]


def train_elsewhere(optimizer, seed):
    """Stands for a loop of one's own: weights that grow."""
    torch.manual_seed(seed)
    model, folder = OfNumbers(), Path(f"runs/{optimizer}-{seed}")
    folder.mkdir(parents=True)
    for epoch in EPOCHS:
        torch.save(model.state_dict(), folder / f"epoch_{epoch}.pt")
        with torch.no_grad():
            for weights in model.parameters():
                weights.mul_(1.05 + 0.01 * seed)


@pytest.fixture(scope="module", params=["tokens", "unlabelled"])
def done(request, tmp_path_factory):
    """A study, all of whose stages have run: its kind, and a function that makes its jobs."""
    kind, folder = request.param, tmp_path_factory.mktemp(request.param)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        np.savez(f"{kind}.npz", **arrays(kind))
        for optimizer, seed in itertools.product(("sgd", "adam"), (0, 1)):
            train_elsewhere(optimizer, seed)
        study = settling.settled(studies.parse(content(kind, folder)), (".",))

        def job(stage, *run):
            scope = stages.STAGES[stage].scope
            of = study.run(*run) if run else None
            return Job(stage, study, Paths(f"results/{kind}"), study.replicate(run[2]) if scope == "seed" else of)

        runs = [(run.arch, run.optimizer, run.seed) for run in study.runs]
        for stage in EVERY:
            if stage in {*study.left_out, {"tokens": "record", "unlabelled": "train"}[kind]}:
                continue
            of_each = {"run": runs, "seed": [run for run in runs if run[1] == "sgd"], "study": [()]}
            for run in of_each[stages.STAGES[stage].scope]:
                command.module_of(stage).main(job(stage, *run))
        yield kind, job


def read(job, place):
    return pd.read_parquet(place(job.paths, *([] if job.grid_run is None else [job.grid_run.path])))


def test_all_is_left_out_that_cannot_be_had_and_nothing_else(done):
    kind, job = done
    study = job("phases").study
    assert study.left_out == dict.fromkeys(GONE[kind], SENTENCES[kind])
    missing = {place for stage in GONE[kind] for place in stages.STAGES[stage].writes}
    written = {place for stage in EVERY for place in stages.STAGES[stage].writes} - missing - {Paths.state}
    run = job("phases", "small", "sgd", 0)
    words = {"run": run.run.path, "seed": "seed=0", "step": 0}
    for place in written:
        needed = place.__code__.co_varnames[1 : place.__code__.co_argcount]
        path = Path(place(run.paths, *(words[name] for name in needed)))
        assert path.exists(), path
    assert not any(measure.table == "regions/similarity" for measure in study.all_measures.values())


def test_what_is_left_out_has_no_settings_that_could_rerun_anything(done):
    kind, job = done
    study = job("phases").study
    settings = study.hyperparameters("findings")
    assert "planes" not in settings
    assert ("probes" in settings) == (kind == "tokens")
    changed = study.model_copy(update={"planes": study.planes.model_copy(update={"count": 3})})
    assert changed.hyperparameters("findings") == settings


def test_phases_and_scores_of_layers_are_those_of_activations(done):
    kind, job = done
    run = job("phases", "small", "sgd", 1)
    scores, segments = read(run, Paths.scores), read(run, Paths.segments)
    assert set(segments["measure"]) == {"cka", "cka_debiased", "cka_deconfounded", "knn"}
    assert set(segments["layer"]) == {"embed", "blocks.0", "blocks.1", "blocks.2"}
    of_history = scores[scores["layer"].isna() & scores["measure"].isna()].set_index("score")["value"]
    assert of_history.notna().any() == (kind == "tokens")
    assert of_history.notna()["test_accuracy_best"] == (kind == "tokens")
    assert set(scores.loc[scores["measure"].isna() & scores["layer"].notna(), "score"]) == (
        {"latent_generalization"} if kind == "tokens" else set()
    )


def test_labels_are_null_where_there_are_no_classes(done):
    kind, job = done
    has_classes = kind == "tokens"
    of_run, of_seed = job("activations", "small", "sgd", 0), job("examples", "small", "sgd", 0)
    activations, examples = read(of_run, Paths.activations), read(of_seed, Paths.examples)
    for frame in (activations[["label", "given_label"]], examples[["label", "given_label", "mislabelled"]]):
        assert (frame.notna() == has_classes).all(axis=None)
    batch_norm = read(of_run, Paths.batch_norm)
    assert ("output" in set(batch_norm["layer"])) == has_classes
    assert batch_norm["cka"].notna().all()


def test_findings_are_of_what_is_known(done):
    kind, job = done
    found = pd.read_parquet(job("findings").paths.findings())
    assert set(found["claim"]) == set(CLAIMS)
    assert not found["measure"].dropna().str.startswith("regions").any()
    left_out = pd.read_parquet(job("findings").paths.left_out())
    reasons = set(left_out.loc[left_out["claim"] == LATENT.name, "reason"])
    assert reasons
    assert all(reason.startswith("did not happen" if kind == "tokens" else "not known: ") for reason in reasons)
    assert found.loc[(found["claim"] == PHASES.name) & found["primary"], "estimate"].notna().all()


def test_every_figure_that_there_is_is_drawn_and_each_other_is_refused_in_a_sentence(done, tmp_path):
    kind, job = done
    study = job("figure").study
    of_run, of_study = catalogue.of_run(study), catalogue.of_study(study)
    assert set(catalogue.drawn_of_run(study, study.runs[0])) <= set(of_run)
    assert set(catalogue.drawn_of_study(study)) <= set(of_study) | {"widths"}
    jobs = {"run": job("figure", "small", "adam", 0), "study": job("figure")}
    for scope, figures in (("run", of_run), ("study", of_study)):
        for figure in sorted(set(figures) - {"widths"}):
            draw.main(jobs[scope], figure, tmp_path / f"{figure}.svg")
            assert "Decision regions" not in (tmp_path / f"{figure}.svg").read_text(encoding="utf-8"), figure
        for figure, sentence in catalogue.left_out(study, scope).items():
            of_data = sentence.endswith((SENTENCES[kind], "so there are no accuracies."))
            assert of_data or (figure == "trends" and "No three levels differ in one number alone" in sentence)
            with pytest.raises(RepdynError, match=re.escape(sentence.removeprefix(f"There is no figure `{figure}`. "))):
                draw.main(jobs[scope], figure, tmp_path / f"{figure}.svg")
    regions = {"regions", "planes-test", "planes-clean", "planes-mislabelled"}
    without = {"tokens": regions, "unlabelled": regions | {"training", "probes"}}
    assert set(catalogue.left_out(study, "run")) == without[kind]
    assert not catalogue.animations(study)
    with pytest.raises(RepdynError, match=re.escape(SENTENCES[kind])):
        draw.main(jobs["run"], "planes-test", tmp_path / "planes-test.gif")


def test_the_report_is_written_and_the_findings_can_be_compared(done):
    kind, job = done
    paths = job("report").paths
    for path in (paths.report_findings(), paths.report_runs()):
        assert "nan" not in re.sub("<[^>]*>", "", Path(path).read_text(encoding="utf-8"))
    for path in (paths.report_runs(), template.page_of(paths)):
        assert html.escape(SENTENCES[kind]) in Path(path).read_text(encoding="utf-8")
    found = across_studies.read(Path(paths.root), kind)
    assert found.seeds == [0, 1]
    assert len(remarks.runs_of(found.settings)) == len(job("report").study.runs)


def test_the_explorer_shows_matrices_and_says_what_is_left_out(done):
    kind, job = done
    text = Path(job("explorer").paths.explorer()).read_text(encoding="utf-8")
    shown = json.loads(html.unescape(re.search(r'id="study">(.*?)</script>', text, re.DOTALL)[1]))
    assert shown["planes"] == []
    assert shown["leftOut"] == SENTENCES[kind]
    assert [measure["key"] for measure in shown["measures"]] == ["cka", "cka_debiased", "knn", "cka_deconfounded"]
    assert {run["seed"] for run in shown["runs"]} == {0, 1}
    assert all(run["layers"] == ["embed", "blocks.0", "blocks.1", "blocks.2"] for run in shown["runs"])


def test_the_plan_has_no_jobs_and_no_tables_of_what_is_left_out(done):
    kind, job = done
    study = job("phases").study
    planned = plan.of(study)
    assert not GONE[kind] & set(planned.jobs)
    assert not any(table.partition("/")[0] in GONE[kind] for table in planned.disk)
    said = plan.report(study, planned, 1e12)
    assert SENTENCES[kind] in " ".join(said.split())
    assert max(map(len, said.splitlines())) <= 100


def test_the_check_says_what_is_left_out_once(done, caplog):
    kind, job = done
    study = job("phases").study
    with caplog.at_level("WARNING"):
        check.main(study)
    assert [record.message for record in caplog.records].count(SENTENCES[kind]) == 1


def test_nothing_is_trained_here_without_classes(done):
    kind, job = done
    trained = studies.parse(job("phases").study.model_dump(mode="json") | TRAINED)
    if kind == "unlabelled":
        with pytest.raises(RepdynError, match=r"`optimizers.sgd` would be trained here, .*: `recorded`"):
            check.main(trained)


@pytest.mark.parametrize("stage", ["planes", "regions", "regions_between", "probes"])
def test_a_stage_that_is_left_out_is_refused_in_a_sentence(done, stage, monkeypatch, capsys, tmp_path):
    kind, job = done
    if stage not in GONE[kind]:
        return
    path = tmp_path / "study.yaml"
    path.write_text(json.dumps(job("phases").study.model_dump(mode="json")), encoding="utf-8")
    words = ["repdyn", stage, "--study", str(path)]
    words += ["--seed", "0"] if stages.STAGES[stage].scope in ("run", "seed") else []
    words += ["--arch", "small", "--optimizer", "sgd"] if stages.STAGES[stage].scope == "run" else []
    monkeypatch.setattr("sys.argv", words)
    assert command.main() == 1
    assert SENTENCES[kind] in capsys.readouterr().err
