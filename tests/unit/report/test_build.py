import html
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from found_studies import finding
from PIL import Image
from tiny_stages import Config, MakeJob, write

from repdyn.catalogue.claims import SUPPORTED
from repdyn.config.runs import Run
from repdyn.pipeline.jobs import Job
from repdyn.records.findings import FINDINGS, LEFT_OUT
from repdyn.records.phases import SCORES
from repdyn.records.train import HISTORY
from repdyn.report import build, contents, template

EPOCHS = 20  # of the tiny study, all of them evaluated


@pytest.fixture
def job(make_job: MakeJob, config: Config) -> Job:
    """A job of two runs, which differ in their seed."""
    del config["archs"]["vit"], config["optimizers"]["adam"]
    return make_job("report", config)


def page(job: Job) -> str:
    build.main(job)
    return Path(template.page_of(job.paths)).read_text(encoding="utf-8")


def text(content: str) -> str:
    """What a page says, without its markup."""
    body = content.partition("<body>")[2].partition("<script>")[0]
    return " ".join(html.unescape(re.sub(r"<[^>]*>", " ", body)).split())


def write_run(job: Job, run: Run, accuracy: float) -> None:
    """Write what the table of runs is made of."""
    of_run = Job("report", job.study, job.paths, run)
    epochs = np.arange(EPOCHS + 1.0)
    history = {"step": 4 * epochs, "epoch": epochs, "train_accuracy": accuracy * epochs / EPOCHS}
    write(of_run, HISTORY, history | {"test_accuracy": np.full(EPOCHS + 1, 0.5), "seconds": epochs})
    write(of_run, SCORES, {"score": ["perfect_fit_first"], "value": [7.0]})


def make_whole(job: Job, run: Run) -> None:
    """Put something in the place of every file of a run that is not there."""
    for record in contents.files(job.study):
        if record.scope == "run":
            path = Path(contents.place(job.paths, record, run))
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch()


def draw(path: str, size: tuple[int, int] = (40, 30)) -> None:
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.full((*size[::-1], 3), 99, dtype=np.uint8)).save(path)


def test_of_a_study_that_has_not_run_the_page_says_what_each_run_lacks(
    job: Job, caplog: pytest.LogCaptureFixture
) -> None:
    said = text(page(job))
    assert "2 of 2 runs are not whole" in said
    for seed in (0, 1):
        assert f"resnet sgd seed {seed} , train : It has not been run." in said
        assert f"resnet sgd seed {seed} is not whole: train: It has not been run." in caplog.messages
    assert "There are no findings. `" in said and "findings.parquet` is not there" in said
    assert "Events and accuracies" not in said


def test_a_run_that_failed_says_why_in_the_words_of_its_log(job: Job) -> None:
    first, second = job.study.runs
    make_whole(job, second)
    write_run(job, second, 1.0)
    log = Path(job.paths.log("train", first.path))
    log.parent.mkdir(parents=True)
    log.write_text("2026-01-01 00:00:00 ERROR   The loss is NaN at step 3; <lower> the rate.\n", encoding="utf-8")
    content = page(job)
    assert "1 of 2 runs are not whole" in text(content)
    assert "The loss is NaN at step 3; &lt;lower&gt; the rate." in content


def test_every_run_that_has_its_tables_has_a_row_in_the_order_of_the_study(
    job: Job, caplog: pytest.LogCaptureFixture
) -> None:
    for run, accuracy in zip(job.study.runs, (0.875, 1.0), strict=True):
        make_whole(job, run)
        write_run(job, run, accuracy)
    with caplog.at_level("INFO"):
        content = page(job)
    rows = re.findall(r'<tr id="run-[^"]*seed=(\d)">(.*?)</tr>', content, flags=re.S)
    assert [(seed, re.findall(r">([\d.]+)</t[dh]>", row)[-4:-1]) for seed, row in rows] == [
        ("0", ["0.875", "0.500", "0.500"]),
        ("1", ["1.000", "0.500", "0.500"]),
    ]
    assert "All 2 runs are whole; none has failed." in text(content)
    assert any(message.startswith("2 of 2 runs in ") for message in caplog.messages)
    before = content
    assert page(job) == before, "the same tables make the same page"


def test_a_run_whose_table_is_damaged_is_named_though_all_of_its_files_are_there(job: Job) -> None:
    first, second = job.study.runs
    for run in (first, second):
        make_whole(job, run)
    write_run(job, second, 1.0)
    said = text(page(job))
    assert "1 of 2 runs are not whole" in said
    assert f"{first} , train : `{job.paths.history(first.path)}` is damaged" in said


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({}, "digits, 20 % of the training labels wrong; 2 runs: resnet × sgd × 2 seeds."),
        ({"seeds": [3]}, "digits, 20 % of the training labels wrong; 1 runs: resnet × sgd × 1 seed."),
        ({"data": {"label_noise": 0.0}}, "digits; 2 runs: resnet × sgd × 2 seeds."),
    ],
)
def test_the_first_line_says_what_was_run(config: Config, make_job: MakeJob, changes: Config, words: str) -> None:
    del config["archs"]["vit"], config["optimizers"]["adam"]
    config |= changes | {"data": config["data"] | changes.get("data", {})}
    assert words in text(page(make_job("report", config, seed=config["seeds"][0])))


def test_levels_with_other_noise_are_named_and_their_noise_is_not(config: Config, make_job: MakeJob) -> None:
    levels = {name: config["data"] | {"label_noise": noise} for name, noise in (("clean", 0.0), ("noisy", 0.3))}
    job = make_job("report", config)
    study = job.study.model_validate(config | {"data": levels})
    said = text(page(Job("report", study, job.paths)))
    assert "digits; 16 runs: resnet, vit × sgd, adam × clean, noisy × 2 seeds." in said


def test_findings_are_told_and_runs_left_out_are_counted_by_reason(job: Job) -> None:
    rows = [finding(SUPPORTED, level="resnet")]
    write(job, FINDINGS, pd.DataFrame(rows))
    left_out = {"claim": ["a claim"] * 2, "reason": ["did not <happen>"] * 2, "arch": ["resnet"] * 2}
    write(job, LEFT_OUT, left_out | {"optimizer": ["sgd"] * 2, "seed": [0, 1]})
    content = page(job)
    said = text(content)
    assert "Supported in the one comparison that there is." in said
    assert "There are no findings" not in said
    assert "<td>did not &lt;happen&gt;</td><td>resnet sgd 0, resnet sgd 1</td>" in content
    write(job, FINDINGS, pd.DataFrame(rows).iloc[:0])
    assert "No claim of the catalogue concerns this study." in text(page(job))


def test_only_figures_and_tables_that_are_there_are_linked_and_their_links_lead_to_them(job: Job) -> None:
    absent = page(job)
    assert absent.count("It is not drawn.") == len(contents.figures_of_study(job.study, job.paths))
    figures = {figure.name: figure for figure in contents.figures_of_study(job.study, job.paths)}
    draw(figures[contents.FOREST].files[template.SHOWN])
    small = next(name for name in figures if name not in (contents.FOREST, contents.GRID))
    draw(figures[small].files[template.SHOWN])
    drawn = job.study.drawn_runs[0]
    of_run = contents.figures_of_run(job.study, job.paths, drawn)[0]
    of_drawn = Path(next(iter(of_run.files.values())))
    of_drawn.parent.mkdir(parents=True)
    of_drawn.touch()
    write_run(job, drawn, 1.0)
    content = page(job)
    assert content.count("It is not drawn.") == len(figures) - 2
    assert content.count("data:image/") >= absent.count("data:image/") + 2
    links = {link for link in re.findall(r'href="([^"#:]+)"', content) if not link.endswith(".html")}
    assert links == {
        str(Path(path).relative_to(job.paths.root))
        for path in (
            figures[contents.FOREST].files[template.SHOWN],
            figures[small].files[template.SHOWN],
            of_drawn,
            job.paths.history(drawn.path),
            job.paths.scores(drawn.path),
        )
    }
    assert all((Path(job.paths.root) / link).exists() for link in links)
