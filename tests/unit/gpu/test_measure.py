"""The script of tests/gpu on the CPU: its parts with tiny sizes, its checks against known differences, its budgets."""

import json
import sys
from pathlib import Path

import measure
import numpy as np
import pandas as pd
import part_launches
import part_stages
import part_throughput
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from reporting import Part, Report, outcome, table
from safetensors.numpy import save_file

from repdyn.runtime import devices


@pytest.fixture
def report(tmp_path):
    return Report(tmp_path / "report.jsonl", seconds=1800)


@pytest.fixture
def read(tmp_path):
    """What a part has reported so far, as if it had ended so."""

    def ended(part=None, device="cpu", status=0):
        part = part or Part("a_part", "a part", 1800)
        return outcome(part, device, tmp_path / "report.jsonl", 1.0, status, "Traceback\nValueError: of the part\n")

    return ended


# ---- parts, on the CPU ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", measure.PARTS)
def test_a_part_makes_its_checks_on_the_cpu_and_passes_them(name, report, read):
    sys.modules.pop(name, None)
    module = __import__(name)
    try:
        module.main(report, "cpu", tiny=True)
    finally:
        devices.prepare("cpu")
    found = read(measure.PARTS[name])
    assert found.said == []
    assert {check["name"] for check in found.checks} == set(measure.PARTS[name].checks)
    assert found.passed
    assert found.rows


def test_all_parts_together_have_six_minutes():
    assert sum(part.seconds for part in measure.PARTS.values()) <= 360


def test_a_captured_step_begins_where_the_run_began():
    before = part_launches.Training("cpu", tiny=True).bytes()
    run = part_launches.Training("cpu", tiny=True)
    part_launches.captured(run)
    assert all(torch.equal(before[name], tensor) for name, tensor in run.bytes().items())


@pytest.mark.parametrize(("left", "compiled"), [(1800.0, 6), (100.0, 3), (10.0, 0)])
def test_what_there_is_no_time_to_compile_is_left_out(report, read, monkeypatch, left, compiled):
    remaining = [left]
    monkeypatch.setattr(Report, "left", lambda _: remaining[0])

    def rate(*_):
        remaining[0] -= 30.0

    part_throughput._compiled(report, part_throughput.Bench(Path(), "cpu", tiny=True), rate, tiny=False)
    assert len(read().left_out) == 6 - compiled


# ---- comparisons, of differences that are known ----------------------------------------------------------------------

PART = "arch=vit/optimizer=sgd/seed=0"


def results(folder, **changed):
    """Tables of one run as the stages write them, all of them numbers that can be changed."""
    value = {"weight": 0.0, "loss": 2.0, "activation": 1.0, "cka": 0.5, "knn": 0.25, "accuracy": 0.75, "label": 3,
             "similarity": 0.5} | changed  # fmt: skip
    steps = pd.DataFrame({"step": [0, 4], "epoch": [0.0, 1.0], "train_loss": [2.3, value["loss"]]})
    pairs = {"layer": ["a", "a"], "step_a": [0, 4], "step_b": [4, 4], "epoch_a": [0.0, 1.0], "epoch_b": [1.0, 1.0]}
    tables = {
        "history/{}/history.parquet": steps,
        # Not by way of pandas, which takes NaN for null.
        "activations/{}/activations.parquet": pa.table({"step": [0], "a": [[3.0, 0.0, value["activation"], 0.0]]}),
        "cka/{}/cka.parquet": pd.DataFrame(
            pairs | {"cka": [value["cka"], 1.0], "cka_debiased": [0.5, None], "knn": [value["knn"], 1.0]}
        ),
        "probes/accuracy/{}/accuracy.parquet": pd.DataFrame(
            {"layer": ["a"], "step": [0], "split": ["probe"], "accuracy": [value["accuracy"]]}
        ),
        "regions/labels/{}/labels.parquet": pd.DataFrame(
            {"layer": ["a"], "step": [0], "planes": ["test"], "plane": [0], "labels": [[1, 2, value["label"], 4]]}
        ),
        "regions/similarity/{}/similarity.parquet": pd.DataFrame(
            {"layer": ["a"] * 2, "planes": ["test"] * 2, "step_a": [0, 4], "step_b": [4, 4],
             "similarity": [value["similarity"], 1.0]}
        ),
    }  # fmt: skip
    for name, frame in tables.items():
        path = folder / "tiny" / name.format(PART)
        path.parent.mkdir(parents=True)
        pq.write_table(frame if isinstance(frame, pa.Table) else pa.Table.from_pandas(frame), path)
    checkpoint = folder / "tiny" / "checkpoints" / PART / "step=0.safetensors"
    checkpoint.parent.mkdir(parents=True)
    save_file({"w": np.array([value["weight"], 1.0])}, checkpoint)
    return folder


@pytest.mark.parametrize(
    ("changed", "name", "apart"),
    [
        ({"weight": 1e-7}, "initial weights that differ", 1),
        ({"loss": 2.2}, "loss after an epoch, relative difference", 0.1),
        ({"activation": 2.0}, "activations, relative difference", 10**-0.5),
        ({"cka": 0.4}, "CKA, largest difference", 0.1),
        ({"knn": 0.45}, "further measures, mean difference", 0.1),
        ({"accuracy": 0.5}, "probe accuracy, largest difference", 0.25),
        ({"label": 9}, "labels of plane points that differ", 0.25),
        ({"similarity": 0.4}, "decision regions similarity, mean difference", 0.05),
    ],
)
def test_a_difference_between_devices_is_found_and_fails_its_check(tmp_path, report, read, changed, name, apart):
    folders = results(tmp_path / "cpu"), results(tmp_path / "gpu", **changed)
    found = dict(part_stages.training(*folders)) | dict(part_stages.measurements(*folders))
    assert list(found) == list(part_stages.BOUNDS)
    assert found.pop(name) == pytest.approx(apart, rel=1e-4)
    assert set(found.values()) == {0.0}
    report.check(name, apart, at_most=part_stages.BOUNDS[name])
    assert not read().passed


def test_a_similarity_that_one_device_alone_defines_is_an_error(tmp_path):
    folders = results(tmp_path / "cpu"), results(tmp_path / "gpu", knn=None)
    with pytest.raises(AssertionError, match="defined on one device alone"):
        dict(part_stages.measurements(*folders))


@pytest.mark.filterwarnings("ignore:invalid value")
def test_activations_that_are_not_finite_fail_their_check(tmp_path, report, read):
    folders = results(tmp_path / "cpu"), results(tmp_path / "gpu", activation=float("nan"))
    name = "activations, relative difference"
    report.check(name, dict(part_stages.measurements(*folders))[name], at_most=part_stages.BOUNDS[name])
    assert not read().passed


def test_other_bytes_are_found_and_named(tmp_path, report, read):
    folders = results(tmp_path / "once"), results(tmp_path / "again", cka=0.5000001)
    for folder in folders:  # as a history has it
        path = folder / "tiny/history" / PART / "history.parquet"
        pd.read_parquet(path).assign(seconds=1.0).to_parquet(path, index=False)
    part_stages.same_bytes(report, "files that differ", *folders)
    found = read()
    assert found.checks[0]["value"] == 1
    assert not found.passed
    assert found.said == [f"files that differ: cka/{PART}/cka.parquet"]


def test_a_training_that_ends_before_it_is_killed_says_so(tmp_path, monkeypatch):
    monkeypatch.setattr(part_stages, "LEAST", 10**9)
    worker = part_stages.Worker(tmp_path, "killed", "cpu", ("none",), ("vit/sgd",), tiny=True)
    with pytest.raises(RuntimeError, match="ended before it could be killed: KeyError: 'none'"):
        worker.kill_and_continue()
    with pytest.raises(RuntimeError, match="ended with status 1: KeyError: 'none'"):
        worker.wait()


def test_that_training_continued_is_read_from_its_log():
    assert part_stages.continued_from("epoch 3/20\ncontinues from epoch 2\n") == 2
    assert part_stages.continued_from("epoch 3/20\n") == 0


# ---- the script ------------------------------------------------------------------------------------------------------

FAKES = {
    "right": "report.row('speed', 3.0, 'images/s'); report.check('error', 1e-9, at_most=1e-6)",
    "wrong": "report.check('error', 1e-3, at_most=1e-6)",
    "raises": "report.row('speed', 3.0); raise ValueError('of its own')",
    "forgets": "report.row('speed', 3.0)",
    "hangs": "report.check('error', 0.0, at_most=1e-6); import time; time.sleep(1000)",
    "hangs_first": "import time; time.sleep(1000)",
    "dies": "import os; os.kill(os.getpid(), 9)",
}


@pytest.fixture
def parts(tmp_path, monkeypatch):
    """Parts that do what their names say, each with one check."""
    monkeypatch.setenv("PYTHONPATH", str(tmp_path), prepend=":")
    for name, body in FAKES.items():
        (tmp_path / f"fake_{name}.py").write_text(f"def main(report, device, tiny): {body}\n", encoding="utf-8")
    return {name: Part(f"fake_{name}", name, 5.0 if name.startswith("hangs") else 100.0, ("error",)) for name in FAKES}


def test_each_part_ends_as_it_must_and_leaves_the_others_alone(parts, tmp_path, capsys):
    assert measure.measure([*parts.values()], "cpu", True, tmp_path / "gpu.json") == 1
    facts = json.loads((tmp_path / "gpu.json").read_text(encoding="utf-8"))
    found = {part["title"]: part for part in facts["parts"]}
    assert {title: (part["ended"], part["passed"]) for title, part in found.items()} == {
        "right": ("done", True),
        "wrong": ("done", False),
        "raises": ("failed", False),
        "forgets": ("done", False),
        "hangs": ("cut", True),
        "hangs_first": ("cut", False),
        "dies": ("failed", False),
    }
    assert not facts["passed"]
    assert facts["versions"]["torch"] == torch.__version__.split("+")[0]
    assert found["raises"]["said"][0] == "It ended with status 1: ValueError: of its own"
    assert found["raises"]["rows"] == [{"what": "speed", "value": 3.0, "unit": ""}]
    assert found["forgets"]["said"] == ["These checks were not made: error."]
    assert found["hangs"]["left_out"] == ["It was cut after 5 s."]
    assert found["hangs_first"]["said"] == ["It was cut after 5 s, without its checks of error."]
    assert found["right"]["checks"] == [{"name": "error", "value": 1e-9, "bound": "≤ 1e-06", "passed": True}]
    printed = capsys.readouterr().out
    assert "wrong: FAILED" in printed
    assert "right: done" in printed


def test_where_everything_passes_the_status_is_0(parts, tmp_path):
    assert measure.measure([parts["right"]], "cpu", True, tmp_path / "gpu.json") == 0
    assert json.loads((tmp_path / "gpu.json").read_text(encoding="utf-8"))["passed"]


def test_without_a_gpu_it_says_so_and_writes_nothing(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert measure.main(["--into", str(tmp_path / "gpu.json")]) == 0
    assert capsys.readouterr().out == "There is no GPU here that torch can use, so there is nothing to measure.\n"
    assert not (tmp_path / "gpu.json").exists()


def test_a_number_that_is_none_fails_and_can_be_read(report, read):
    report.check("error", float("nan"), at_most=1.0)
    (check,) = read().checks
    assert check == {"name": "error", "value": "nan", "bound": "≤ 1", "passed": False}
    assert "nan" in table([read()])


def test_checks_that_only_a_gpu_allows_are_asked_of_a_gpu(read):
    part = Part("a_part", "a part", 10, (), ("memory",))
    assert read(part, "cpu").passed
    assert read(part, "cuda").said == ["These checks were not made: memory."]


def test_a_line_that_was_cut_off_is_no_harm(report, read, tmp_path):
    report.row("speed", 1.0)
    with (tmp_path / "report.jsonl").open("a", encoding="utf-8") as file:
        file.write('{"kind": "row", "wh')
    assert [row["what"] for row in read().rows] == ["speed"]
