"""A line for each finished job, and how long the study still takes."""

import logging
from types import SimpleNamespace
from typing import Any

import pytest
from snakemake_interface_logger_plugins.common import LogEvent

import snakemake_logger_plugin_repdyn as plugin


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (0.4, "0 s"),
        (48, "48 s"),
        (59.4, "59 s"),
        (90, "2 min"),
        (12 * 60, "12 min"),
        (3 * 3600 + 20 * 60, "3 h 20 min"),
    ],
)
def test_a_duration_is_said_in_its_largest_units(seconds, said):
    assert plugin.duration(seconds) == said


def test_nothing_is_said_of_the_time_left_before_a_job_is_finished():
    times = plugin.JobTimes({"train": 4})
    assert times.left(0.0) is None
    times.begin(1, "train", 0.0)
    assert times.left(10.0) is None


def test_jobs_to_come_take_as_long_as_those_of_their_rule_one_after_the_other():
    times = plugin.JobTimes({"train": 3, "cka": 3})
    times.begin(1, "train", 0.0)
    assert times.end(1, 30.0) == 30.0
    times.begin(2, "cka", 30.0)
    assert times.end(2, 40.0) == 10.0
    assert times.left(40.0) == 2 * 30 + 2 * 10


def test_jobs_that_run_side_by_side_take_half_as_long_and_what_a_running_one_has_done_is_counted():
    times = plugin.JobTimes({"train": 6})
    for job in (1, 2):
        times.begin(job, "train", 0.0)
    for job in (1, 2):
        times.end(job, 30.0)
    for job in (3, 4):
        times.begin(job, "train", 30.0)
    assert times.left(40.0) == (2 * 30 + 2 * 20) / 2


def test_a_rule_without_a_finished_job_is_taken_for_the_mean_of_all():
    times = plugin.JobTimes({"train": 1, "cka": 1, "regions": 1})
    for job, (rule, seconds) in enumerate([("train", 30.0), ("cka", 10.0)]):
        times.begin(job, rule, 40.0 * job)
        times.end(job, 40.0 * job + seconds)
    assert times.left(50.0) == 20.0


def test_a_failed_job_is_to_be_run_again():
    times = plugin.JobTimes({"train": 2})
    times.begin(1, "train", 0.0)
    times.end(1, 10.0)
    times.begin(2, "train", 10.0)
    times.fail(2)
    assert times.left(20.0) == 10.0


def said(*events: dict[str, Any], capsys: pytest.CaptureFixture[str], dryrun: bool = False) -> list[str]:
    """What is printed of records with these attributes, one a second."""
    handler = plugin.LogHandler(SimpleNamespace(dryrun=dryrun), None)  # type: ignore[arg-type]
    for second, of in enumerate(events):
        record = logging.makeLogRecord({"msg": "", "levelno": logging.INFO, "created": float(second)} | of)
        handler.emit(record)
    return capsys.readouterr().err.splitlines()


PLANNED = {"event": LogEvent.RUN_INFO, "stats": {"train": 2, "all": 1, "total": 3}}


def begun(job: int, rule: str = "train") -> dict[str, Any]:
    return {"event": LogEvent.JOB_INFO, "jobid": job, "rule_name": rule, "rule_msg": f"{rule} vit seed {job}"}


def test_a_study_says_what_is_to_be_done_and_a_line_for_each_job_but_not_for_targets(capsys):
    finished = [{"event": LogEvent.JOB_FINISHED, "job_id": job} for job in (1, 2, 3)]
    lines = said(
        PLANNED, {"msg": "Select jobs to execute..."}, begun(1), finished[0], begun(2), finished[1], begun(3, "all"),
        finished[2], capsys=capsys,
    )  # fmt: skip
    assert lines[0] == "2 jobs to run: 2 train"
    assert [line.partition(" ")[2] for line in lines[1:]] == [
        "1/2 train vit seed 1: 1 s; about 1 s left",
        "2/2 train vit seed 2: 1 s",
    ]


def test_errors_and_other_words_are_those_of_snakemake(capsys):
    lines = said(PLANNED, {"msg": "Something is wrong", "levelno": logging.ERROR}, capsys=capsys)
    assert lines[1:] == ["Something is wrong"]


def test_a_dry_run_is_printed_as_snakemake_prints_it(capsys):
    assert said(PLANNED | {"msg": "Job stats:"}, capsys=capsys, dryrun=True) == ["Job stats:"]
